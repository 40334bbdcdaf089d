"""The time that is left of a run: held against runs whose end is known."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import pytest

from matrix.planning import axes, options
from matrix.planning.cells import Cell
from matrix.planning.plan import Plan
from matrix.planning.timings import Timings
from matrix.running import starting
from matrix.running.spans import Activity, TimeSpent, Work
from matrix.running.time_left import TimeLeft

Cost = Callable[[Cell], float]


@pytest.fixture(scope="module")
def plan() -> Plan:
    # A part of the default profile: what is played takes the square of its cells.
    return planned(*axes.load().profile("default")[::3])


def planned(*kserve: str) -> Plan:
    wanted = replace(options.parsed(), runtime="process", kserve=kserve)
    return starting.make_plan(wanted, "process")


@dataclass
class Clock:
    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


@dataclass(frozen=True)
class Told:
    """What was told, of the share of the run that had gone by, and what was left indeed."""

    share: float
    said: float | None
    left: float


def play(plan: Plan, jobs: int, cost: Cost, lacking: tuple[str, ...] = ()) -> list[Told]:
    """Play a run, in which making an environment takes 30 s, and ask after each of its steps."""
    clock = Clock()
    time_left = TimeLeft(plan, jobs, clock)
    time_left.lacks(lacking)
    told: list[tuple[float, float | None]] = []
    cells = iter(plan.cells)
    first = {cell.kserve: cell for cell in reversed(plan.cells)}

    def worker() -> Iterator[float]:
        for cell in cells:
            time_left.entered(cell)
            provided = 30.0 if cell.kserve in lacking and cell == first[cell.kserve] else 0.0
            yield provided
            yield cost(cell)
            spent: dict[str, float] = {Activity.CHECK: cost(cell)}
            if cell == first[cell.kserve]:
                spent[Activity.ENVIRONMENT] = provided or 0.01
            time_left.worked(Work("gw", cell, "starts", TimeSpent(clock(), spent)))
            time_left.over(cell)

    queue = [(clock(), number, worker()) for number in range(jobs)]
    while queue:
        clock.now, number, running = heapq.heappop(queue)
        step = next(running, None)
        told.append((clock(), time_left.seconds()))
        if step is not None:
            heapq.heappush(queue, (clock() + step, number, running))
    whole = clock() - 1000
    return [Told((now - 1000) / whole, said, clock() - now) for now, said in told]


def known(plan: Plan, factor: float) -> Cost:
    timings = Timings(plan.expectations)
    return lambda cell: factor * timings.of_cell(cell)


def uneven(plan: Plan) -> Cost:
    """Let releases differ by half, and a kind of cell take much longer than is known."""
    timings = Timings(plan.expectations)

    def cost(cell: Cell) -> float:
        slow = 4 if cell.protocol.startswith("grpc") else 1
        return timings.of_cell(cell) * slow * (0.75 + 0.5 * (sum(map(ord, cell.kserve)) % 2))

    return cost


@pytest.mark.parametrize("jobs", [1, 2, 4])
@pytest.mark.parametrize("factor", [0.3, 1, 10])
def test_a_run_that_is_evenly_slower_than_others_is_told_well(
    jobs: int, factor: float, plan: Plan
) -> None:
    told = play(plan, jobs, known(plan, factor))
    said = [each for each in told if each.said is not None]
    assert said[0].share < 0.12
    for each in said:
        assert each.said == pytest.approx(each.left, rel=0.15, abs=5 * factor), each


@pytest.mark.parametrize("lacking", [False, True])
def test_an_uneven_run_is_told_well_once_it_has_shown_itself(lacking: bool, plan: Plan) -> None:
    releases = tuple(dict.fromkeys(cell.kserve for cell in plan.cells))
    told = play(plan, 2, uneven(plan), releases if lacking else ())
    for each in told:
        if each.said is not None and 0.25 < each.share < 0.9:
            assert each.said == pytest.approx(each.left, rel=0.35), each


def test_making_environments_is_a_part_of_it() -> None:
    plan = planned()
    releases = tuple(dict.fromkeys(cell.kserve for cell in plan.cells))
    with_them, without = (
        next(each.said for each in play(plan, 2, known(plan, 1), lacking) if each.said)
        for lacking in (releases, ())
    )
    assert with_them - without > 100


@pytest.mark.parametrize("jobs", [1, 2])
def test_nothing_is_said_at_the_start_and_at_the_end_and_never_nonsense(
    jobs: int, plan: Plan
) -> None:
    told = play(plan, jobs, uneven(plan))
    assert [each.said for each in told[:4]] == [None] * 4
    assert told[-1].said is None
    assert all(each.said is None or each.said > 0 for each in told)


def test_the_time_that_is_left_goes_by_while_nothing_is_reported(plan: Plan) -> None:
    clock = Clock()
    time_left = TimeLeft(plan, 1, clock)
    *over, running = plan.cells[:20]
    for cell in over:
        time_left.entered(cell)
        time_left.worked(Work("", cell, "starts", TimeSpent(clock(), {"checks": 2.0})))
        time_left.over(cell)
    time_left.entered(running)
    first = time_left.seconds()
    clock.now += 1
    second = time_left.seconds()
    clock.now += 1000
    third = time_left.seconds()
    assert first is not None
    assert second == pytest.approx(first - 1)
    assert third is not None
    assert 0 < third < first


def test_a_last_cell_that_takes_longer_than_it_should_is_told_nothing_of() -> None:
    clock = Clock()
    one = planned("0.13.1")
    time_left = TimeLeft(one, 1, clock)
    *over, last = one.cells
    for cell in over:
        time_left.worked(Work("", cell, "starts", TimeSpent(clock(), {"checks": 2.0})))
        time_left.over(cell)
    time_left.entered(last)
    assert time_left.seconds() is not None
    clock.now += 1000
    assert time_left.seconds() is None
