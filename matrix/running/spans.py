"""Where a worker process spends its time: spans of it, by what was done in them.

A span within another is taken out of that one, so that no second counts twice. Each thread has its
own spans, and only those of the thread that makes the checks are ever taken: what goes on beside
it costs a worker no time.
"""

from __future__ import annotations

import contextlib
import enum
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from matrix.planning.cells import Cell


class Activity(enum.StrEnum):
    """What a worker does in a span, and what the account of a run calls it."""

    ENVIRONMENT = "environments"
    FORK_SERVER = "fork servers"
    FORKED_START = "forked starts"
    EXACT_START = "exact starts"
    END = "ends of wrappers"
    WAITING = "waiting for TorchServe"
    TO_BE_ALONE = "waiting to be alone"
    CHECK = "checks"


@dataclass
class Span:
    """A span that has not ended; what is done in it may become clear only within it.

    Attributes:
        seconds: those that were spent in no span within, and not taken yet.
    """

    activity: Activity
    seconds: float = 0.0


@dataclass(frozen=True)
class TimeSpent:
    """What a worker spent its time on, from one report of it to the next.

    Attributes:
        ended: in seconds since the epoch.
        seconds: by activity.
        times: how many spans of each activity ended.
    """

    ended: float
    seconds: Mapping[str, float] = field(default_factory=dict)
    times: Mapping[str, int] = field(default_factory=dict)

    @property
    def total(self) -> float:
        """Give all seconds of it."""
        return sum(self.seconds.values())

    @property
    def began(self) -> float:
        """Give when it began, in seconds since the epoch: a worker without work spends nothing."""
        return self.ended - self.total


@dataclass(frozen=True)
class Work:
    """What a worker did for a check.

    Attributes:
        worker: pytest-xdist's name of the process, empty where there is only one.
    """

    worker: str
    cell: Cell
    check: str
    time: TimeSpent


class _Ledger(threading.local):
    def __init__(self) -> None:
        self.open: list[Span] = []
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self.times: Counter[str] = Counter()
        self.since = 0.0

    def catch_up(self) -> None:
        """Let the innermost span have the time that has gone by."""
        now = time.perf_counter()
        if self.open:
            self.open[-1].seconds += now - self.since
        self.since = now

    def settle(self, span: Span) -> None:
        """Write down what a span has come to."""
        self.seconds[span.activity] += span.seconds
        span.seconds = 0.0


_ledger = _Ledger()


@contextlib.contextmanager
def during(activity: Activity) -> Iterator[Span]:
    """Take the time of what is done meanwhile as a span; works as a decorator, too."""
    _ledger.catch_up()
    span = Span(activity)
    _ledger.open.append(span)
    try:
        yield span
    finally:
        _ledger.catch_up()
        _ledger.open.pop()
        _ledger.settle(span)
        _ledger.times[span.activity] += 1


def taken() -> TimeSpent:
    """Give what this thread spent its time on since this was last asked, also in open spans."""
    _ledger.catch_up()
    for span in _ledger.open:
        _ledger.settle(span)
    seconds = {activity: round(spent, 6) for activity, spent in _ledger.seconds.items()}
    spent = TimeSpent(time.time(), seconds, dict(_ledger.times))
    _ledger.seconds.clear()
    _ledger.times.clear()
    return spent


def give_back(spent: TimeSpent) -> None:
    """Have what was taken be taken once more, with what this thread spends until then."""
    for activity, seconds in spent.seconds.items():
        _ledger.seconds[activity] += seconds
    _ledger.times.update(spent.times)
