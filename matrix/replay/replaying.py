"""One cell as results have it, and whether running it again comes to the same."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kserve_conformance.errors import WrongUsage
from kserve_conformance.results.record import Header, Record, Run

from matrix.planning.counted import some
from matrix.results import attempts, last_exchange, steady_text
from matrix.results.attempts import Attempts

_MOST_SHOWN = 20


class ReplayError(WrongUsage):
    """What can't be replayed, since the results don't have it. Its text says what they have."""


@dataclass(frozen=True)
class PastCell:
    """A cell of results: what it stood on and what its checks came to.

    Attributes:
        axes: release of the SDK, PROTOCOL_VERSION and so on, by the name of the axis.
        attempts: those at each check that was made, by its id.
    """

    header: Header
    id: str
    axes: Mapping[str, str]
    planned: Sequence[str]
    attempts: Mapping[str, Attempts]

    @property
    def torchserve_identity(self) -> str:
        """Give what identifies the TorchServe that it ran on, empty where that didn't start."""
        wanted = self.axes["torchserve"], self.axes["envelope"]
        found = {(each["release"], each["envelope"]): each for each in self.header.torchserve}
        return found[wanted]["identity"] if wanted in found else ""

    @property
    def lock_digest(self) -> str | None:
        """Give the SHA-256 of the lock of its SDK environment, None where there was none."""
        return self.header.locks.get(self.axes["kserve"])

    def record(self, check: str) -> Record | None:
        """Give the attempt at a check that tells most, None where it wasn't made."""
        made = self.attempts.get(check)
        return made.spokesman if made else None

    def unexpected(self) -> list[str]:
        """List the checks that weren't as expected."""
        return [check for check, made in self.attempts.items() if not made.is_as_expected]


def find(run: Run, cell: str) -> PastCell:
    """Find a cell in results.

    Raises:
        ReplayError: when they don't have it, or have nothing of it.
    """
    if cell not in run.header.planned:
        there = some(list(run.header.planned), _MOST_SHOWN)
        raise ReplayError(f"the results have no cell {cell}; they have {there}")
    records = [record for record in run.records if record.cell == cell]
    if not records:
        raise ReplayError(f"no check of {cell} came to its end: {run.sentence()}")
    made = {check: found for (*_, check), found in attempts.gathered(records).items()}
    return PastCell(run.header, cell, records[0].axes, run.header.planned[cell], made)


def chosen(past: PastCell, asked: Sequence[str]) -> list[str]:
    """Choose the checks to make: those that are asked for, or that weren't as expected, or all.

    Raises:
        ReplayError: when one is asked for that wasn't planned in the cell.
    """
    for check in asked:
        if check not in past.planned:
            raise ReplayError(
                f"--check {check}: the results have no such check in {past.id}; they have "
                f"{some(past.planned, _MOST_SHOWN)}"
            )
    return list(dict.fromkeys(asked)) or past.unexpected() or list(past.planned)


class Sameness(enum.StrEnum):
    """How what a check came to now compares with what it came to then."""

    REPRODUCED = "reproduced"
    OTHER_WORDS = "reproduced in other words"
    NOT_REPRODUCED = "not reproduced"
    NEW = "not made then"
    MISSING = "not made now"


@dataclass(frozen=True)
class Replayed:
    """What a check came to then and now; None where it wasn't made."""

    check: str
    then: Record | None
    now: Record | None

    @property
    def sameness(self) -> Sameness:
        """Compare the verdicts and, but for what differs in every run, the words.

        Of a check that isn't as expected, the words are also those of the last answer.
        """
        if self.now is None:
            return Sameness.MISSING
        if self.then is None:
            return Sameness.NEW
        if self.then.verdict is not self.now.verdict:
            return Sameness.NOT_REPRODUCED
        same = _words(self.then) == _words(self.now)
        return Sameness.REPRODUCED if same else Sameness.OTHER_WORDS


def compare(past: PastCell, checks: Sequence[str], now: Run) -> list[Replayed]:
    """Compare the checks that were chosen, and others that aren't as expected now."""
    made = {record.check: record for record in now.records if record.cell == past.id}
    more = [check for check, record in made.items() if not record.as_expected]
    return [
        Replayed(check, past.record(check), made.get(check))
        for check in dict.fromkeys([*checks, *more])
    ]


def _words(record: Record) -> str:
    answer = "" if record.as_expected else last_exchange.answer_of(record)
    return steady_text.steady(f"{record.message} {answer}")
