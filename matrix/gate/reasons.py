"""The reasons for a decision, each told once with all the cells that it is about."""

from __future__ import annotations

import enum
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from kserve_conformance.results.record import Record

from matrix.planning.expectations import Expectations
from matrix.results import steady_text
from matrix.results.attempts import JudgedCell

_LONGEST = 400
_LONGEST_COMPARED = 200
_SEEN = re.compile(r": \[(?!Errno )")


class Rule(enum.Enum):
    """What can stand in the way of a release, the weightiest first, with its exit code.

    1 is of what is known against the wrapper or of a list that is wrong, 3 of what isn't known, 0
    of what is only told.
    """

    FAILED = "failed", 1
    UNSUPPORTED = "unsupported", 1
    PASSED = "passed", 1
    FLAKY = "flaky", 1
    PASSES_TOO_RARELY = "passes too rarely", 1
    STALE = "stale", 1
    EXPIRED = "expired", 1
    UNMATCHED = "unmatched", 1
    CUT_SHORT = "cut short", 3
    TOO_OLD = "too old", 3
    UNPROVISIONED = "unprovisioned", 3
    ERROR = "error", 3
    MISSING = "missing", 3
    REQUIREMENT = "requirement", 3
    COVERAGE = "coverage", 3
    OTHER_COMMIT = "other commit", 3
    DIRTY_COMMIT = "dirty commit", 3
    KNOWN_FAILING = "known failing", 0
    KNOWN_FLAKY = "known flaky", 0

    def __init__(self, words: str, exit_code: int) -> None:
        self.words = words
        self.exit_code = exit_code

    @property
    def place(self) -> int:
        """Give its place in the order of weight, 0 for the weightiest."""
        return list(Rule).index(self)


@dataclass(frozen=True)
class Reason:
    """Why a release is held back, or what is to be known of it.

    Attributes:
        sentence: what is the matter, without where.
        details: more about it, a line each.
        cells: those that it is about, none where it is about the results as a whole.
        checks: those that it is about, the one that tells most first.
        also: further checks that came to the same in some of these cells, most often for the same
            cause.
        blocks: whether it holds the release back; otherwise it only warns.
    """

    rule: Rule
    sentence: str
    details: tuple[str, ...] = ()
    cells: tuple[JudgedCell, ...] = ()
    checks: tuple[str, ...] = ()
    also: tuple[str, ...] = ()
    blocks: bool = True

    @property
    def exit_code(self) -> int:
        """Give what it makes of the gate's exit code."""
        return self.rule.exit_code if self.blocks else 0


@dataclass(frozen=True)
class Finding:
    """A check in one cell that did not come to what it should.

    Attributes:
        message: why, in the check's words.
        detail: what else belongs to it, in words that are the gate's own.
    """

    rule: Rule
    cell: JudgedCell
    check: str
    message: str
    blocks: bool
    detail: str = ""


def found(rule: Rule, cell: JudgedCell, record: Record, blocks: bool, detail: str = "") -> Finding:
    """Make the finding of an attempt."""
    return Finding(rule, cell, record.check, record.message, blocks, detail)


def joined(
    findings: Iterable[Finding], expected: Expectations, first: Sequence[str]
) -> list[Reason]:
    """Join findings of the same check, rule and words over their cells, and order them.

    The most basic check goes first, by the order of expectations.toml: a wrapper that doesn't start
    fails all others, too.

    Args:
        first: checks that go before all others.
    """
    groups: dict[tuple[Rule, bool, str, str], list[Finding]] = {}
    for finding in findings:
        key = (finding.rule, finding.blocks, finding.check, _wording(finding))
        groups.setdefault(key, []).append(finding)
    order = expected.order(first)
    ranked = sorted(
        groups.values(),
        key=lambda group: (
            not group[0].blocks,
            group[0].rule.place,
            order.get(group[0].check, len(order)),
            -len(group),
        ),
    )
    return [_reason(group, expected) for group in ranked]


def folded(reasons: Iterable[Reason], first: Sequence[str]) -> list[Reason]:
    """Tell what only is in cells of an earlier reason, by the same rule, under that reason.

    Args:
        first: checks that keep a reason of their own.
    """
    kept: list[tuple[Reason, frozenset[str]]] = []
    for reason in reasons:
        names = frozenset(cell.name for cell in reason.cells)
        check = reason.checks[0]
        for at, (earlier, cells) in enumerate(kept):
            alike = (earlier.rule, earlier.blocks) == (reason.rule, reason.blocks)
            if alike and names <= cells and check not in first:
                also = tuple(dict.fromkeys((*earlier.also, check)))
                kept[at] = (replace(earlier, also=also), cells)
                break
        else:
            kept.append((reason, names))
    return [reason for reason, _ in kept]


def ordered(reasons: Iterable[Reason]) -> list[Reason]:
    """Order reasons by weight, keeping the order of those of the same weight."""
    return sorted(
        reasons,
        key=lambda reason: (
            {1: 0, 3: 1, 0: 2}[reason.exit_code],
            reason.rule.place,
        ),
    )


def _reason(group: Sequence[Finding], expected: Expectations) -> Reason:
    first = group[0]
    details = (steady_text.cause(first.message, _LONGEST), first.detail)
    return Reason(
        rule=first.rule,
        sentence=expected.statement_of(first.check),
        details=tuple(each for each in details if each),
        cells=tuple({finding.cell.name: finding.cell for finding in group}.values()),
        checks=(first.check,),
        blocks=first.blocks,
    )


def _wording(finding: Finding) -> str:
    # What follows a bracket is what was seen, but for the number of an error.
    said = _SEEN.split(steady_text.cause(finding.message))[0]
    return steady_text.alike(said, finding.cell.axes)[:_LONGEST_COMPARED]
