"""What a container that has ended leaves for Kubernetes to show."""

from __future__ import annotations

from pathlib import Path

import pytest

from wrapper import termination


@pytest.fixture
def message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file that Kubernetes reads."""
    path = tmp_path / "message"
    monkeypatch.setenv("TERMINATION_LOG_PATH", str(path))
    return path


def test_a_start_that_is_refused_leaves_its_line(
    message: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as raised:
        termination.refuse("write v1")
    assert raised.value.code == 2
    assert message.read_text() == capsys.readouterr().err == "write v1\n"


def test_of_many_last_lines_the_end_is_left(message: Path) -> None:
    termination.leave("it ended", "".join(f"line {number}\n" for number in range(1000)))
    text = message.read_text()
    assert len(text) == 4096
    assert text.startswith("it ended\n")
    assert text.endswith("line 998\nline 999\n")


def test_a_line_that_is_too_long_is_cut(message: Path) -> None:
    termination.leave("x" * 10_000, "last\n")
    assert message.read_text() == "x" * 4095 + "\n"


def test_a_place_that_can_not_be_written_is_no_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERMINATION_LOG_PATH", str(tmp_path / "none" / "message"))
    termination.leave("it ended")
