"""What became of each request and of each look at readiness, and how they are counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

# What a client sees where there is no status. A status of HTTP is told as its number, one of gRPC
# by its name.
CONNECT, RESET, TIMEOUT, WRONG = "no connection", "reset", "timeout", "wrong answer"
_WELL = ("200", "OK")


@dataclass(frozen=True)
class Outcome:
    """One request of a client. Times are of `time.monotonic`.

    Attributes:
        protocol: ``V1``, ``V2`` or ``gRPC``.
        result: its status, or what there was instead of one.
        closes: whether the answer said that its connection ends.
        may_retry: whether the answer said when to come again (Retry-After).
    """

    protocol: str
    began: float
    ended: float
    result: str
    closes: bool = False
    may_retry: bool = False

    @property
    def is_well(self) -> bool:
        """Tell whether it was answered, and with what was asked for."""
        return self.result in _WELL

    @property
    def seconds(self) -> float:
        """Give how long it took."""
        return self.ended - self.began


@dataclass(frozen=True)
class Look:
    """One question of a probe: whether the server is ready. Times are as those of an `Outcome`."""

    began: float
    ended: float
    is_ready: bool


def counts(outcomes: Iterable[Outcome]) -> dict[str, int]:
    """Count the requests by their result, the most frequent first."""
    return dict(Counter(each.result for each in outcomes).most_common())


def begun_between(outcomes: Iterable[Outcome], began: float, ended: float) -> list[Outcome]:
    """Give those that began from one time until another."""
    return [each for each in outcomes if began <= each.began < ended]


def all_well_since(outcomes: Sequence[Outcome]) -> float | None:
    """Give the time from which on each request that began was well; None where there is none.

    It is when the last one that failed had ended, or when the first began.
    """
    failed = [each.ended for each in outcomes if not each.is_well]
    since = max(failed, default=min((each.began for each in outcomes), default=0.0))
    return since if any(each.is_well and each.began >= since for each in outcomes) else None


def first_not_ready(looks: Sequence[Look], since: float) -> float | None:
    """Give when a probe that asked after a time was first told "not ready"; None for never."""
    return min(
        (each.ended for each in looks if each.began >= since and not each.is_ready), default=None
    )


def ready_since(looks: Sequence[Look]) -> float | None:
    """Give when a probe was first told what it was told from then on: "ready"; None for never."""
    since = None
    for look in sorted(looks, key=lambda each: each.began):
        if not look.is_ready:
            since = None
        elif since is None:
            since = look.ended
    return since
