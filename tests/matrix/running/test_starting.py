"""How a run is begun, with nothing that the environment says to somebody else's pytest."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from matrix.planning import options
from matrix.running import interrupts, starting
from tests.matrix import with_addopts
from tests.matrix.running.test_run import run_tiny


def test_what_the_environment_says_to_pytest_is_not_heeded(monkeypatch: pytest.MonkeyPatch) -> None:
    # As for the tests of the project whose CI runs the matrix, too.
    monkeypatch.setenv("PYTEST_ADDOPTS", "-ra --color=yes -k nothing")
    monkeypatch.setenv("PYTEST_PLUGINS", "no.such.plugin")
    found: list[str] = []

    def run(*_: object, plugins: object) -> int:
        found.extend(name for name in os.environ if name.startswith("PYTEST_"))
        return 0

    monkeypatch.setattr(pytest, "main", run)
    assert starting.start(options.parsed(), 1) == 0
    assert found == ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"]
    assert os.environ["PYTEST_ADDOPTS"] == "-ra --color=yes -k nothing"
    assert "PYTEST_DISABLE_PLUGIN_AUTOLOAD" not in os.environ


def test_who_was_asked_to_end_begins_no_further_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interrupts, "_asked", [])
    with pytest.raises(KeyboardInterrupt):
        interrupts.interrupt(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        starting.start(options.parsed(), 1)


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_plugin_that_happens_to_be_installed_is_not_loaded(jobs: int, tmp_path: Path) -> None:
    told = tmp_path / "other-1.dist-info"
    told.mkdir()
    (told / "METADATA").write_text("Metadata-Version: 2.1\nName: other\nVersion: 1\n")
    (told / "entry_points.txt").write_text("[pytest11]\nother = other\n")
    (tmp_path / "other.py").write_text("raise RuntimeError('it is loaded')\n")
    ran = run_tiny(
        tmp_path / "out",
        *("--kserve=0.13.1", "--kserve=0.14.1", "--protocol=v3", "--check=refusal-line"),
        jobs=jobs,
        variables={with_addopts.PLUGINS: str(tmp_path)},
    )
    assert ran.exit_code == 0, ran.output
