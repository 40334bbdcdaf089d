"""Two results of the same checks compared: what is worse, what better, what only says it anew."""

from __future__ import annotations

import enum
from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from kserve_conformance.errors import ExitCode, WrongUsage
from kserve_conformance.results.record import Run
from kserve_conformance.results.verdict import Verdict

from matrix.results import attempts, grouping, steady_text
from matrix.results.attempts import Attempts, Merit

# How sure a drop from one rate between 0 and 1 to another must be to count as one.
_SIGNIFICANCE = 0.05


class ComparisonError(WrongUsage):
    """Results that have nothing to compare. Its text says why, and what to do."""


class Change(enum.Enum):
    """What became of a check, in the order in which it matters."""

    REGRESSED = "regressed"
    ENVIRONMENT = "environment-only"
    GONE = "gone"
    STILL_FAILING = "still failing"
    NEW = "new"
    FIXED = "fixed"
    WORDS = "changed in words only"
    SAME = "unchanged"


@dataclass(frozen=True)
class Pair:
    """One check in one cell, as two results have it; None where one doesn't.

    Attributes:
        axes: of the cell, of the newer results where they have it.
    """

    check: str
    cell: str
    axes: Mapping[str, str]
    old: Attempts | None
    new: Attempts | None

    @property
    def place(self) -> tuple[str, str]:
        """Give the id of the cell, and the runtime."""
        return self.cell, self.axes.get("runtime", "")

    @cached_property
    def change(self) -> Change:
        """Tell what became of it."""
        old, new = self.old, self.new
        if old is None:
            return Change.NEW
        if new is None:
            return Change.GONE
        if not (old.is_judged and new.is_judged):
            return Change.ENVIRONMENT
        if new.worst < old.worst or _is_rarer(old, new):
            return Change.REGRESSED
        if new.worst > old.worst:
            return Change.FIXED
        if new.fails:
            return Change.STILL_FAILING
        return Change.SAME if old.says_the_same(new) else Change.WORDS

    @property
    def is_binding(self) -> bool:
        """Tell whether what it came to now is held against the wrapper."""
        return self.new is None or any(record.binding for record in self.new.records)

    @property
    def is_lost(self) -> bool:
        """Tell whether something was known of it, and isn't any more."""
        was_known = self.old is not None and self.old.is_judged
        return was_known and (self.new is None or not self.new.is_judged)


@dataclass(frozen=True)
class Group:
    """Checks that went the same way, in the same words, in the same cells."""

    pairs: tuple[Pair, ...]

    @property
    def first(self) -> Pair:
        """Give one of them, which tells for all what became of them."""
        return self.pairs[0]

    @property
    def checks(self) -> tuple[str, ...]:
        """Give the checks, in the order in which they are planned."""
        return grouping.checks(self.pairs)

    @property
    def cells(self) -> list[Mapping[str, str]]:
        """Give the axes of the cells."""
        return list({pair.place: pair.axes for pair in self.pairs}.values())

    @property
    def in_words(self) -> str:
        """Say from what to what they went."""
        old, new = (str(side or "not made") for side in (self.first.old, self.first.new))
        return f"{old} before and since" if old == new else f"{old} \N{RIGHTWARDS ARROW} {new}"

    def attempts(self) -> tuple[str, str] | None:
        """Say how many attempts were good, before and since, where one of the two is flaky."""
        if not any(side and side.is_flaky for side in (self.first.old, self.first.new)):
            return None
        return _rate(pair.old for pair in self.pairs), _rate(pair.new for pair in self.pairs)


@dataclass(frozen=True)
class Comparison:
    """What two results come to beside one another.

    Attributes:
        pairs: every check in every cell that one of them has.
        is_incomplete: whether the newer ones lack something that they were to hold.
    """

    pairs: tuple[Pair, ...]
    is_incomplete: bool

    def counts(self) -> dict[Change, int]:
        """Count the checks by what became of them, each kind named."""
        found = Counter(pair.change for pair in self.pairs)
        return {change: found[change] for change in Change}

    def lost(self) -> list[Pair]:
        """List what the older results judged and the newer don't."""
        return [pair for pair in self.pairs if pair.is_lost]

    def regressions(self) -> list[Pair]:
        """List what regressed and is held against the wrapper."""
        return [each for each in self.pairs if each.change is Change.REGRESSED and each.is_binding]

    def groups(self, order: Mapping[str, int]) -> list[Group]:
        """List what changed or fails, what matters most first."""
        return grouped((each for each in self.pairs if each.change is not Change.SAME), order)

    def exit_code(self) -> ExitCode:
        """Judge: 1 something regressed, 3 something isn't known any more, else 0.

        What got worse stands even where other checks could not be made, so 1 goes before 3.
        """
        if self.regressions():
            return ExitCode.AGAINST_SUBJECT
        unknown = self.is_incomplete or self.lost()
        return ExitCode.NOT_KNOWN if unknown else ExitCode.AS_EXPECTED


def compare(old: Run, new: Run, common: bool = False) -> Comparison:
    """Compare two runs, check by check in the same cell on the same backend.

    Args:
        common: whether to leave aside what only one of them planned.

    Raises:
        ComparisonError: when they share no check in no cell.
    """
    sides = attempts.gathered(old.records), attempts.gathered(new.records)
    if not sides[0].keys() & sides[1].keys():
        raise ComparisonError(_why_nothing_is_shared(old, new))
    keys = dict.fromkeys([*sides[1], *sides[0]])
    if common:
        planned = _planned(old) & _planned(new)
        keys = dict.fromkeys(key for key in keys if (key[0], key[2]) in planned)
    pairs = tuple(paired(sides[0].get(key), sides[1].get(key)) for key in keys)
    return Comparison(pairs, new.cut_short or bool(new.missing()))


def paired(old: Attempts | None, new: Attempts | None) -> Pair:
    """Pair the attempts at one check, of which there are some on one side at least."""
    old, new = (side if side and side.records else None for side in (old, new))
    one = next(side.records[0] for side in (new, old) if side)
    return Pair(one.check, one.cell, one.axes, old, new)


def grouped(pairs: Iterable[Pair], order: Mapping[str, int]) -> list[Group]:
    """Join pairs of the same change and words: over cells, then checks of the same cells.

    Args:
        order: the place of each check; what is basic goes before what builds on it.
    """
    changes = list(Change)

    def weight(group: Sequence[Pair]) -> tuple[Any, ...]:
        first = group[0]
        return (
            not first.is_binding,
            changes.index(first.change),
            # What is said not to be offered is most often so since something else fails.
            first.new is None or str(first.new) == Verdict.UNSUPPORTED,
            order.get(first.check, len(order)),
            -len(group),
        )

    groups = grouping.grouped(pairs, _words, order, weight)
    return [Group(tuple(alike)) for alike in groups]


def _is_rarer(old: Attempts, new: Attempts) -> bool:
    """Tell whether a check that failed at times before fails more often now, beyond chance."""
    if not old.is_flaky:
        return False
    # They take a second to import, which most comparisons need not wait for.
    import numpy
    from scipy.stats import fisher_exact

    counts = [(len(side.merits), side.merits.count(Merit.WRONG)) for side in (old, new)]
    table = numpy.array([[every - wrong, wrong] for every, wrong in counts])
    return bool(fisher_exact(table, alternative="greater").pvalue < _SIGNIFICANCE)


def _words(pair: Pair) -> tuple[Hashable, ...]:
    sides = [side for side in (pair.new, pair.old) if side is not None]
    told = [side and str(side) for side in (pair.old, pair.new)]
    said = next(filter(None, (steady_text.across_cells(side.spokesman) for side in sides)), "")
    if len(sides) == 1 and not sides[0].fails:
        # Why something isn't offered tells nothing of why it came or went.
        said = ""
    return pair.change, *told, said, pair.is_binding


def _rate(sides: Iterable[Attempts | None]) -> str:
    rate = attempts.pass_rate((side for side in sides if side is not None), 0.0)
    return f"{rate.passed} of {rate.attempts}"


def _planned(run: Run) -> set[tuple[str, str]]:
    return {(cell, check) for cell, checks in run.header.planned.items() for check in checks}


def _why_nothing_is_shared(old: Run, new: Run) -> str:
    runtimes = old.header.runtime, new.header.runtime
    for name, run in (("OLD", old), ("NEW", new)):
        if not run.records:
            return f"{name} holds no outcome of a check: {run.sentence()}"
    if runtimes[0] != runtimes[1]:
        return (
            f"OLD ran TorchServe as {runtimes[0]} and NEW as {runtimes[1]}: only runs on the same "
            f"backend are compared; give NEW by `python -m matrix run --runtime {runtimes[0]}`"
        )
    if old.header.planned.keys() & new.header.planned.keys():
        return "OLD and NEW have cells in common, and no check that was made in both"
    return (
        f"OLD and NEW have no cell in common: OLD has for instance {next(iter(old.header.planned))}"
        f", and NEW {next(iter(new.header.planned))}"
    )
