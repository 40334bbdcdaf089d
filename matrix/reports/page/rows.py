"""The rows of the page: each record of a run, and each planned one that is missing."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from typing import Any

from kserve_conformance.results.record import Record, Run
from kserve_conformance.results.verdict import Verdict
from kserve_conformance.text import messages

from matrix.planning.policy import Policy
from matrix.reports import findings, known_entries
from matrix.reports.findings import MISSING, Findings
from matrix.results import states
from matrix.results.states import UNEXPECTED, State

# What the page filters by; a row may be several of them. Their order is that of the bits.
OUTCOMES = {
    "unexpected": "not as expected",
    "known": "a known failure",
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
        finding: the number of the finding that it belongs to, 0 where it belongs to none.
        entries: the numbers of the policy's entries that it is about.
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
    finding: int = 0
    entries: tuple[int, ...] = ()


@dataclass(frozen=True)
class Cell:
    """A planned cell on one backend, with its rows in the order of its plan."""

    id: str
    axes: Mapping[str, str]
    run: str
    interpreter: str
    rows: Sequence[Row]


def cells(runs: Iterable[Run], policy: Policy, found: Findings) -> Iterator[Cell]:
    """Give the planned cells of runs that are judged together.

    Args:
        found: all findings of these runs.
    """
    for run in runs:
        rows: dict[str, list[Row]] = defaultdict(list)
        interpreters: dict[str, str] = {}
        for record in run.records:
            rows[record.cell].append(_row(record))
            if interpreter := record.evidence.get("interpreter"):
                interpreters.setdefault(record.cell, interpreter)
        for _, cell, check, attempt in findings.missing(run):
            rows[cell].append(Row(check, attempt, MISSING, str(Verdict.PASSED), State.MISSING))
        for cell, point in findings.cells_of(run).items():
            axes = point.axes()
            order = {check: at for at, check in enumerate(run.header.planned[cell])}
            judged = _judged(rows[cell], (point.runtime, cell), found, _entries(policy, axes))
            yield Cell(
                id=cell,
                axes=axes,
                run=run.header.run,
                interpreter=interpreters.get(cell, ""),
                rows=sorted(
                    judged, key=lambda row: (order.get(row.check, len(order)), row.attempt)
                ),
            )


def _row(record: Record) -> Row:
    evidence = record.evidence
    return Row(
        check=record.check,
        attempt=record.attempt,
        verdict=str(record.verdict),
        expected_verdict=str(record.expected_verdict),
        state=states.of(record),
        message=messages.told(record.message),
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


def _told(value: Any) -> str:
    """Give a value as a person reads it; nothing where there is none."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=1)


def _entries(policy: Policy, axes: Mapping[str, str]) -> dict[str, list[tuple[int, str]]]:
    """Give the policy's entries that are about each check of a cell, as (number, kind)."""
    about: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for number, (kind, entry) in enumerate(known_entries.entries(policy), start=1):
        if entry.when.holds(axes):
            for check in entry.checks:
                about[check].append((number, kind))
    return about


def _judged(
    rows: Sequence[Row],
    cell: tuple[str, str],
    found: Findings,
    entries: Mapping[str, Sequence[tuple[int, str]]],
) -> Iterator[Row]:
    counts = Counter(check for check, _ in {(row.check, row.verdict) for row in rows})
    for row in rows:
        # An entry counts what became of its checks, so that what never ran isn't among them.
        about = entries.get(row.check, ()) if row.verdict != MISSING else ()
        yield replace(
            row,
            outcomes=_outcomes(row.state, {kind for _, kind in about}, counts[row.check] > 1),
            finding=found.numbers.get((*cell, row.check, row.attempt), 0),
            entries=tuple(number for number, _ in about),
        )


def _outcomes(state: State, kinds: Set[str], differs: bool) -> int:
    held = {
        "unexpected": state in UNEXPECTED,
        "known": state is State.KNOWN,
        "known-failing": known_entries.FAILING in kinds,
        "known-flaky": known_entries.FLAKY in kinds,
        "differs": differs,
        "expected": state is State.PASSED,
    }
    return sum(1 << bit for bit, outcome in enumerate(OUTCOMES) if held[outcome])
