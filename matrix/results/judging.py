"""The one judge of what is right: what expectations.toml says today.

Results hold what was expected when they were made, and the file may have changed since. What was
accepted then is not to let a release out now, nor is what is accepted now to look like a failure:
so every command that judges results goes by the file of today, and says where that differs. What a
list of the policy knew when the results were made stays as it is in them.
"""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from kserve_conformance.results.record import Header, Record, Run
from kserve_conformance.results.verdict import Verdict

from matrix.planning import expectations
from matrix.planning.cells import Cell
from matrix.planning.expectations import Expectations

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
    changes = Counter(
        f"{new.check} is to be {new.expected_verdict} and was to be {old.expected_verdict}"
        for sides in zip(then, now, strict=True)
        for old, new in zip(*(side.records for side in sides), strict=True)
        if old is not new
    )
    return JudgedRuns(now, _sentence(changes) if changes else None)


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


def _sentence(changes: Counter[str]) -> str:
    told = [f"{change} (records: {number})" for change, number in changes.items()]
    hidden = len(told) - _MOST_EXAMPLES
    more = [f"and {hidden} more"] if hidden > 0 else []
    return (
        "expectations.toml has changed since the run, and what it says today is what counts: "
        f"{'; '.join([*told[:_MOST_EXAMPLES], *more])}"
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
