"""The rows of the page: each record of a run, and each planned one that is missing."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace

from kserve_conformance.results.record import Record, Run

from matrix.planning.policy import Policy
from matrix.reports import findings, known_entries
from matrix.reports.findings import MISSING, Findings
from matrix.results import judging, states
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
class Row:
    """One attempt at a check, as the page shows it.

    Attributes:
        record: what it came to, None where it was planned and never ran.
        outcomes: a bit for each of `OUTCOMES` that it is.
        finding: the number of the finding that it belongs to, 0 where it belongs to none.
        entries: the numbers of the policy's entries that it is about.
    """

    check: str
    attempt: int
    state: State
    record: Record | None = None
    outcomes: int = 0
    finding: int = 0
    entries: tuple[int, ...] = ()

    @property
    def verdict(self) -> str:
        """Give the verdict of the record, or ``missing``."""
        return str(self.record.verdict) if self.record else MISSING


@dataclass(frozen=True)
class PageCell:
    """A planned cell on one backend, with its rows in the order of its plan."""

    id: str
    axes: Mapping[str, str]
    run: str
    interpreter: str
    rows: Sequence[Row]


def cells(runs: Iterable[Run], policy: Policy, found: Findings) -> Iterator[PageCell]:
    """Give the planned cells of runs that are judged together, of which all findings are given."""
    for run in runs:
        rows: dict[str, list[Row]] = defaultdict(list)
        interpreters: dict[str, str] = {}
        for record in run.records:
            rows[record.cell].append(Row(record.check, record.attempt, states.of(record), record))
            if interpreter := record.evidence.get("interpreter"):
                interpreters.setdefault(record.cell, interpreter)
        for _, cell, check, attempt in findings.missing(run):
            rows[cell].append(Row(check, attempt, State.MISSING))
        for cell, point in judging.cells_of(run.header).items():
            axes = point.axes()
            order = {check: at for at, check in enumerate(run.header.planned[cell])}
            judged = _judged(rows[cell], (point.runtime, cell), found, _entries(policy, axes))
            yield PageCell(
                id=cell,
                axes=axes,
                run=run.header.run,
                interpreter=interpreters.get(cell, ""),
                rows=sorted(
                    judged, key=lambda row: (order.get(row.check, len(order)), row.attempt)
                ),
            )


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
