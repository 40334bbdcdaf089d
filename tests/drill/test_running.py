"""How often a row is run until it is as wanted; faults themselves are in `test_drill_for_real`."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest

from drill import pod, rows, running, torchserve
from drill.results import AS_WANTED, ERROR, NOT_AS_WANTED, Result
from matrix.planning.subject import Subject


@pytest.mark.parametrize(
    ("states", "tries", "runs"),
    [
        ([AS_WANTED], 2, 1),
        ([NOT_AS_WANTED, AS_WANTED], 2, 2),
        ([NOT_AS_WANTED, NOT_AS_WANTED], 2, 2),
        ([NOT_AS_WANTED], 1, 1),
        # What couldn't be run says nothing of times.
        ([ERROR], 2, 1),
    ],
)
def test_a_row_is_run_until_it_is_as_wanted(
    states: list[str], tries: int, runs: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = list(states)

    def run_once(row: rows.Row, *_: Any) -> Result:
        return Result(row.name, "0.13.1", left.pop(0))

    monkeypatch.setattr(torchserve, "start", contextlib.nullcontext)
    monkeypatch.setattr(pod, "before", lambda *_: contextlib.nullcontext())
    monkeypatch.setattr(running, "_run_once", run_once)
    row = rows.load()["worker-killed"]
    told = running.run(Subject(), ["0.13.1"], [row], lambda *_: lambda _: None, tries)
    assert [result.state for result in told] == [states[runs - 1]]
    assert len(left) == len(states) - runs
