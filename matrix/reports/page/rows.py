"""The rows of the page: each record of a run, and each planned one that is missing."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from conformance.outcomes.results import Record, Run
from conformance.outcomes.verdicts import Verdict
from matrix.planning.policy import Known, Policy
from matrix.reports import findings, states
from matrix.reports.findings import MISSING
from matrix.reports.states import UNEXPECTED, State

# What the page filters by; a row may be several of them. Their order is that of the bits.
OUTCOMES = {
    "unexpected": "not as expected",
    "known-failing": "listed as known failing",
    "known-flaky": "listed as known flaky",
    "differs": "attempts differ",
    "expected": "as expected",
}


@dataclass(frozen=True)
class Evidence:
    """What was said while a check was made; ``exchanges`` as (request, response)."""

    exchanges: tuple[tuple[str, str], ...] = ()
    wrapper_log: str = ""
    torchserve_log: str = ""
    traceback: str = ""


@dataclass(frozen=True)
class Row:
    """One attempt at a check, as the page shows it.

    Attributes:
        verdict: that of the record, or ``missing``.
        expected: what was expected, as text; empty where the record doesn't say.
        outcomes: a bit for each of `OUTCOMES` that it is.
    """

    check: str
    attempt: int
    verdict: str
    expected_verdict: str
    state: State
    message: str = ""
    expected: str = ""
    observed: str = ""
    seconds: float = 0.0
    evidence: Evidence = Evidence()
    outcomes: int = 0


@dataclass(frozen=True)
class Cell:
    """A planned cell on one backend, with its rows in the order of its plan."""

    id: str
    axes: Mapping[str, str]
    run: str
    interpreter: str
    rows: Sequence[Row]


def cells(runs: Iterable[Run], policy: Policy) -> Iterator[Cell]:
    """Give the planned cells of runs that are judged together."""
    for run in runs:
        records = defaultdict(list)
        for record in run.records:
            records[record.cell].append(record)
        for cell, point in findings.cells_of(run).items():
            axes = point.axes()
            listed = _Listed.of(policy, axes)
            yield Cell(
                id=cell,
                axes=axes,
                run=run.header.run,
                interpreter=_interpreter(records[cell]),
                rows=_judged(_rows(run, cell, records[cell]), listed),
            )


def _rows(run: Run, cell: str, records: Sequence[Record]) -> list[Row]:
    order = {check: at for at, check in enumerate(run.header.planned[cell])}
    rows = [*map(_row, records), *_missing(run, cell, records)]
    return sorted(rows, key=lambda row: (order.get(row.check, len(order)), row.attempt))


def _row(record: Record) -> Row:
    evidence = record.evidence
    return Row(
        check=record.check,
        attempt=record.attempt,
        verdict=str(record.verdict),
        expected_verdict=str(record.expected_verdict),
        state=states.of(record),
        message=record.message,
        expected=_told(record.expected),
        observed=_told(record.observed),
        seconds=record.seconds,
        evidence=Evidence(
            tuple((each["request"], each["response"]) for each in evidence.get("exchanges", ())),
            evidence.get("wrapper_log", ""),
            evidence.get("torchserve_log", ""),
            evidence.get("traceback", ""),
        ),
    )


def _missing(run: Run, cell: str, records: Iterable[Record]) -> Iterator[Row]:
    ran = {(record.check, record.attempt) for record in records}
    for check in run.header.planned[cell]:
        for attempt in range(1, run.header.repeat + 1):
            if (check, attempt) not in ran:
                yield Row(check, attempt, MISSING, str(Verdict.PASSED), State.MISSING)


def _told(value: Any) -> str:
    """Give a value as a person reads it; nothing where there is none."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=1)


def _interpreter(records: Iterable[Record]) -> str:
    return next(filter(None, (each.evidence.get("interpreter") for each in records)), "")


@dataclass(frozen=True)
class _Listed:
    """The checks that the policy lists for one cell."""

    failing: frozenset[str]
    flaky: frozenset[str]

    @classmethod
    def of(cls, policy: Policy, axes: Mapping[str, str]) -> _Listed:
        return cls(_covered(policy.known_failing, axes), _covered(policy.known_flaky, axes))


def _covered(entries: Iterable[Known], axes: Mapping[str, str]) -> frozenset[str]:
    return frozenset(check for each in entries for check in each.checks if each.covers(check, axes))


def _judged(rows: Sequence[Row], listed: _Listed) -> list[Row]:
    counts = Counter(check for check, _ in {(row.check, row.verdict) for row in rows})
    return [replace(row, outcomes=_outcomes(row, listed, counts[row.check] > 1)) for row in rows]


def _outcomes(row: Row, listed: _Listed, differs: bool) -> int:
    is_flaky = row.check in listed.flaky
    held = {
        "unexpected": row.state in UNEXPECTED,
        "known-failing": row.check in listed.failing or (row.state is State.KNOWN and not is_flaky),
        "known-flaky": is_flaky,
        "differs": differs,
        "expected": row.state is State.PASSED,
    }
    return sum(1 << bit for bit, outcome in enumerate(OUTCOMES) if held[outcome])
