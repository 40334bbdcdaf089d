"""The search for the first release on which a check comes to something else.

An outcome is the verdict and, where it isn't passed, what was said: a failure that turns into
another failure is a change, too. Releases that can't be judged are left aside, as `git bisect
skip` does, and the answer says which they were where they could hold the change.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

from kserve_conformance.errors import NotKnown
from kserve_conformance.results.record import Record
from kserve_conformance.results.verdict import Verdict

from matrix.planning.axis import RELEASE_AXES
from matrix.results import last_exchange, steady_text

_LONGEST = 160


class Unjudged(NotKnown):
    """A search that came to nothing, since a release that it needs can't be judged."""


@dataclass(frozen=True)
class Outcome:
    """What one attempt at the check came to."""

    record: Record

    @property
    def verdict(self) -> Verdict:
        """Give its verdict."""
        return self.record.verdict

    @property
    def is_judged(self) -> bool:
        """Tell whether it says something about the subject."""
        return self.verdict.is_about_subject

    def same_as(self, other: Outcome) -> bool:
        """Tell whether another one has its verdict and says the same."""
        return self._compared == other._compared

    @cached_property
    def _compared(self) -> tuple[Verdict, str]:
        return self.verdict, self._steady(f"{self.reason}\n{self.answer}")

    @property
    def reason(self) -> str:
        """Give why it isn't passed."""
        return steady_text.cause(self.record.message)

    @property
    def answer(self) -> str:
        """Give what the subject answered last where that isn't as it should be."""
        failed = self.verdict is Verdict.FAILED
        return (last_exchange.answer_of(self.record) or "") if failed else ""

    def _steady(self, text: str) -> str:
        # Some sentences name the release that they are about.
        axes = self.record.axes
        for release in map(axes.get, RELEASE_AXES):
            text = text.replace(release, "~") if release else text
        return steady_text.steady(text)

    def __str__(self) -> str:
        said = " ".join((self.answer or self.reason).split())
        shown = said if len(said) <= _LONGEST else f"{said[:_LONGEST]}..."
        return f"{self.verdict}, {shown}" if shown else str(self.verdict)


@dataclass(frozen=True)
class Seen:
    """What was seen of a release, in one attempt or more.

    Attributes:
        outcomes: of its attempts; never empty.
    """

    release: str
    outcomes: tuple[Outcome, ...]

    @property
    def first(self) -> Outcome:
        """Give what the first attempt came to."""
        return self.outcomes[0]

    @property
    def lack(self) -> str | None:
        """Say why it could not be judged, None where it was."""
        return next((str(each) for each in self.outcomes if not each.is_judged), None)

    @property
    def is_steady(self) -> bool:
        """Tell whether all attempts came to the same."""
        return all(self.first.same_as(each) for each in self.outcomes)

    def same_as(self, other: Seen) -> bool:
        """Tell whether another release came to the same."""
        return self.first.same_as(other.first)

    def often(self) -> str:
        """Say how often it came to what."""
        counts = Counter(str(each) for each in self.outcomes)
        number = len(self.outcomes)
        return "; ".join(f"{count} of {number}: {said}" for said, count in counts.items())


class Prober(Protocol):
    """Tells what a check comes to on a release."""

    def look(self, release: str) -> Seen:
        """Make the check once."""
        ...

    def again(self, release: str) -> tuple[Outcome, ...]:
        """Make it twice more; less often where that can't be had."""
        ...


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
    """Two ends that came to the same, so that there is no change to look for.

    Attributes:
        between: the releases between them, which nobody looked at.
    """

    good: Seen
    bad: Seen
    between: tuple[str, ...]


@dataclass(frozen=True)
class Flaky:
    """A release whose attempts disagree, so that there is no one change to look for."""

    seen: Seen


Answer = Found | Agreed | Flaky
# Told after each look: what was seen, and how many releases may still hold the change.
Telling = Callable[[Seen, int], None]


def search(releases: Sequence[str], prober: Prober, told: Telling) -> Answer:
    """Find where the outcome of the first release ends.

    Args:
        releases: from the good end to the bad one, both included; at least two.

    Raises:
        Unjudged: when an end can't be judged, or a neighbour of the change at a further attempt.
    """
    between = tuple(releases[1:-1])
    good = _end(releases[0], prober, told, len(releases) - 1)
    bad = _end(releases[-1], prober, told, len(between))
    if good.same_as(bad):
        return Agreed(good, bad, between)
    before, after, skipped = _narrowed(releases, good, bad, prober, told)
    verified = []
    for neighbour in (before, after):
        more = prober.again(neighbour.release)
        again = Seen(neighbour.release, (*neighbour.outcomes, *more))
        if more:
            told(again, 0)
        if again.lack is not None:
            raise Unjudged(f"{again.release} can't be judged a second time ({again.lack})")
        if not again.is_steady:
            return Flaky(again)
        verified.append(again)
    return Found(verified[0], verified[1], skipped)


def _end(release: str, prober: Prober, told: Telling, left: int) -> Seen:
    seen = prober.look(release)
    told(seen, left)
    if seen.lack is not None:
        raise Unjudged(f"{release} can't be judged ({seen.lack}): choose another end")
    return seen


def _narrowed(
    releases: Sequence[str], good: Seen, bad: Seen, prober: Prober, told: Telling
) -> tuple[Seen, Seen, tuple[Seen, ...]]:
    place = {release: number for number, release in enumerate(releases)}
    before, after = good, bad
    skipped: dict[str, Seen] = {}

    def between() -> Sequence[str]:
        return releases[place[before.release] + 1 : place[after.release]]

    def left() -> list[str]:
        return [release for release in between() if release not in skipped]

    while left():
        middle = (place[before.release] + place[after.release]) / 2
        # What is nearest to the middle, where that itself can't be judged.
        seen = prober.look(min(left(), key=lambda release: abs(place[release] - middle)))
        if seen.lack is not None:
            skipped[seen.release] = seen
        elif seen.same_as(good):
            before = seen
        else:
            after = seen
        told(seen, len(left()))
    return before, after, tuple(skipped[release] for release in between())
