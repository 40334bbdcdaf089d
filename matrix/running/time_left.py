"""How long a run will still take: from what its cells should cost, and what it has shown so far."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence

from matrix.planning import shards, timings
from matrix.planning.cells import Cell
from matrix.planning.plan import Plan
from matrix.planning.timings import Kind, Timings
from matrix.running.spans import Activity, Work

# Before so much of the run is over nothing is said: a first cell may wait for anything.
_LEAST_CELLS = 3
_LEAST_SHARE = 0.05


class TimeLeft:
    """Estimates what is left of a run.

    Args:
        jobs: how many workers it has.
        clock: gives the time in seconds.
    """

    def __init__(self, plan: Plan, jobs: int, clock: Callable[[], float]) -> None:
        self._timings = Timings(plan.expectations)
        self._visits = plan.visits()
        self._known = {cell: self._timings.of_cell(cell) for cell in self._visits}
        self._jobs = jobs
        self._lacking: set[str] = set()
        self._clock = clock
        # By release, the cell that was entered first, which makes what all of them need.
        self._makers: dict[str, Cell] = {}
        self._entered: dict[Cell, float] = {}
        self._over: set[Cell] = set()
        self._spent: defaultdict[Cell, float] = defaultdict(float)
        # Seconds by release, of those that have what it takes once.
        self._environments: dict[str, float] = {}
        self._servers: dict[str, float] = {}

    def lacks(self, releases: Iterable[str]) -> None:
        """See which KServe releases need an environment that has to be made."""
        self._lacking.update(releases)

    def entered(self, cell: Cell) -> None:
        """See that a worker makes a cell's checks from now on."""
        self._entered.setdefault(cell, self._clock())
        self._makers.setdefault(cell.kserve, cell)

    def worked(self, work: Work) -> None:
        """See what a worker spent on a cell."""
        cell, spent = work.cell, work.time.seconds
        environment = spent.get(Activity.ENVIRONMENT, 0.0)
        server = spent.get(Activity.FORK_SERVER, 0.0)
        self._spent[cell] += work.time.total - environment - server
        if environment:
            self._environments.setdefault(cell.kserve, environment)
            # The cell itself begins when what has to be there first is there.
            self._entered[cell] = self._clock() - self._spent[cell]
        if server:
            self._servers.setdefault(cell.kserve, server)

    def over(self, cell: Cell) -> None:
        """See that all checks of a cell are made."""
        self._over.add(cell)

    def seconds(self) -> float | None:
        """Give the seconds that are left, None where that can't be told (yet)."""
        known = self._known
        told = [cell for cell in self._visits if cell in self._over]
        share = sum(known[cell] for cell in told) / (sum(known.values()) or 1)
        if len(told) < _LEAST_CELLS or share < _LEAST_SHARE or len(told) == len(self._visits):
            return None
        costs = self._costs(told)
        wholes: defaultdict[str, float] = defaultdict(float)
        makers = dict(self._makers)
        for cell in self._visits:
            if cell not in self._over:
                is_maker = makers.setdefault(cell.kserve, cell) == cell
                wholes[cell.id] += self._left_of(cell, costs, is_maker)
        begun = {cell.id for cell in self._entered}
        # Those that workers are at, then the others, the longest first.
        order = sorted(wholes, key=lambda each: (each not in begun, -wholes[each]))
        # What takes longer than it should may end at any time.
        return shards.side_by_side(map(wholes.__getitem__, order), self._jobs) or None

    def _costs(self, told: Sequence[Cell]) -> Callable[[Cell], float]:
        """Give what tells the cost of a cell: as of those like it, else as of all."""
        by_kind: defaultdict[Kind, list[float]] = defaultdict(list)
        for cell in told:
            by_kind[timings.kind(cell)].append(self._spent[cell])
        alike = {kind: statistics.mean(every) for kind, every in by_kind.items()}
        slower = sum(self._spent[cell] for cell in told) / sum(self._known[cell] for cell in told)
        return lambda cell: alike.get(timings.kind(cell), slower * self._known[cell])

    def _left_of(self, cell: Cell, cost: Callable[[Cell], float], is_maker: bool) -> float:
        whole = cost(cell)
        if is_maker:
            whole += self._to_provide(cell)
        began = self._entered.get(cell)
        return whole if began is None else max(0.0, whole - (self._clock() - began))

    def _to_provide(self, cell: Cell) -> float:
        """Give what is still to be made for a release, once, before the first of its cells."""
        seconds = 0.0
        if cell.kserve not in self._servers:
            seconds += statistics.mean(self._servers.values() or [0.0])
        if cell.kserve in self._lacking - self._environments.keys():
            made = [self._environments[each] for each in self._lacking & self._environments.keys()]
            usual = self._timings.of_environment(cell.kserve, cell.runtime)
            seconds += statistics.mean(made or [usual])
        return seconds
