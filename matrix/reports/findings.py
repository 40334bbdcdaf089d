"""What is not as expected in runs, each cause told once with all the cells that it was in."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from packaging.version import Version

from conformance import catalogue
from conformance.outcomes.results import Record, Run
from conformance.outcomes.verdicts import Verdict
from matrix.decisions import wording
from matrix.planning.cells import Cell

MISSING = "missing"
# What says nothing of the wrapper.
NOT_JUDGED = frozenset({"error", "unprovisioned", MISSING})
# What is known of the wrapper goes before what isn't known.
_WEIGHTS = ("failed", "passed", "unsupported", "error", "unprovisioned", MISSING)


@dataclass(frozen=True)
class Finding:
    """Checks that came to the same in the same cells, and in the same words.

    Attributes:
        verdict: what they came to, or ``missing`` where they never ran.
        expected: what was expected instead.
        message: why, in its first line; with an ellipsis for what differs from cell to cell.
        answer: what the wrapper answered last, where it answered the same in all of them.
        binding: whether it is held against the wrapper.
        records: how many records it stands for.
    """

    verdict: str
    expected: str
    message: str
    answer: str
    binding: bool
    checks: tuple[str, ...]
    cells: tuple[Cell, ...]
    records: int


def of(runs: Sequence[Run]) -> list[Finding]:
    """List what is not as expected, the weightiest first.

    Of the same weight, the matrix's own checks go before the statements of the conformance
    suite, which most often fail for the same cause; then they are in the order in which they
    are planned, in which what is basic goes before what builds on it; then by the number of cells.
    """
    unexpected = (record for run in runs for record in run.records if not record.as_expected)
    found = [*_grouped(unexpected), *_missing(runs)]
    order = {check: at for at, check in enumerate(_checks(runs))}
    statements = catalogue.load()

    def weight(finding: Finding) -> tuple[object, ...]:
        return (
            not finding.binding,
            _WEIGHTS.index(finding.verdict),
            finding.checks[0] in statements,
            order.get(finding.checks[0], len(order)),
            -len(finding.cells),
        )

    return sorted(found, key=weight)


def by_reason(records: Iterable[Record]) -> list[Finding]:
    """Join records of the same words, whatever their checks and cells; the most first."""
    alike: dict[str, list[Record]] = defaultdict(list)
    for record in records:
        alike[_wording(record)].append(record)
    return sorted(map(_finding, alike.values()), key=lambda each: -each.records)


def not_offered(runs: Iterable[Run]) -> list[Record]:
    """List what the subject says that it doesn't offer, as is expected of it."""
    return [
        record
        for run in runs
        for record in run.records
        if record.as_expected and record.verdict is Verdict.UNSUPPORTED
    ]


def _grouped(records: Iterable[Record]) -> list[Finding]:
    """Join records of the same verdict and words: over cells, then checks of the same cells."""
    by_check: dict[tuple[str, str, str, bool, str], list[Record]] = defaultdict(list)
    for record in records:
        told = (str(record.verdict), str(record.expected_verdict), _wording(record), record.binding)
        by_check[(*told, record.check)].append(record)
    joined: dict[tuple[object, ...], list[Record]] = defaultdict(list)
    for (*words, _), alike in by_check.items():
        joined[(*words, frozenset(Cell.at(record.axes) for record in alike))] += alike
    return [_finding(alike) for alike in joined.values()]


def planned_cells(runs: Iterable[Run]) -> list[Cell]:
    """List the planned cells of runs, those of older KServe releases first."""
    planned = [cell for run in runs for cell in cells_of(run).values()]
    return sorted(planned, key=lambda cell: Version(cell.kserve))


def _finding(alike: Sequence[Record]) -> Finding:
    first = alike[0]
    messages = {wording.first_line(record.message) for record in alike}
    answers = {
        wording.alike(wording.last_answer(record), record.axes, wording.ELLIPSIS)
        for record in alike
    }
    return Finding(
        verdict=str(first.verdict),
        expected=str(first.expected_verdict),
        message=messages.pop() if len(messages) == 1 else _wording(first),
        answer=answers.pop() if len(answers) == 1 else "",
        binding=first.binding,
        checks=tuple(dict.fromkeys(record.check for record in alike)),
        cells=tuple(dict.fromkeys(Cell.at(record.axes) for record in alike)),
        records=len(alike),
    )


def _missing(runs: Sequence[Run]) -> list[Finding]:
    cells: dict[str, list[Cell]] = defaultdict(list)
    counts: Counter[str] = Counter()
    for run in runs:
        known = cells_of(run)
        for cell, check in run.missing():
            cells[check].append(known[cell])
            counts[check] += 1
    joined: dict[tuple[Cell, ...], list[str]] = defaultdict(list)
    for check, found in cells.items():
        joined[tuple(found)].append(check)
    return [
        Finding(
            verdict=MISSING,
            expected=str(Verdict.PASSED),
            message="planned, and never ran, or not as often as planned",
            answer="",
            binding=True,
            checks=tuple(checks),
            cells=found,
            records=sum(counts[check] for check in checks),
        )
        for found, checks in joined.items()
    ]


def cells_of(run: Run) -> dict[str, Cell]:
    """Give each planned cell by its id."""
    return {name: Cell.named(name, run.header.runtime or "") for name in run.header.planned}


def _wording(record: Record) -> str:
    return wording.alike(wording.first_line(record.message), record.axes, wording.ELLIPSIS)


def _checks(runs: Iterable[Run]) -> dict[str, None]:
    planned = (checks for run in runs for checks in run.header.planned.values())
    return {check: None for checks in planned for check in checks}
