"""What the profile quick still has of the default profile, and what its left-out checks cost."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
from kserve_conformance.errors import DataFileError

from fixtures.wrappers import mutants
from matrix.planning import axes, coverage, expectations, options, plan
from matrix.planning.conditions import AnyOf
from matrix.planning.expectations import Expectations, LeftOut
from matrix.planning.plan import Plan
from tests.matrix.running.caught import CAUGHT, NOT_BY_QUICK


def make(expected: Expectations | None = None, **wanted: Any) -> Plan:
    given = dataclasses.replace(options.parsed(profile="quick"), **wanted)
    return plan.make(axes.load(), expected or expectations.load(), given, "process", True)


@pytest.fixture(scope="module")
def quick() -> Plan:
    return make()


def test_each_two_points_of_its_releases_meet_in_a_cell(quick: Plan) -> None:
    whole = plan.around(axes.load(), quick.expectations, "quick", quick.cells)
    assert {cell.kserve for cell in quick.cells} == {*axes.load().profile("quick")}
    assert len(quick.cells) < len(whole)
    assert coverage.share(quick.cells, whole, 2).whole


def test_each_check_is_made_in_a_cell(quick: Plan) -> None:
    made = {check for checks in quick.checks.values() for check in checks}
    assert made == quick.expectations.every.keys()


def test_every_mutant_is_caught_but_for_those_that_are_named(quick: Plan) -> None:
    caught = {
        each.mutant
        for each in CAUGHT
        if not {*each.checks}.isdisjoint(quick.checks.get(each.cell, ()))
    }
    assert mutants.MUTANTS.keys() - caught == NOT_BY_QUICK.keys()


@pytest.mark.parametrize("left_out", expectations.load().left_out, ids=lambda each: each.reason)
def test_what_a_profile_leaves_out_is_there_without_it(left_out: LeftOut, quick: Plan) -> None:
    whole = make(profile="default", kserve=axes.load().profile("quick"))
    for cell in quick.cells:
        if left_out.when.holds(whole.expectations.point(cell.axes(), True)):
            assert set(quick.checks[cell.id]).isdisjoint(left_out.checks)
    assert any(
        left_out.when.holds(whole.expectations.point(cell.axes(), True))
        and set(whole.checks[cell.id]).intersection(left_out.checks)
        for cell in whole.cells
    )


def test_what_is_named_is_run_whatever_the_profile_leaves_out() -> None:
    cell = "kserve0.13.1-v1-kserve-torchserve0.12.0"
    assert "drains" not in make(cell=(cell,)).checks[cell]
    assert make(cell=(cell,), check=("drains",)).checks[cell] == ("drains",)


def test_another_release_can_be_run_as_quickly() -> None:
    other = make(kserve=("0.15.2",))
    assert {cell.kserve for cell in other.cells} == {"0.15.2"}
    assert len(other.cells) < len(make(profile="default", kserve=("0.15.2",)).cells)


def test_an_entry_that_leaves_nothing_out_is_refused() -> None:
    ours = expectations.load()
    idle = LeftOut("quick", ("drains",), AnyOf.parse({"protocol": "v3"}), "of this test")
    with pytest.raises(DataFileError, match="the entry 'of this test' leaves nothing out"):
        make(dataclasses.replace(ours, left_out=(*ours.left_out, idle)))


def test_a_profile_of_a_release_that_there_is_not_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "axes.toml"
    text = axes.FILE.read_text(encoding="utf-8")
    file.write_text(text.replace('kserve = ["0.9.0", ', 'kserve = ["0.9.9", '), encoding="utf-8")
    with pytest.raises(DataFileError, match=r"0\.9\.9 is no \[\[kserve\]\] of this file"):
        axes.load(file)
