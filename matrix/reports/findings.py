"""What is to be known of runs, each cause told once with all the cells that it was in."""

from __future__ import annotations

import functools
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from kserve_conformance.results.record import Record, Run
from kserve_conformance.results.verdict import Verdict
from packaging.version import Version

from matrix.gate.reasons import Rule
from matrix.planning import expectations
from matrix.planning.cells import Cell
from matrix.planning.expectations import Expectations
from matrix.planning.policy import Policy
from matrix.results import states, steady_text
from matrix.results.states import UNEXPECTED, State

MISSING = "missing"
# What says nothing of the wrapper.
NOT_JUDGED = frozenset({"error", "unprovisioned", MISSING})
# The gate's rules about verdicts are named for them, so that both have the same order.
_WEIGHTS = [rule.words for rule in Rule]
_LONGEST_TITLE = 160

# Names one planned attempt: the backend, the cell's id, the check, which attempt it is.
Key = tuple[str, str, str, int]


@dataclass(frozen=True)
class Finding:
    """Checks that came to the same in the same cells, and in the same words.

    Attributes:
        state: what they came to, as all reports judge it.
        verdict: what they came to, or ``missing`` where they never ran.
        expected: what was expected instead.
        message: why, in one line; with an ellipsis for what differs from cell to cell.
        answer: what the wrapper answered last, where it answered the same in all of them.
        keys: the attempts that it stands for, the one that tells most first.
    """

    state: State
    verdict: str
    expected: str
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
    def known_as(self) -> str:
        """Say as what it is known; nothing where it isn't."""
        if self.state is not State.KNOWN:
            return ""
        return "known failing" if self.verdict == self.expected else "known flaky"

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
    def numbers(self) -> dict[Key, int]:
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
    records = _having(runs, UNEXPECTED.__contains__)
    return _ranked([*_grouped(records, _order(policy)), *_missing(runs)], policy)


def known(runs: Sequence[Run], policy: Policy | None = None) -> list[Finding]:
    """List the failures that a list of the policy knew when they were made; see `of`."""
    return _ranked(_grouped(_having(runs, State.KNOWN.__eq__), _order(policy)), policy)


def not_offered(runs: Iterable[Run]) -> list[Finding]:
    """List what the subject says that it doesn't offer, as is expected of it.

    Records of the same words are one finding, whatever their checks and cells; the most go first.
    """
    alike: dict[str, list[Record]] = defaultdict(list)
    for record in _having(runs, State.PASSED.__eq__):
        if record.verdict is Verdict.UNSUPPORTED:
            alike[_wording(record)].append(record)
    return sorted(map(_finding, alike.values()), key=lambda each: -each.records)


def counts(found: Iterable[Finding]) -> Counter[str]:
    """Count the attempts of findings by their verdict."""
    counted: Counter[str] = Counter()
    for each in found:
        counted[each.verdict] += each.records
    return counted


def planned_cells(runs: Iterable[Run]) -> list[Cell]:
    """List the planned cells of runs, those of older KServe releases first."""
    planned = [cell for run in runs for cell in cells_of(run).values()]
    return sorted(planned, key=lambda cell: Version(cell.kserve))


def cells_of(run: Run) -> dict[str, Cell]:
    """Give each planned cell by its id."""
    return {name: Cell.named(name, run.header.runtime or "") for name in run.header.planned}


def _having(runs: Iterable[Run], chosen: Callable[[State], bool]) -> Iterator[Record]:
    return (record for run in runs for record in run.records if chosen(states.of(record)))


def _order(policy: Policy | None) -> dict[str, int]:
    return _expectations().order(policy.first if policy else ())


@functools.cache
def _expectations() -> Expectations:
    return expectations.load()


def _ranked(found: Iterable[Finding], policy: Policy | None) -> list[Finding]:
    order = _order(policy)

    def blocks(finding: Finding) -> bool:
        return policy is not None and (
            finding.verdict in policy.blocking
            and any(policy.is_required(cell.axes()) for cell in finding.cells)
        )

    def weight(finding: Finding) -> tuple[object, ...]:
        return (
            not blocks(finding),
            _WEIGHTS.index(finding.verdict),
            order.get(finding.checks[0], len(order)),
            -len(finding.cells),
        )

    return sorted(found, key=weight)


def _grouped(records: Iterable[Record], order: dict[str, int]) -> list[Finding]:
    """Join records of the same verdict and words: over cells, then checks of the same cells."""
    by_check: dict[tuple[str, str, State, str, str], list[Record]] = defaultdict(list)
    for record in records:
        told = (str(record.verdict), str(record.expected_verdict), states.of(record))
        by_check[(*told, _wording(record), record.check)].append(record)
    joined: dict[tuple[object, ...], list[Record]] = defaultdict(list)
    # The check that tells most is the one that a finding is told by.
    for (*words, _), alike in sorted(
        by_check.items(), key=lambda each: order.get(each[1][0].check, len(order))
    ):
        joined[(*words, frozenset(Cell.at(record.axes) for record in alike))] += alike
    return [_finding(alike) for alike in joined.values()]


def _finding(alike: Sequence[Record]) -> Finding:
    first = alike[0]
    messages = {steady_text.cause(record.message) for record in alike}
    answers = {
        steady_text.alike(steady_text.last_answer(record), record.axes, steady_text.ELLIPSIS)
        for record in alike
    }
    return Finding(
        state=states.of(first),
        verdict=str(first.verdict),
        expected=str(first.expected_verdict),
        message=messages.pop() if len(messages) == 1 else _wording(first),
        answer=answers.pop() if len(answers) == 1 else "",
        checks=tuple(dict.fromkeys(record.check for record in alike)),
        cells=tuple(dict.fromkeys(Cell.at(record.axes) for record in alike)),
        keys=tuple(map(key_of, alike)),
    )


def key_of(record: Record) -> Key:
    """Name an attempt."""
    return record.axes.get("runtime", ""), record.cell, record.check, record.attempt


def _missing(runs: Sequence[Run]) -> list[Finding]:
    cells: dict[str, dict[Cell, None]] = defaultdict(dict)
    keys: dict[str, list[Key]] = defaultdict(list)
    for run in runs:
        known_cells = cells_of(run)
        for lacking in missing(run):
            _, cell, check, _ = lacking
            cells[check][known_cells[cell]] = None
            keys[check].append(lacking)
    joined: dict[tuple[Cell, ...], list[str]] = defaultdict(list)
    for check, found in cells.items():
        joined[tuple(found)].append(check)
    return [
        Finding(
            state=State.MISSING,
            verdict=MISSING,
            expected=str(Verdict.PASSED),
            message="planned, and never ran, or not as often as planned",
            answer="",
            checks=tuple(checks),
            cells=found,
            keys=tuple(each for check in checks for each in keys[check]),
        )
        for found, checks in joined.items()
    ]


def missing(run: Run) -> Iterator[Key]:
    """Name the planned attempts that never ran."""
    ran = {(record.cell, record.check, record.attempt) for record in run.records}
    for cell, checks in run.header.planned.items():
        for check in checks:
            for attempt in range(1, run.header.repeat + 1):
                if (cell, check, attempt) not in ran:
                    yield run.header.runtime or "", cell, check, attempt


def _wording(record: Record) -> str:
    return steady_text.alike(steady_text.cause(record.message), record.axes, steady_text.ELLIPSIS)
