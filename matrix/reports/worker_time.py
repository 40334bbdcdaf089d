"""Where the time of a run's workers went, and which chain of their work decided when it ended.

`matrix.reports.timings` tells what results say of checks; this is told at the end of a run only,
of what its workers measured themselves: see `matrix.running.spans`.
"""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from matrix.planning.cells import Cell
from matrix.results import grouping
from matrix.running.spans import Activity, Work

OWN_START, WORKERS_START, IDLE = "start-up of the run", "start-up of its workers", "idle"


@dataclass(frozen=True)
class Share:
    """What all workers together spent on one thing.

    Attributes:
        seconds: worker-seconds.
        times: how often; None for what isn't counted.
    """

    name: str
    seconds: float
    times: int | None


@dataclass(frozen=True)
class Link:
    """A cell that a worker made, with all attempts at it.

    Attributes:
        cell: its id.
        waiting: seconds out of ``seconds`` that it waited for TorchServe.
    """

    cell: str
    seconds: float
    waiting: float


@dataclass(frozen=True)
class Item:
    """A check in a cell, with the seconds that a worker spent on it."""

    cell: Cell
    check: str
    seconds: float
    waiting: float


@dataclass(frozen=True)
class Path:
    """The work of the worker that ended last.

    Attributes:
        start_up: seconds until its first check.
        idle: seconds in which it had no work, from then to the end of the run.
        longest: of its checks, the longest first.
    """

    worker: str
    start_up: float
    links: Sequence[Link]
    idle: float
    longest: Sequence[Item]


class WorkerTime:
    """The account of a run.

    Args:
        works: what each worker did, in its order.
        moments: when the run began, when it was about to start its workers, and when it ended, each
            in seconds since the epoch.
        jobs: how many workers it had; one that was never given work has been idle.
    """

    def __init__(
        self, works: Iterable[Work], moments: tuple[float, float, float], jobs: int
    ) -> None:
        self._by_worker: defaultdict[str, list[Work]] = defaultdict(list)
        for work in works:
            self._by_worker[work.worker].append(work)
        self._began, self._workers_began, ended = moments
        self.seconds = max(0.0, ended - self._began)
        # One that took the place of another that died had its time before that, too.
        self.jobs = max(jobs, len(self._by_worker))

    def shares(self) -> list[Share]:
        """Give what the workers spent their time on; the most first; together that is all of it."""
        seconds: Counter[str] = Counter()
        times: Counter[str] = Counter()
        for work in self._works():
            seconds.update(work.time.seconds)
            times.update(work.time.times)
        of_run = min(self.start_up, max(0.0, self._workers_began - self._began))
        idle = self.jobs * (self.seconds - self.start_up) - seconds.total()
        shares = [
            *(
                Share(each, seconds[each], None if each is Activity.CHECK else times[each])
                for each in Activity
                if seconds[each]
            ),
            Share(OWN_START, self.jobs * of_run, None),
            Share(WORKERS_START, self.jobs * (self.start_up - of_run), None),
            Share(IDLE, max(0.0, idle), None),
        ]
        return sorted(shares, key=lambda share: -share.seconds)

    @property
    def start_up(self) -> float:
        """Give the seconds until the first check of all began, those of the whole run if none."""
        first = min((works[0].time.began for works in self._by_worker.values()), default=None)
        return self.seconds if first is None else max(0.0, first - self._began)

    def critical_path(self, most: int) -> Path | None:
        """Give the work that decided when the run ended, None where nothing was done.

        Args:
            most: how many of its longest checks are told.
        """
        if not self._by_worker:
            return None
        worker = max(self._by_worker, key=lambda each: self._by_worker[each][-1].time.ended)
        works = self._by_worker[worker]
        start_up = max(0.0, works[0].time.began - self._began)
        links = [_link(list(each)) for _, each in itertools.groupby(works, _cell)]
        by_check = grouping.gathered(works, lambda work: (work.cell, work.check))
        items = (_item(each) for each in by_check)
        return Path(
            worker,
            start_up,
            links,
            max(0.0, self.seconds - start_up - _seconds(works)),
            sorted(items, key=lambda item: -item.seconds)[:most],
        )

    def longest_cell(self) -> tuple[str, float]:
        """Give the id and the seconds of the cell that took longest, all attempts at it together.

        Raises:
            ValueError: when no check was made.
        """
        longest = max(grouping.gathered(self._works(), _cell), key=_seconds)
        return _cell(longest[0]), _seconds(longest)

    def at_best(self, jobs: int) -> float:
        """Give the seconds that no run with so many workers falls below, each as fast as here."""
        _, longest = self.longest_cell()
        return self.start_up + max(_seconds(self._works()) / jobs, longest)

    def _works(self) -> Iterator[Work]:
        return itertools.chain.from_iterable(self._by_worker.values())


def _link(works: Sequence[Work]) -> Link:
    return Link(_cell(works[0]), _seconds(works), _waiting(works))


def _item(works: Sequence[Work]) -> Item:
    return Item(works[0].cell, works[0].check, _seconds(works), _waiting(works))


def _cell(work: Work) -> str:
    return work.cell.id


def _seconds(works: Iterable[Work]) -> float:
    return sum(work.time.total for work in works)


def _waiting(works: Iterable[Work]) -> float:
    return sum(work.time.seconds.get(Activity.WAITING, 0.0) for work in works)
