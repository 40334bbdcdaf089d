"""Shards: all cells, each once, together where they need the same, and about equally long."""

from __future__ import annotations

import dataclasses
import functools
import random
from collections.abc import Sequence

import pytest
from kserve_conformance.results.record import Record, Run

from matrix.planning import axes, expectations, options, plan, shards, timings
from matrix.planning.cells import Cell
from matrix.planning.plan import PlanError
from matrix.planning.timings import Timings

UNKNOWN = Timings(expectations.load())


@functools.cache
def planned(runtime: str, **wanted: object) -> tuple[Cell, ...]:
    given = dataclasses.replace(options.parsed(), **wanted)  # type: ignore[arg-type]
    return plan.make(axes.load(), UNKNOWN.expectations, given, runtime, True).cells


def cells(runtime: str = "container", **wanted: object) -> list[Cell]:
    return list(planned(runtime, **wanted))


def ids(parts: Sequence[shards.Shard]) -> list[tuple[str, str]]:
    return [(cell.id, cell.runtime) for part in parts for cell in part.cells]


def learned(run: Run) -> Timings:
    return timings.learn([run], UNKNOWN.expectations)


@pytest.mark.parametrize("count", [1, 3, 14, 15, 29, 224])
def test_every_cell_is_in_one_shard(count: int) -> None:
    wanted = cells()
    parts = shards.split(wanted, UNKNOWN, count)
    assert [part.number for part in parts] == list(range(1, count + 1))
    assert sorted(ids(parts)) == sorted((cell.id, cell.runtime) for cell in wanted)
    assert all(part.cells for part in parts)


@pytest.mark.parametrize("count", [2, 5, 14])
def test_a_release_stays_together_where_there_are_enough(count: int) -> None:
    parts = shards.split(cells(), UNKNOWN, count)
    releases = [release for part in parts for release in part.releases]
    assert len(releases) == len(set(releases)) == 14


def test_a_release_is_cut_where_there_are_more_shards() -> None:
    parts = shards.split(cells(), UNKNOWN, 16)
    assert all(len(part.releases) == 1 for part in parts)
    cut = [release for part in parts for release in part.releases]
    assert sorted(cut.count(release) for release in set(cut)) == [1] * 12 + [2] * 2


def test_the_longest_release_is_cut_first(default_run: Run) -> None:
    took = learned(default_run)
    wanted = cells(kserve=("0.9.0", "0.13.1"))
    slow = dataclasses.replace(
        took,
        cells={
            place: 9 * took.cells[place] if "0.13.1" in place[0] else took.cells[place]
            for place in took.cells
        },
    )
    parts = shards.split(wanted, slow, 4, jobs=1)
    assert [part.releases for part in parts] == [["0.9.0"], *[["0.13.1"]] * 3]


@pytest.mark.parametrize("count", [2, 3, 4, 7])
def test_shards_are_balanced_by_what_cells_took(
    default_run: Run, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    took = learned(default_run)
    kept = max(part.seconds for part in shards.split(cells(), took, count))
    monkeypatch.setattr(shards, "_WORTH_MOVING", 0.0)
    parts = shards.split(cells(), took, count)
    # A release stays where it is unless the longest shard gains a tenth.
    assert kept <= 1.1 * max(part.seconds for part in parts) + 0.1

    def seconds(part: shards.Shard, release: str) -> float:
        return sum(took.of_cell(cell) for cell in part.cells if cell.kserve == release)

    work = {
        part.number: {release: seconds(part, release) for release in part.releases}
        for part in parts
    }
    totals = {number: sum(releases.values()) for number, releases in work.items()}
    most, least = (pick(totals, key=totals.__getitem__) for pick in (max, min))
    # To move any release from the longest shard to the shortest would make it no better, but for
    # the environments.
    made = max(took.environments.values())
    assert totals[most] - totals[least] <= min(work[most].values()) + made


@pytest.mark.parametrize("count", [2, 3, 4, 7])
def test_what_differs_from_run_to_run_moves_no_release(count: int) -> None:
    noise = random.Random(count)
    usual = {(cell.id, cell.runtime): UNKNOWN.of_cell(cell) for cell in cells()}
    first, *others = (
        shards.split(
            cells(),
            dataclasses.replace(
                UNKNOWN,
                cells={place: each * noise.uniform(0.8, 1.2) for place, each in usual.items()},
            ),
            count,
        )
        for _ in range(5)
    )
    for parts in others:
        assert [part.cells for part in parts] == [part.cells for part in first]


def test_timings_change_the_balance(default_run: Run) -> None:
    took = learned(default_run)
    slow = set(shards.split(cells(), took, 2)[0].releases)
    slow_cells = tuple(f"kserve{release}-" for release in slow)
    slowed = dataclasses.replace(
        took,
        cells={
            place: seconds * (20 if place[0].startswith(slow_cells) else 1)
            for place, seconds in took.cells.items()
        },
    )
    assert all(slow.intersection(part.releases) for part in shards.split(cells(), slowed, 2))


def test_the_expected_seconds_are_those_of_cells_side_by_side() -> None:
    two, one = (
        shards.split(cells(kserve=("0.9.0", "0.13.1")), UNKNOWN, 1, jobs=jobs)[0].seconds
        for jobs in (2, 1)
    )
    assert one - timings.START == pytest.approx(2 * (two - timings.START))


def test_attempts_take_their_time() -> None:
    once, ten_times = (
        shards.split(cells(kserve=("0.9.0",)), UNKNOWN, 1, repeat=repeat)[0].seconds
        for repeat in (1, 10)
    )
    assert ten_times > 5 * once


def test_more_shards_than_cells_are_refused() -> None:
    with pytest.raises(PlanError, match=r"--shards 20: there are 19 cells to run"):
        shards.split(cells(kserve=("0.9.0",)), UNKNOWN, 20)


def test_a_shard_has_one_runtime() -> None:
    both = [*cells("container"), *cells("process", kserve=("0.9.0", "0.13.1"))]
    parts = shards.split(both, UNKNOWN, 5)
    assert {cell.runtime for part in parts for cell in part.cells} == {"container", "process"}
    assert all({cell.runtime for cell in part.cells} == {part.runtime} for part in parts)
    # The two releases that run as processes take less than a fifth.
    assert [part.runtime for part in parts].count("process") == 1
    with pytest.raises(PlanError, match=r"--shards 1: a shard has one runtime, and there are 2"):
        shards.split(both, UNKNOWN, 1)


# ------------------------------------------------------------------ what cells took


def test_a_cell_took_what_its_checks_took(default_run: Run) -> None:
    cell = cells(kserve=("0.13.1",), protocol=("v1",))[0]
    took = learned(default_run)
    statements = UNKNOWN.expectations.statements
    checks = [
        record.seconds
        for record in default_run.records
        if record.cell == cell.id and record.check not in statements
    ]
    assert took.of_cell(cell) == pytest.approx(sum(checks), abs=0.01)
    # Six cells ran side by side, and the seconds of the suite's statements are told once.
    there = (each for each in cells() if each.id in default_run.header.planned)
    total = sum(took.of_cell(each) for each in there) + sum(took.environments.values())
    assert default_run.footer is not None
    assert 5.4 < total / default_run.footer.seconds < 6


def test_what_comes_before_a_releases_first_cell_is_not_the_cells_own(default_run: Run) -> None:
    first = default_run.records[0]
    slow = dataclasses.replace(first, seconds=first.seconds + 600)
    run = dataclasses.replace(default_run, records=[slow, *default_run.records[1:]])
    cell = Cell.named(first.cell, "container")
    took = learned(run)
    assert took.of_environment(cell.kserve, "container") == pytest.approx(600, rel=0.1)
    # What those like it take.
    usual = learned(default_run).kinds[timings.kind(cell)]
    assert took.of_cell(cell) == pytest.approx(usual, rel=0.1)


def test_a_later_run_of_fewer_cells_leaves_no_wait_in_a_cell(default_run: Run) -> None:
    first = default_run.records[0]
    slow = dataclasses.replace(first, seconds=first.seconds + 600)
    run = dataclasses.replace(default_run, records=[slow, *default_run.records[1:]])
    kept = list(default_run.header.planned)[1:]
    later = dataclasses.replace(
        default_run,
        header=dataclasses.replace(
            default_run.header, planned={cell: default_run.header.planned[cell] for cell in kept}
        ),
        records=[record for record in default_run.records if record.cell in kept],
    )
    took = timings.learn([run, later], UNKNOWN.expectations)
    cell = Cell.named(first.cell, "container")
    assert took.of_cell(cell) == pytest.approx(learned(default_run).of_cell(cell), abs=2)


def test_an_unknown_cell_counts_as_the_median_of_its_kind(default_run: Run) -> None:
    took = learned(default_run)
    kind = sorted(
        took.of_cell(cell) for cell in cells(protocol=("v1",)) if cell.envelope == "kserve"
    )
    unknown = Cell("0.8.0", "v1", "kserve", "0.12.0", "container")
    assert kind[0] <= took.of_cell(unknown) <= kind[-1]
    other_runtime = dataclasses.replace(unknown, runtime="process")
    assert took.of_cell(other_runtime) == UNKNOWN.of_cell(other_runtime)


def test_a_refusal_is_expected_to_be_quicker_than_a_service() -> None:
    served, refused = (
        Cell("0.9.0", protocol, "kserve", "0.12.0", "container") for protocol in ("v1", "v3")
    )
    assert UNKNOWN.of_cell(refused) < UNKNOWN.of_cell(served) / 4


def test_a_cell_that_was_cut_short_says_nothing_of_its_time(default_run: Run) -> None:
    last = default_run.records[-1]
    cut = dataclasses.replace(default_run, records=default_run.records[:-1], footer=None)
    assert (last.cell, "container") in learned(default_run).cells
    assert (last.cell, "container") not in learned(cut).cells


def test_attempts_count_once(default_run: Run) -> None:
    def again(record: Record) -> Record:
        return dataclasses.replace(record, attempt=2)

    twice = dataclasses.replace(
        default_run,
        header=dataclasses.replace(default_run.header, repeat=2),
        records=[*default_run.records, *map(again, default_run.records)],
    )
    cell = cells(kserve=("0.13.1",), protocol=("v1",))[0]
    assert learned(twice).of_cell(cell) == pytest.approx(learned(default_run).of_cell(cell))


def test_no_shard_is_empty_where_cells_take_no_time_at_all() -> None:
    wanted = cells(kserve=("0.9.0",))
    took = dataclasses.replace(UNKNOWN, cells={(cell.id, cell.runtime): 0.0 for cell in wanted})
    assert all(part.cells for part in shards.split(wanted, took, 5))
