"""The reasons for a decision, each told once with all the cells that it is about.

What a rule says is worded where it is judged: of evidence in `matrix.gate.sufficiency`, of what is
known to fail in `matrix.gate.known_failures`, of verdicts in `matrix.gate.deciding` and
`matrix.gate.printed`.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from kserve_conformance.errors import ExitCode

from matrix.planning.expectations import Expectations
from matrix.results import grouping, steady_text
from matrix.results.attempts import JudgedCell

_LONGEST = 400
_LONGEST_COMPARED = 200
_SEEN = re.compile(r": \[(?!Errno )")


class Rule(enum.Enum):
    """What can stand in the way of a release, the weightiest first, with its exit code.

    1 is of what is known against the wrapper or of a list that is wrong, 3 of what isn't known, 0
    of what is only told. Its words are those of `gate --explain`.
    """

    FAILED = "failed", ExitCode.AGAINST_SUBJECT
    UNSUPPORTED = "unsupported", ExitCode.AGAINST_SUBJECT
    PASSED = "passed", ExitCode.AGAINST_SUBJECT
    FLAKY = "flaky", ExitCode.AGAINST_SUBJECT
    PASSES_TOO_RARELY = "passes too rarely", ExitCode.AGAINST_SUBJECT
    STALE = "stale", ExitCode.AGAINST_SUBJECT
    EXPIRED = "expired", ExitCode.AGAINST_SUBJECT
    UNMATCHED = "unmatched", ExitCode.AGAINST_SUBJECT
    CUT_SHORT = "cut short", ExitCode.NOT_KNOWN
    TOO_OLD = "too old", ExitCode.NOT_KNOWN
    UNPROVISIONED = "unprovisioned", ExitCode.NOT_KNOWN
    ERROR = "error", ExitCode.NOT_KNOWN
    MISSING = "missing", ExitCode.NOT_KNOWN
    REQUIREMENT = "requirement", ExitCode.NOT_KNOWN
    COVERAGE = "coverage", ExitCode.NOT_KNOWN
    OTHER_COMMIT = "other commit", ExitCode.NOT_KNOWN
    DIRTY_COMMIT = "dirty commit", ExitCode.NOT_KNOWN
    FORKED_START = "forked start", ExitCode.NOT_KNOWN
    KNOWN_FAILING = "known failing", ExitCode.AS_EXPECTED
    KNOWN_FLAKY = "known flaky", ExitCode.AS_EXPECTED

    def __init__(self, words: str, exit_code: ExitCode) -> None:
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
    def exit_code(self) -> ExitCode:
        """Give what it makes of the gate's exit code."""
        return self.rule.exit_code if self.blocks else ExitCode.AS_EXPECTED


@dataclass(frozen=True)
class Objection:
    """A check in one cell that did not come to what it should.

    Attributes:
        detail: what else belongs to it, in words that are the gate's own.
    """

    rule: Rule
    cell: JudgedCell
    check: str
    message: str
    blocks: bool
    detail: str = ""

    @property
    def place(self) -> tuple[str, str]:
        """Give the id of the cell, and the runtime."""
        return self.cell.id, self.cell.axes["runtime"]


def joined(
    objections: Iterable[Objection], expected: Expectations, first: Sequence[str]
) -> list[Reason]:
    """Join objections of the same check, rule and words over their cells, and order them.

    The most basic check goes first, by the order of expectations.toml: a wrapper that doesn't start
    fails all others, too.

    Args:
        first: checks that go before all others.
    """
    groups = grouping.grouped(
        objections,
        lambda each: (each.rule, each.blocks, _wording(each)),
        expected.order(first),
        lambda group: (not group[0].blocks, group[0].rule.place),
        checks_apart=True,
    )
    return [_reason(group, expected) for group in groups]


def folded(reasons: Iterable[Reason], first: Sequence[str]) -> list[Reason]:
    """Tell what only is in cells of an earlier reason, by the same rule, under that reason.

    Args:
        first: checks that keep a reason of their own.
    """
    kept: list[Reason] = []
    for reason in reasons:
        names = {cell.name for cell in reason.cells}
        for place, head in enumerate(kept):
            is_of_kind = (head.rule, head.blocks) == (reason.rule, reason.blocks)
            may_fold = is_of_kind and reason.checks[0] not in first
            if may_fold and names <= {cell.name for cell in head.cells}:
                also = dict.fromkeys([*head.also, reason.checks[0]])
                kept[place] = replace(head, also=tuple(also))
                break
        else:
            kept.append(reason)
    return kept


def ordered(reasons: Iterable[Reason]) -> list[Reason]:
    """Order reasons by weight, those that only warn last, and keep the order of the same weight."""
    return sorted(reasons, key=lambda each: (not each.exit_code, each.rule.place))


def _reason(group: Sequence[Objection], expected: Expectations) -> Reason:
    first = group[0]
    details = (steady_text.cause(first.message, _LONGEST), first.detail)
    return Reason(
        rule=first.rule,
        sentence=expected.statement_of(first.check),
        details=tuple(each for each in details if each),
        cells=tuple({each.cell.name: each.cell for each in group}.values()),
        checks=(first.check,),
        blocks=first.blocks,
    )


def _wording(objection: Objection) -> str:
    # What follows a bracket is what was seen, but for the number of an error.
    said = _SEEN.split(steady_text.cause(objection.message))[0]
    return steady_text.alike(said, objection.cell.axes)[:_LONGEST_COMPARED]
