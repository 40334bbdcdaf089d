"""The one judge of what is right: what expectations.toml says today.

Results hold what was expected when they were made, and the file may have changed since. What was
accepted then is not to let a release out now, nor is what is accepted now to look like a failure:
so every command that judges results goes by the file of today, and says where that differs. What a
list of the policy knew when the results were made stays as it is in them.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from kserve_conformance.results.record import Header, Record, Run
from kserve_conformance.results.verdict import Verdict

from matrix.planning import expectations
from matrix.planning.cells import Cell
from matrix.planning.expectations import Expectations
from matrix.results import grouping

_MOST_EXAMPLES = 3


@dataclass(frozen=True)
class JudgedRuns:
    """Runs whose records expect what expectations.toml says today.

    Attributes:
        change: a sentence on where they expected something else, None where nowhere.
    """

    runs: tuple[Run, ...]
    change: str | None


@functools.cache
def today() -> Expectations:
    """Give expectations.toml as it is, read once."""
    return expectations.load()


def by_today(runs: Iterable[Run], expected: Expectations | None = None) -> JudgedRuns:
    """Judge runs by expectations.toml of today, or by another one."""
    then = tuple(runs)
    now = tuple(_rejudged(run, expected or today()) for run in then)
    changes = [
        _Change(*sides)
        for old, new in zip(then, now, strict=True)
        for sides in zip(old.records, new.records, strict=True)
        if sides[0] is not sides[1]
    ]
    return JudgedRuns(now, _sentence(changes) if changes else None)


@dataclass(frozen=True)
class _Change:
    """A record as it was made, and as it is judged today."""

    then: Record
    now: Record

    def __str__(self) -> str:
        now, then = self.now.expected_verdict, self.then.expected_verdict
        return f"{self.now.check} is to be {now} and was to be {then}"


def _rejudged(run: Run, expected: Expectations) -> Run:
    if run.header.runtime is None:
        # A server that was judged at its address is in no cell.
        return run
    points = {
        name: point(cell, run.header, expected) for name, cell in cells_of(run.header).items()
    }
    known = expected.checks.keys() | expected.statements.keys()

    def rejudged(record: Record) -> Record:
        if record.check not in known or record.cell not in points:
            return record
        now = right(expected, record.check, points[record.cell])
        return record if now is recorded(record) else replace(record, expected_verdict=now)

    return replace(run, records=list(map(rejudged, run.records)))


def _sentence(changes: list[_Change]) -> str:
    groups = grouping.gathered(changes, str)
    told = [f"{alike[0]} (records: {len(alike)})" for alike in groups[:_MOST_EXAMPLES]]
    more = [f"and {len(groups) - _MOST_EXAMPLES} more"] if len(groups) > _MOST_EXAMPLES else []
    return (
        "expectations.toml has changed since the run, and what it says today is what counts: "
        f"{'; '.join([*told, *more])}"
    )


def recorded(record: Record) -> Verdict:
    """Give what was right when a record was made, whatever a list of the policy knew of it."""
    # Only such a list expects a failure.
    expected = record.expected_verdict
    return Verdict.PASSED if expected is Verdict.FAILED else expected


def right(expected: Expectations, check: str, point: Mapping[str, str]) -> Verdict:
    """Give the verdict that is right for a check at a point of the axes."""
    exception = expected.exception_at(check, point)
    return exception.verdict if exception else Verdict.PASSED


def cells_of(header: Header) -> dict[str, Cell]:
    """Give each planned cell by its id."""
    return {name: Cell.named(name, header.runtime or "") for name in header.planned}


def point(cell: Cell, header: Header, expected: Expectations) -> dict[str, str]:
    """Give the point of a planned cell."""
    return expected.point(cell.axes(), header.wrapper["constructor"] is not None)
