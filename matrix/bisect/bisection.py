"""The search for the first release on which a check comes to something else.

What it comes to is the verdict and, where it isn't passed, what was said: a failure that turns
into another failure is a change, too. Releases that can't be judged are left aside, as `git bisect
skip` does, and the answer says which they were where they could hold the change.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from kserve_conformance.errors import ExitCode, NotKnown
from kserve_conformance.results.record import Record
from kserve_conformance.results.verdict import Verdict

from matrix.planning.axis_table import RELEASE_AXES
from matrix.results import last_exchange, steady_text
from matrix.results.attempts import Attempts

_LONGEST = 160


class Unjudged(NotKnown):
    """A search that came to nothing, since a release that it needs can't be judged."""


def same(one: Record, other: Record) -> bool:
    """Tell whether two attempts came to the same verdict, and said the same."""
    return one.verdict is other.verdict and _said(one) == _said(other)


def _said(record: Record) -> str:
    text = f"{steady_text.cause(record.message)}\n{_answer(record)}"
    # Some sentences name the release that they are about.
    for release in map(record.axes.get, RELEASE_AXES):
        text = text.replace(release, "~") if release else text
    return steady_text.steady(text)


def _answer(record: Record) -> str:
    return (last_exchange.answer_of(record) or "") if record.verdict is Verdict.FAILED else ""


def in_words(record: Record) -> str:
    """Say what an attempt came to."""
    said = one_line(_answer(record) or steady_text.cause(record.message), _LONGEST)
    return f"{record.verdict}, {said}" if said else str(record.verdict)


def one_line(text: str, longest: int) -> str:
    """Give a text on one line, cut off where it is too long."""
    line = " ".join(text.split())
    return line if len(line) <= longest else f"{line[:longest]}..."


@dataclass(frozen=True)
class Seen:
    """What was seen of a release: one attempt at the check, or more."""

    release: str
    attempts: Attempts

    @property
    def first(self) -> Record:
        """Give the first attempt."""
        return self.attempts.records[0]

    @property
    def lack(self) -> str | None:
        """Say why it could not be judged, None where it was."""
        return next(map(in_words, self.attempts.unjudged), None)

    @property
    def is_steady(self) -> bool:
        """Tell whether all attempts came to the same."""
        return all(same(self.first, each) for each in self.attempts.records)

    def same_as(self, other: Seen) -> bool:
        """Tell whether another release came to the same."""
        return same(self.first, other.first)

    def often(self) -> str:
        """Say how often it came to what."""
        counts = Counter(map(in_words, self.attempts.records))
        return "; ".join(f"{count} of {counts.total()}: {said}" for said, count in counts.items())


@dataclass(frozen=True)
class Found:
    """Two releases between which the outcome changes.

    Attributes:
        before: the last release seen that is as the good end.
        after: the first one seen that isn't.
        skipped: releases between them, which could not be judged.
    """

    before: Seen
    after: Seen
    skipped: tuple[Seen, ...]


@dataclass(frozen=True)
class Agreed:
    """Two ends that came to the same: no change to look for, and nobody looked between them."""

    good: Seen
    bad: Seen
    between: tuple[str, ...]


@dataclass(frozen=True)
class Flaky:
    """A release whose attempts disagree, so that there is no one change to look for."""

    seen: Seen


Answer = Found | Agreed | Flaky
# Makes the check on a release once.
Look = Callable[[str], Seen]
# Makes it twice more; less often where that can't be had.
Again = Callable[[str], Sequence[Record]]
# Told after each look: what was seen, and how many releases may still hold the change.
Telling = Callable[[Seen, int], None]


def exit_code(answer: Answer) -> ExitCode:
    """Judge: 0 where the one release is known, 1 where both ends are the same, 3 else."""
    if isinstance(answer, Agreed):
        return ExitCode.AGAINST_SUBJECT
    unknown = isinstance(answer, Flaky) or answer.skipped
    return ExitCode.NOT_KNOWN if unknown else ExitCode.AS_EXPECTED


def search(releases: Sequence[str], look: Look, again: Again, told: Telling) -> Answer:
    """Find where the outcome of the first release ends.

    Args:
        releases: from the good end to the bad one, both included; at least two.

    Raises:
        Unjudged: when an end can't be judged, or a neighbour of the change at a further attempt.
    """
    between = tuple(releases[1:-1])
    good = _end(releases[0], look, told, len(releases) - 1)
    bad = _end(releases[-1], look, told, len(between))
    if good.same_as(bad):
        return Agreed(good, bad, between)
    before, after, skipped = _narrowed(releases, good, bad, look, told)
    verified = []
    for neighbour in (before, after):
        more = again(neighbour.release)
        seen = Seen(neighbour.release, Attempts.of([*neighbour.attempts.records, *more]))
        if more:
            told(seen, 0)
        if seen.lack is not None:
            raise Unjudged(f"{seen.release} can't be judged a second time ({seen.lack})")
        if not seen.is_steady:
            return Flaky(seen)
        verified.append(seen)
    return Found(verified[0], verified[1], skipped)


def _end(release: str, look: Look, told: Telling, left: int) -> Seen:
    seen = look(release)
    told(seen, left)
    if seen.lack is not None:
        raise Unjudged(f"{release} can't be judged ({seen.lack}): choose another end")
    return seen


def _narrowed(
    releases: Sequence[str], good: Seen, bad: Seen, look: Look, told: Telling
) -> tuple[Seen, Seen, tuple[Seen, ...]]:
    before, after = 0, len(releases) - 1
    seen = {before: good, after: bad}
    while left := [at for at in range(before + 1, after) if at not in seen]:
        # What is nearest to the middle, where that itself can't be judged.
        at = min(left, key=lambda place: abs(place - (before + after) / 2))
        seen[at] = look(releases[at])
        if seen[at].lack is None:
            before, after = (at, after) if seen[at].same_as(good) else (before, at)
        told(seen[at], sum(place not in seen for place in range(before + 1, after)))
    return seen[before], seen[after], tuple(seen[at] for at in range(before + 1, after))
