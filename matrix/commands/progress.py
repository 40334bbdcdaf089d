"""How far a run has come, in words: its cells, what is being made, and the time that is left."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence

from kserve_conformance.results.record import Record

from matrix.planning.cells import Cell
from matrix.planning.plan import Plan
from matrix.running.spans import Activity, Work
from matrix.running.time_left import TimeLeft


class Progress:
    """Counts what has been done of a plan.

    Args:
        jobs: how many workers the run has.
        clock: gives the time in seconds.
    """

    def __init__(self, plan: Plan, jobs: int, clock: Callable[[], float]) -> None:
        self._visits = {(cell.id, cell.attempt): cell for cell in plan.visits()}
        self._left = Counter({cell: len(plan.checks[cell.id]) for cell in self._visits.values()})
        self._running: dict[Cell, None] = {}
        self._failed: set[str] = set()
        self._time = TimeLeft(plan, jobs, clock)
        # Releases whose environments the run has to make, those being made, and how many it began.
        self._lacking: set[str] = set()
        self._making: dict[str, int] = {}
        self._begun = self._to_make = 0
        self.cells = len(plan.cells)

    @property
    def done(self) -> int:
        """Count the cells of which all checks are made."""
        return self.cells - len({cell.id for cell in self._left})

    def lacks(self, releases: Sequence[str]) -> None:
        """Take which KServe releases need an environment that has to be made."""
        self._lacking.update(releases)
        self._to_make = len(releases)
        self._time.lacks(releases)

    def entered(self, cell: Cell) -> None:
        """Take that checks of a cell are being made."""
        self._running[cell] = None
        self._time.entered(cell)
        if cell.kserve in self._lacking:
            self._lacking.remove(cell.kserve)
            self._begun += 1
            self._making[cell.kserve] = self._begun

    def worked(self, work: Work) -> None:
        """Take what a worker did."""
        if Activity.ENVIRONMENT in work.time.seconds:
            self._making.pop(work.cell.kserve, None)
        self._time.worked(work)

    def failed(self, record: Record) -> bool:
        """Take that a check is not as expected; tell whether it is the first of its cell."""
        is_first = record.cell not in self._failed
        self._failed.add(record.cell)
        return is_first

    def made(self, record: Record) -> None:
        """Take that a check is made."""
        cell = self._visits[record.cell, record.attempt]
        self._left[cell] -= 1
        if self._left[cell] == 0:
            del self._left[cell]
            self._running.pop(cell, None)
            self._making.pop(cell.kserve, None)
            self._time.over(cell)

    def sentence(self) -> str:
        """Tell all of it on one line."""
        return "; ".join(self._parts())

    def _parts(self) -> Iterator[str]:
        yield f"{self.done} of {self.cells} cells done, {len(self._failed)} not as expected"
        seconds = self._time.seconds()
        if seconds is not None:
            yield f"about {roughly(seconds)} left"
        for release, number in self._making.items():
            yield f"making the environment of KServe {release} ({number} of {self._to_make})"
        running = [cell.id for cell in self._running if cell.kserve not in self._making]
        yield f"running: {', '.join(running) or 'none'}"


def roughly(seconds: float) -> str:
    """Tell seconds no finer than an estimate is worth, rounded up."""
    if seconds <= 100:
        return f"{10 * max(1, math.ceil(seconds / 10))} s"
    minutes = math.ceil(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min"
