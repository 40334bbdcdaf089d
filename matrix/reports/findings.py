"""What is to be known of runs, each cause told once with all the cells that it was in."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence, Set
from dataclasses import dataclass, field
from typing import NamedTuple

from kserve_conformance.results.record import Record, Run
from kserve_conformance.results.verdict import Verdict
from packaging.version import Version

from matrix.gate.reasons import Rule
from matrix.planning.cells import Cell
from matrix.planning.policy import Policy
from matrix.results import grouping, judging, states, steady_text
from matrix.results.states import UNEXPECTED, State

MISSING = "missing"
# The gate's rules about verdicts are named for them, so that both have the same order.
_WEIGHTS = [rule.words for rule in Rule]
_LONGEST_TITLE = 160


class Key(NamedTuple):
    """Names one planned attempt."""

    runtime: str
    cell: str
    check: str
    attempt: int

    @property
    def place(self) -> tuple[str, str]:
        """Give the id of the cell, and the runtime."""
        return self.cell, self.runtime


@dataclass(frozen=True)
class Finding:
    """Checks that came to the same in the same cells, and in the same words.

    Attributes:
        state: what they came to, as all reports judge it.
        verdict: what they came to, or ``missing`` where they never ran.
        expected: what was expected instead.
        known_as: as what it is known, empty where it isn't.
        message: why, in one line; with an ellipsis for what differs from cell to cell.
        answer: what the wrapper answered last, where it answered the same in all of them.
        keys: the attempts that it stands for, the one that tells most first.
    """

    state: State
    verdict: str
    expected: str
    known_as: str
    message: str
    answer: str
    checks: tuple[str, ...]
    cells: tuple[Cell, ...]
    keys: tuple[Key, ...] = field(repr=False)

    @property
    def records(self) -> int:
        """Count the attempts that it stands for."""
        return len(self.keys)

    @property
    def is_about_subject(self) -> bool:
        """Tell whether it says something of the wrapper."""
        return self.verdict != MISSING and Verdict(self.verdict).is_about_subject

    @property
    def title(self) -> str:
        """Tell it on one short line."""
        more = f" and {len(self.checks) - 1} more" if len(self.checks) > 1 else ""
        known = f", {self.known_as}" if self.known_as else ""
        said = steady_text.first_line(self.message, _LONGEST_TITLE)
        return f"{self.checks[0]}{more} {self.verdict}{known}: {said}"


@dataclass(frozen=True)
class Findings:
    """All findings of runs that are judged together; they are numbered through, from 1."""

    unexpected: Sequence[Finding]
    known: Sequence[Finding]
    not_offered: Sequence[Finding]

    @classmethod
    def of(cls, runs: Sequence[Run], policy: Policy | None = None) -> Findings:
        """Collect them; see `of`, `known` and `not_offered`."""
        return cls(of(runs, policy), known(runs, policy), not_offered(runs))

    def __iter__(self) -> Iterator[Finding]:
        yield from self.unexpected
        yield from self.known
        yield from self.not_offered

    @property
    def all_expected(self) -> str:
        """Say that nothing is unexpected."""
        more = ", or known to fail" if self.known else ""
        return f"Everything that ran is as expected{more}."

    @functools.cached_property
    def numbers(self) -> dict[tuple[str, str, str, int], int]:
        """Give the number of each attempt's finding; each has one at most."""
        return {key: number for number, each in enumerate(self, start=1) for key in each.keys}


def of(runs: Sequence[Run], policy: Policy | None = None) -> list[Finding]:
    """List what is not as expected, the weightiest first.

    The order is that of the gate's reasons, so that all begin with the same: what blocks; by
    verdict; then the checks that the policy names first, the matrix's own and the statements of the
    conformance suite, what is basic before what builds on it; then by the number of cells.

    Args:
        policy: what says which checks tell most, and what blocks; nothing does without one.
    """
    lacking = (key for run in runs for key in missing(run))
    return _joined([*_having(runs, UNEXPECTED), *lacking], policy)


def known(runs: Sequence[Run], policy: Policy | None = None) -> list[Finding]:
    """List the failures that a list of the policy knew when they were made; see `of`."""
    return _joined(_having(runs, {State.KNOWN}), policy)


def not_offered(runs: Iterable[Run]) -> list[Finding]:
    """List what the subject says that it doesn't offer, as is expected of it.

    Records of the same words are one finding, whatever their checks and cells; the most go first.
    """
    absent = filter(states.is_rightly_not_offered, _having(runs, {State.PASSED}))
    found = map(_finding, grouping.gathered(absent, _wording))
    return sorted(found, key=lambda each: -each.records)


def counts(found: Iterable[Finding]) -> Counter[str]:
    """Count the attempts of findings by their verdict."""
    return Counter(each.verdict for each in found for _ in each.keys)


def planned_cells(runs: Iterable[Run]) -> list[Cell]:
    """List the planned cells of runs, those of older KServe releases first."""
    planned = [cell for run in runs for cell in judging.cells_of(run.header).values()]
    return sorted(planned, key=lambda cell: Version(cell.kserve))


def _having(runs: Iterable[Run], chosen: Set[State]) -> Iterator[Record]:
    return (each for run in runs for each in run.records if states.of(each) in chosen)


def _joined(attempts: Iterable[Record | Key], policy: Policy | None) -> list[Finding]:
    """Join attempts that came to the same, or that never ran, and order them by weight."""

    def weight(group: Sequence[Record | Key]) -> tuple[object, ...]:
        verdict = _verdict(group[0])
        cells = (Cell.named(*place) for place in grouping.places(group))
        blocks = (
            policy is not None
            and verdict in policy.blocking
            and any(policy.is_required(cell.axes()) for cell in cells)
        )
        return not blocks, _WEIGHTS.index(verdict)

    order = judging.today().order(policy.first if policy else ())
    return [_finding(group) for group in grouping.grouped(attempts, _words, order, weight)]


def _words(attempt: Record | Key) -> tuple[str, ...]:
    if isinstance(attempt, Key):
        return (MISSING,)
    came_to = (attempt.verdict, attempt.expected_verdict, states.of(attempt))
    return *map(str, came_to), _wording(attempt)


def _verdict(attempt: Record | Key) -> str:
    return MISSING if isinstance(attempt, Key) else str(attempt.verdict)


def _finding(alike: Sequence[Record | Key]) -> Finding:
    records = [each for each in alike if isinstance(each, Record)]
    first = records[0] if records else None
    messages = {steady_text.cause(record.message) for record in records}
    message = "planned, and never ran, or not as often as planned"
    if first:
        message = messages.pop() if len(messages) == 1 else _wording(first)
    answers = {
        steady_text.alike(steady_text.last_answer(record), record.axes, steady_text.ELLIPSIS)
        for record in records
    }
    return Finding(
        state=states.of(first) if first else State.MISSING,
        verdict=_verdict(alike[0]),
        expected=str(first.expected_verdict if first else Verdict.PASSED),
        known_as=states.known_as(first) if first else "",
        message=message,
        answer=answers.pop() if len(answers) == 1 else "",
        checks=grouping.checks(alike),
        cells=tuple(Cell.named(*place) for place in grouping.places(alike)),
        keys=tuple(each if isinstance(each, Key) else key_of(each) for each in alike),
    )


def key_of(record: Record) -> Key:
    """Name an attempt."""
    cell, runtime = record.place
    return Key(runtime, cell, record.check, record.attempt)


def missing(run: Run) -> Iterator[Key]:
    """Name the planned attempts that never ran."""
    ran = {(record.cell, record.check, record.attempt) for record in run.records}
    for cell, checks in run.header.planned.items():
        for check in checks:
            for attempt in range(1, run.header.repeat + 1):
                if (cell, check, attempt) not in ran:
                    yield Key(run.header.runtime or "", cell, check, attempt)


def _wording(record: Record) -> str:
    return steady_text.alike(steady_text.cause(record.message), record.axes, steady_text.ELLIPSIS)
