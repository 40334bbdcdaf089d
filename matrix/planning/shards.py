"""Parts of a plan that run on machines of their own, about equally long."""

from __future__ import annotations

import heapq
import os
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from matrix.planning.cells import Cell
from matrix.planning.plan import PlanError
from matrix.planning.timings import START, Timings

_Key = TypeVar("_Key", bound=Hashable)
_Thing = TypeVar("_Thing")

# Timings move releases only where the longest shard would take so much longer without them: each
# move loses a shard the environments that its machine has in its cache.
_WORTH_MOVING = 1.1
# So many cells run side by side for each processor: two of three wait for TorchServe. Ten on two
# processors took longer than six, since they took the processors' caches from each other.
SIDE_BY_SIDE = 3
# On a machine of two processors, unless somebody says otherwise.
JOBS = 2 * SIDE_BY_SIDE


def jobs_here() -> int:
    """Give how many cells run side by side on this machine, unless somebody says otherwise."""
    return SIDE_BY_SIDE * (os.cpu_count() or 1)


@dataclass(frozen=True)
class Shard:
    """One part of a plan.

    Attributes:
        number: which one it is, from 1.
        cells: in the plan's order, all of one runtime.
        seconds: how long it is expected to take.
    """

    number: int
    cells: tuple[Cell, ...]
    seconds: float

    @property
    def runtime(self) -> str:
        """Give how TorchServe runs in it."""
        return self.cells[0].runtime

    @property
    def releases(self) -> list[str]:
        """List the KServe releases in it, in the plan's order."""
        return list(dict.fromkeys(cell.kserve for cell in self.cells))


@dataclass(frozen=True)
class _Costs:
    """What cells cost, with what has to be made for them on each machine."""

    timings: Timings
    repeat: int
    jobs: int

    def of_cell(self, cell: Cell) -> float:
        return self.repeat * self.timings.of_cell(cell)

    def of_release(self, cells: Sequence[Cell]) -> float:
        """Give what cells of one release take, one after the other."""
        made = self.timings.of_environment(cells[0].kserve, cells[0].runtime)
        return made + sum(self.of_cell(cell) for cell in cells)

    def of_shard(self, cells: Sequence[Cell]) -> float:
        """Give how long a machine takes that runs some cells side by side."""
        releases = _by_release(cells).values()
        made = [self.timings.of_environment(each[0].kserve, each[0].runtime) for each in releases]
        # The longest go first.
        longest_first = sorted(map(self.of_cell, cells), reverse=True)
        return START + side_by_side([*made, *longest_first], self.jobs)


def split(
    cells: Sequence[Cell], timings: Timings, count: int, repeat: int = 1, jobs: int = JOBS
) -> list[Shard]:
    """Share cells out, the longest first to the shard that has the least to do.

    Timings that would gain little change nothing, so that a release stays in its shard from run to
    run, whose cache has its environment.

    The cells of one release stay together, since its environment is made once on each machine. Only
    where there are more shards than releases some are cut: those that take the longest.

    Args:
        jobs: how many cells a machine runs side by side.

    Raises:
        PlanError: when there are more shards than cells, or fewer than runtimes.
    """
    if count > len(cells):
        raise PlanError(
            f"--shards {count}: there are {len(cells)} cells to run, and each shard needs one"
        )
    costs = _Costs(timings, repeat, jobs)
    runtimes = _grouped(cells, lambda cell: cell.runtime)
    if count < len(runtimes):
        raise PlanError(
            f"--shards {count}: a shard has one runtime, and there are {len(runtimes)} "
            f"({', '.join(runtimes)}): have {len(runtimes)} shards or more"
        )
    parts = _parts(runtimes, costs, count)
    steady = _parts(runtimes, replace(costs, timings=Timings(timings.expectations)), count)
    if _longest(steady, costs) <= _WORTH_MOVING * _longest(parts, costs):
        parts = steady
    places = {cell: place for place, cell in enumerate(cells)}
    ordered = [tuple(sorted(part, key=places.__getitem__)) for part in parts]
    return [
        Shard(number, part, round(costs.of_shard(part), 1))
        for number, part in enumerate(ordered, start=1)
    ]


def side_by_side(seconds: Iterable[float], jobs: int) -> float:
    """Give how long things take of which so many are done at a time, in their order.

    Each goes to whoever is free first.
    """
    ends = [0.0] * jobs
    for each in seconds:
        heapq.heapreplace(ends, ends[0] + each)
    return max(ends)


def imbalance(shards: Sequence[Shard]) -> float:
    """Tell by which share the longest shard is above the mean of all."""
    seconds = [shard.seconds for shard in shards]
    # Never below zero, which rounding may give where all are alike.
    return max(0.0, max(seconds) * len(seconds) / sum(seconds) - 1)


def _parts(runtimes: Mapping[str, Sequence[Cell]], costs: _Costs, count: int) -> list[list[Cell]]:
    shares = _apportioned(runtimes, costs, count)
    return [
        part for runtime in runtimes for part in _split(runtimes[runtime], costs, shares[runtime])
    ]


def _longest(parts: Sequence[Sequence[Cell]], costs: _Costs) -> float:
    return max(map(costs.of_shard, parts))


def _split(cells: Sequence[Cell], costs: _Costs, count: int) -> list[list[Cell]]:
    """Share the cells of one runtime out."""
    releases = _by_release(cells)
    if count <= len(releases):
        dealt = _dealt(list(releases.values()), costs.of_release, count)
        return [[cell for release in part for cell in release] for part in dealt]
    shares = _apportioned(releases, costs, count)
    return [
        part
        for release, share in shares.items()
        for part in _dealt(releases[release], costs.of_cell, share)
    ]


def _dealt(
    things: Sequence[_Thing], cost: Callable[[_Thing], float], count: int
) -> list[list[_Thing]]:
    """Deal things out, the longest first to the hand that has the least; no hand stays empty."""
    hands: list[list[_Thing]] = [[] for _ in range(count)]
    # The number of things breaks ties, so that what costs nothing doesn't all go to one hand.
    heap = [(0.0, 0, index) for index in range(count)]
    for thing in sorted(things, key=cost, reverse=True):
        taken, size, index = heap[0]
        hands[index].append(thing)
        heapq.heapreplace(heap, (taken + cost(thing), size + 1, index))
    return hands


def _apportioned(
    groups: Mapping[_Key, Sequence[Cell]], costs: _Costs, count: int
) -> dict[_Key, int]:
    """Give each group of cells its number of shards: one, and more to those that take longest.

    No group gets more than it has cells.
    """
    totals = {key: sum(map(costs.of_cell, cells)) for key, cells in groups.items()}
    shares = dict.fromkeys(groups, 1)
    for _ in range(count - len(groups)):
        open_ones = [key for key in groups if shares[key] < len(groups[key])]
        longest = max(open_ones, key=lambda key: totals[key] / shares[key])
        shares[longest] += 1
    return shares


def _by_release(cells: Sequence[Cell]) -> dict[str, list[Cell]]:
    return _grouped(cells, lambda cell: cell.kserve)


def _grouped(cells: Sequence[Cell], key: Callable[[Cell], _Key]) -> dict[_Key, list[Cell]]:
    groups: defaultdict[_Key, list[Cell]] = defaultdict(list)
    for cell in cells:
        groups[key(cell)].append(cell)
    return dict(groups)
