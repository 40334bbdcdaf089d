"""The profiles of axes.toml that have points of other axes, and what is wrong in one is told."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from kserve_conformance.errors import DataFileError

from matrix.planning import axes, coverage, expectations, options, plan
from matrix.planning.axes import Axes
from matrix.planning.conditions import AnyOf
from matrix.planning.plan import Plan, PlanError


def make(known: Axes | None = None, **wanted: Any) -> Plan:
    given = dataclasses.replace(options.parsed(), **wanted)
    return plan.make(known or axes.load(), expectations.load(), given, "process", True)


def test_historical_has_the_torchserve_that_kserve_pinned_beside_each_release() -> None:
    pairs = {(cell.kserve, cell.torchserve) for cell in make(profile="historical").cells}
    assert len(pairs) == len(axes.load().profile("historical"))
    pinned = {kserve.rsplit(".", 1)[0]: torchserve for kserve, torchserve in sorted(pairs)}
    assert pinned["0.8.0"] == "0.5.3"
    assert [pinned[minor] for minor in ("0.9", "0.10", "0.11")] == ["0.6.1", "0.7.1", "0.8.2"]
    assert {pinned[f"0.{minor}"] for minor in range(12, 21)} == {"0.9.0"}


def test_historical_has_all_cells_of_its_pairs() -> None:
    made = make(profile="historical", kserve=("0.9.0",))
    assert {cell.torchserve for cell in made.cells} == {"0.6.1"}
    assert len(made.cells) == len(make(kserve=("0.9.0",)).cells)
    around = plan.around(axes.load(), made.expectations, "historical", made.cells)
    assert {cell for cell in around if cell.kserve == "0.9.0"} == set(made.cells)


def test_torchserve_is_every_release_by_pairs() -> None:
    made = make(profile="torchserve")
    whole = plan.around(axes.load(), made.expectations, "torchserve", made.cells)
    assert {cell.torchserve for cell in whole} == set(axes.load().torchserve)
    assert {cell.kserve for cell in whole} == set(axes.load().profile("default"))
    assert len(made.cells) < len(whole) / 8
    assert coverage.share(made.cells, whole, 2).whole


def test_the_coverage_that_is_asked_for_is_not_the_profiles() -> None:
    one: dict[str, Any] = {
        "profile": "torchserve",
        "kserve": ("0.13.1", "0.21.0"),
        "protocol": ("v2",),
    }
    assert len(make(**one, coverage="full").cells) > len(make(**one).cells)


def test_a_cell_that_is_named_is_run_whatever_the_profile_has() -> None:
    named = ("kserve0.9.0-v2-kservev2-torchserve0.12.0",)
    for profile in ("historical", "torchserve"):
        assert [cell.id for cell in make(profile=profile, cell=named).cells] == [*named]


def test_a_pair_that_is_in_no_profile_leaves_nothing() -> None:
    with pytest.raises(PlanError, match="nothing is left to run"):
        make(profile="historical", torchserve=("0.12.0",))


def test_a_profile_with_a_point_that_none_of_its_cells_has_is_refused() -> None:
    ours = axes.load()
    when = AnyOf.parse({"kserve": ">=0.9", "torchserve": "==0.9.0"})
    idle = dataclasses.replace(ours.named("historical"), when=when)
    wrong = dataclasses.replace(ours, profiles={**ours.profiles, "historical": idle})
    with pytest.raises(
        DataFileError,
        match=r"axes\.toml: profile\.historical: none of its cells has kserve 0\.8\.0\.2: mend",
    ):
        make(wrong)
