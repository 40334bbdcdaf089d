"""What results say of each check in each cell, however many attempts were made at it."""

from __future__ import annotations

import enum
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from kserve_conformance.results.record import Record, by_key
from kserve_conformance.results.results_file import Given
from kserve_conformance.results.verdict import Verdict

from matrix.planning.expectations import Expectations
from matrix.results import judging, steady_text
from matrix.results.pass_rate import PassRate


class Merit(enum.IntEnum):
    """How good an attempt at a check is for who uses the wrapper.

    What passes is right, whatever was expected: that more is offered than was said stands against
    the expectation (see `Attempts.wrong`), and is no loss from one release to another.
    """

    WRONG = 0
    NOT_OFFERED = 1
    RIGHT = 2


@dataclass(frozen=True)
class Attempts:
    """All attempts at one check in one cell.

    Attributes:
        expected: the verdict that is right, whatever a list of the policy knows: what is known to
            fail is wrong, too.
        planned: how many attempts were planned, 0 where the run left the check out.
    """

    check: str
    records: tuple[Record, ...]
    expected: Verdict
    planned: int = 0

    @classmethod
    def of(cls, records: Sequence[Record]) -> Attempts:
        """Give attempts that were made, as results have them; at least one."""
        return cls(records[0].check, tuple(records), judging.recorded(records[0]))

    @cached_property
    def right(self) -> list[Record]:
        """List the attempts that came to the right verdict."""
        return [record for record in self.records if record.verdict is self.expected]

    @cached_property
    def wrong(self) -> list[Record]:
        """List the attempts that say something against the wrapper."""
        judged = (record for record in self.records if record.verdict.is_about_subject)
        return [record for record in judged if record.verdict is not self.expected]

    @cached_property
    def unjudged(self) -> list[Record]:
        """List the attempts that say nothing of the wrapper: errors, and what could not run."""
        return [record for record in self.records if not record.verdict.is_about_subject]

    @property
    def is_judged(self) -> bool:
        """Tell whether an attempt says something of the wrapper."""
        return len(self.unjudged) < len(self.records)

    @property
    def is_missing(self) -> bool:
        """Tell whether an attempt that was planned never ran."""
        return len(self.records) < self.planned

    @property
    def is_flaky(self) -> bool:
        """Tell whether some attempts came to what they should, and others didn't."""
        return bool(self.right and self.wrong)

    @property
    def is_as_expected(self) -> bool:
        """Tell whether all attempts came to what was expected, known failures among it."""
        return all(record.as_expected for record in self.records)

    @cached_property
    def merits(self) -> tuple[Merit, ...]:
        """Give how good each attempt is that says something of the wrapper."""
        found = map(self._merit, self.records)
        return tuple(merit for merit in found if merit is not None)

    @property
    def worst(self) -> Merit:
        """Give how good the worst attempt is; there must be one that says something."""
        return min(self.merits)

    @property
    def fails(self) -> bool:
        """Tell whether an attempt neither passed nor is rightly said not to be offered."""
        return Merit.WRONG in self.merits

    @property
    def spokesman(self) -> Record:
        """Give the attempt that tells most: the worst, else one that says nothing, else any."""
        rank = {Merit.WRONG: 0, None: 1, Merit.NOT_OFFERED: 2, Merit.RIGHT: 3}
        return min(self.records, key=lambda record: rank[self._merit(record)])

    def __str__(self) -> str:
        verdicts = dict.fromkeys(str(record.verdict) for record in self.records)
        return "flaky" if self.is_flaky else " and ".join(verdicts)

    def says_the_same(self, other: Attempts) -> bool:
        """Tell whether both said the same, but for what differs in every run."""
        # Most often they did so to the letter, and making words steady takes time.
        return self._said() == other._said() or self._steady() == other._steady()

    def _said(self) -> list[tuple[str, Any]]:
        return [(each.message, each.observed) for each in self.records]

    def _steady(self) -> set[str]:
        return {repr(steady_text.steady_value([*said])) for said in self._said()}

    def _merit(self, record: Record) -> Merit | None:
        if not record.verdict.is_about_subject:
            return None
        if record.verdict is Verdict.PASSED:
            return Merit.RIGHT
        is_offered = (record.verdict, self.expected) != (Verdict.UNSUPPORTED, Verdict.UNSUPPORTED)
        return Merit.WRONG if is_offered else Merit.NOT_OFFERED


@dataclass(frozen=True, eq=False)
class JudgedCell:
    """A cell on one backend, the same only as itself.

    Attributes:
        source: the results file that holds it.
        attempts: those at all checks that it has or should have, by the check's id.
    """

    id: str
    axes: Mapping[str, str]
    source: Path
    attempts: Mapping[str, Attempts]

    @property
    def name(self) -> str:
        """Name it apart from the same cell on the other backend."""
        return f"{self.id} on {self.axes['runtime']}"

    @property
    def is_judged(self) -> bool:
        """Tell whether anything is known of the wrapper in it."""
        return any(each.is_judged for each in self.attempts.values())


def gathered(records: Iterable[Record]) -> dict[tuple[str, str, str], Attempts]:
    """Gather the attempts at each check that was made, by `Record.key`."""
    return {key: Attempts.of(found) for key, found in by_key(records).items()}


def pass_rate(attempts: Iterable[Attempts], confidence: float) -> PassRate:
    """Give how often checks came to what they should, of the attempts that tell."""
    counts = [(len(each.right), len(each.wrong)) for each in attempts]
    right = sum(number for number, _ in counts)
    return PassRate(right, right + sum(number for _, number in counts), confidence)


def cells(given: Iterable[Given], expected: Expectations) -> list[JudgedCell]:
    """List the cells of results with all checks that expectations.toml wants of them."""
    return [cell for each in given for cell in _cells_of(each, expected)]


def _cells_of(given: Given, expected: Expectations) -> Iterator[JudgedCell]:
    header = given.run.header
    records: defaultdict[str, defaultdict[str, list[Record]]]
    records = defaultdict(lambda: defaultdict(list))
    for record in given.run.records:
        records[record.cell][record.check].append(record)
    for name, cell in judging.cells_of(header).items():
        point = judging.point(cell, header, expected)
        made = records[name]
        # What nobody planned is judged, too: it may have failed.
        planned = dict.fromkeys([*made, *expected.checks_at(point)], 0)
        planned |= dict.fromkeys(header.planned[name], header.repeat)
        attempts = {
            check: Attempts(
                check, tuple(made[check]), judging.right(expected, check, point), number
            )
            for check, number in planned.items()
        }
        yield JudgedCell(name, cell.axes(), given.path, attempts)
