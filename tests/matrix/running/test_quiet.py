"""Times as contracts: what runs beside makes none of them late."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from matrix.running.quiet import Measured, Quiet

# Runs beside others, and says so, until a while after its stdin has ended.
_BESIDE = """
import sys, time
from pathlib import Path
from matrix.running.quiet import Quiet
folder = Path(sys.argv[1])
with Quiet(folder).beside():
    print("in", flush=True)
    sys.stdin.read()
    time.sleep(0.3)
    (folder / "left").touch()
"""


def _beside(folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", _BESIDE, folder],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def _said(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


@pytest.fixture
def other(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Give another process of the run, that has begun a check."""
    with _beside(tmp_path) as process:
        assert _said(process) == "in"
        yield process
        process.kill()


def test_a_time_that_is_kept_is_measured_once(tmp_path: Path) -> None:
    took = Quiet(tmp_path).measure(iter([0.1, 9.0]).__next__, 0.3)
    assert took == Measured(0.1)
    assert took.told() == {"best": 0.1, "median": 0.1}


def test_a_time_that_is_late_is_measured_again_and_all_figures_are_told(tmp_path: Path) -> None:
    took = Quiet(tmp_path).measure(iter([0.5, 0.4, 0.2, 9.0]).__next__, 0.3)
    assert took == Measured(0.5, (0.4, 0.2))
    assert took.told() == {"best": 0.2, "median": 0.4, "beside": 0.5, "alone": [0.4, 0.2]}


def test_what_is_far_off_is_measured_once_more_only(tmp_path: Path) -> None:
    assert Quiet(tmp_path).measure(iter([5.0, 4.0, 0.1]).__next__, 0.3) == Measured(5.0, (4.0,))


def test_what_stays_late_is_told_so(tmp_path: Path) -> None:
    took = Quiet(tmp_path).measure(lambda: 0.31, 0.3)
    assert (took.best, len(took.alone)) == (0.31, 9)


def test_one_that_wants_to_be_alone_waits_for_the_others(
    tmp_path: Path, other: subprocess.Popen[str]
) -> None:
    quiet = Quiet(tmp_path)
    has_left: list[bool] = []

    def seconds() -> float:
        has_left.append((tmp_path / "left").exists())
        assert other.stdin is not None
        other.stdin.close()
        return 1.0 / len(has_left)

    with quiet.beside():
        quiet.measure(seconds, 0.5)
    assert has_left == [False, True]


def test_nobody_comes_in_while_one_is_alone(tmp_path: Path) -> None:
    quiet = Quiet(tmp_path)
    with quiet.beside():
        with quiet.alone():
            late = _beside(tmp_path)
            with pytest.raises(subprocess.TimeoutExpired):
                late.communicate(timeout=1)
        assert _said(late) == "in"
        late.communicate()
