"""What share of the axes' interplay some cells show, and covering arrays that show all of it."""

from __future__ import annotations

import dataclasses
import os
import random
import subprocess
import sys
from collections.abc import Sequence
from itertools import combinations, product
from operator import attrgetter

import pytest

from matrix.planning import axes, coverage, expectations, options, plan
from matrix.planning.cells import Cell
from matrix.planning.coverage import Coverage, Share
from matrix.planning.plan import Plan, PlanError
from tests.matrix.runs import REPOSITORY

_AXES = ("kserve", "protocol", "envelope", "torchserve", "runtime")
_OF_QUICK = (("v1", "none"), ("grpc-v2", "kserve"))
REDUCED: tuple[Coverage, ...] = ("pairs", "triples")


def every_cell(runtimes: Sequence[str] = ("container", "process")) -> list[Cell]:
    """Give the cells of the default profile on every TorchServe release."""
    known, expected = axes.load(), expectations.load()
    return [
        Cell(kserve, protocol, envelope, torchserve, runtime)
        for runtime in runtimes
        for torchserve in known.torchserve
        for kserve in known.profile("default")
        for protocol in known.protocols
        for envelope in known.offered["envelope"]
        if envelope in expected.envelopes(protocol)
        and ((protocol, envelope) not in _OF_QUICK or kserve in known.profile("quick"))
    ]


def lacking(chosen: Sequence[Cell], whole: Sequence[Cell], strength: int) -> list[object]:
    """Look for each meeting of points of the whole in the chosen cells."""
    lacked: list[object] = []
    for names in combinations(_AXES, strength):
        points = attrgetter(*names)
        there = set(map(points, chosen))
        lacked += [(cell, names) for cell in whole if points(cell) not in there]
    return lacked


def make(**wanted: object) -> Plan:
    given = dataclasses.replace(options.parsed(), **wanted)  # type: ignore[arg-type]
    return plan.make(axes.load(), expectations.load(), given, "container", True)


@pytest.mark.parametrize("wanted", REDUCED)
def test_a_covering_array_lacks_no_meeting_of_points(wanted: Coverage) -> None:
    cells = [cell for cell in every_cell() if cell.torchserve in ("0.8.2", "0.12.0")]
    chosen = coverage.reduced(cells, wanted)
    assert len(chosen) < len(cells)
    assert not lacking(chosen, cells, coverage.STRENGTHS[wanted])
    assert [cell for cell in cells if cell in set(chosen)] == chosen


def test_pairs_take_no_more_cells_than_the_two_longest_axes_have_meetings() -> None:
    # And two more: some envelopes meet a PROTOCOL_VERSION on three releases only.
    assert len(coverage.reduced(every_cell(), "pairs")) == 14 * 11 + 2


def test_triples_take_more_cells_than_pairs_and_fewer_than_all() -> None:
    cells = every_cell()
    pairs, triples = (coverage.reduced(cells, wanted) for wanted in REDUCED)
    assert len(pairs) < len(triples) < len(cells)
    assert coverage.share(triples, cells, 3).whole
    assert not coverage.share(pairs, cells, 3).whole


@pytest.mark.parametrize("wanted", REDUCED)
def test_cells_that_are_no_product_of_axes_are_covered_too(wanted: Coverage) -> None:
    picked, whole = random.Random(1), every_cell()
    for _ in range(5):
        cells = [cell for cell in whole if picked.random() < 0.03]
        chosen = coverage.reduced(cells, wanted)
        assert set(chosen) <= set(cells)
        assert coverage.share(chosen, cells, coverage.STRENGTHS[wanted]).whole


def test_one_axis_that_varies_keeps_all_its_points() -> None:
    cells = [cell for cell in every_cell(("process",)) if cell.protocol == "v3"]
    one = [cell for cell in cells if cell.kserve == "0.9.0"]
    assert coverage.reduced(one, "pairs") == one
    assert coverage.reduced(one[:1], "triples") == one[:1]


def test_the_same_cells_are_chosen_whatever_the_seed_of_hashes() -> None:
    script = (
        "from tests.matrix.planning.test_coverage import every_cell;"
        "from matrix.planning import coverage;"
        "print([(c.id, c.runtime) for c in coverage.reduced(every_cell(), 'pairs')])"
    )
    # Another one than this process has, or was given.
    seed = "2" if os.environ.get("PYTHONHASHSEED") == "1" else "1"
    said = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONHASHSEED": seed},
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    chosen = coverage.reduced(every_cell(), "pairs")
    assert said == f"{[(each.id, each.runtime) for each in chosen]}\n"


def test_meetings_are_counted_over_valid_cells_only() -> None:
    # v1 has two envelopes, v3 one: 3 meetings, not 4.
    cells = [
        Cell("0.9.0", protocol, envelope, "0.12.0", "process")
        for protocol, envelope in [("v1", "kserve"), ("v1", "kservev2"), ("v3", "kserve")]
    ]
    assert coverage.share(cells[:2], cells, 2) == Share(2, 3)


def test_an_axis_of_one_point_does_not_count() -> None:
    cells = [
        Cell(kserve, protocol, "kserve", "0.12.0", "process")
        for kserve, protocol in product(("0.9.0", "0.10.2"), ("v1", "v3"))
    ]
    assert coverage.share(cells, cells, 2) == Share(4, 4)


def test_a_share_that_lacks_something_is_never_told_as_all() -> None:
    assert str(Share(1999, 2000)) == "99% (1999 of 2000)"


def test_a_run_takes_the_cells_of_the_covering_array() -> None:
    made = make(coverage="pairs", torchserve=("all",))
    assert list(made.cells) == coverage.reduced(every_cell(("container",)), "pairs")
    assert set(made.checks) == {cell.id for cell in made.cells}


def test_a_covering_array_is_made_of_the_cells_that_have_the_check() -> None:
    full = make(check=("v1-predict",), torchserve=("all",))
    made = make(check=("v1-predict",), torchserve=("all",), coverage="pairs")
    assert len(made.cells) < len(full.cells)
    assert coverage.share(made.cells, full.cells, 2).whole


def test_cells_that_are_named_are_not_reduced() -> None:
    named = ("kserve0.9.0-v3-kserve-torchserve0.12.0",)
    with pytest.raises(PlanError, match=r"--coverage pairs chooses .* use one of the two"):
        make(cell=named, coverage="pairs")


def test_all_torchserve_releases_can_be_selected_in_a_word() -> None:
    assert {cell.torchserve for cell in make(torchserve=("all",)).cells} == {
        *axes.load().torchserve
    }
    with pytest.raises(PlanError, match="--torchserve 9: there is no such torchserve"):
        make(torchserve=("all", "9"))


def test_a_plan_by_options_covers_a_share_of_its_profile() -> None:
    made = make(kserve=("0.8.0.1", "0.9.0"))
    whole = plan.around(axes.load(), made.expectations, "default", made.cells)
    # 0.8.0.1 is outside of the default profile.
    assert len(whole) == 15 * 17 + 3 * 2
    assert set(made.cells) <= set(whole)
    assert coverage.share(made.cells, whole, 3) == Share(36, 261)
