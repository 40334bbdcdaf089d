"""How a run is begun, with nothing that the environment says to somebody else's pytest."""

from __future__ import annotations

import os
import signal

import pytest

from matrix.planning import options
from matrix.running import interrupts, starting


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
    assert found == []
    assert os.environ["PYTEST_ADDOPTS"] == "-ra --color=yes -k nothing"


def test_who_was_asked_to_end_begins_no_further_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interrupts, "_asked", [])
    with pytest.raises(KeyboardInterrupt):
        interrupts.interrupt(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        starting.start(options.parsed(), 1)
