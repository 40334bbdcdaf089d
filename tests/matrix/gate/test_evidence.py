"""The sentences on what results lack as evidence: of which file, what, and what mends it."""

from __future__ import annotations

import dataclasses

from kserve_conformance.results.record import Run

from matrix.gate.reasons import Rule
from tests.matrix.gate.gate_cases import (
    CELL,
    FEW,
    RELEASES,
    changed,
    decide,
    lenient,
    one_cell,
    with_evidence,
    with_header,
)

FILE = "results/0/results.jsonl"


def test_a_run_that_was_cut_short_is_told_with_how_far_it_came(two: Run) -> None:
    cut = dataclasses.replace(two, footer=None)
    (reason,) = decide(with_evidence(lenient(), cut_short="block"), cut).reasons
    assert (reason.rule, reason.sentence) == (Rule.CUT_SHORT, f"{FILE}: {cut.sentence()}")


def test_forked_starts_are_told_with_how_to_run_without_them(two: Run) -> None:
    forked = with_header(two, start="forked")
    (reason,) = decide(with_evidence(lenient(), forked_start="block"), forked).reasons
    assert reason.rule is Rule.FORKED_START
    assert reason.sentence == (
        f"{FILE} has wrappers that were forked, not started as in a pod: run with --start exact"
    )


def test_a_dirty_commit_is_told_by_its_name(two: Run) -> None:
    wanted = with_evidence(lenient(), dirty_commit="block")
    for commit, named in (("1f0c-dirty", "1f0c-dirty"), (None, "an unknown commit")):
        (reason,) = decide(wanted, with_header(two, commit=commit)).reasons
        assert reason.sentence == f"{FILE} is of {named}: no commit gives these results again"


def test_releases_are_wanted_by_name_and_by_profile(two: Run) -> None:
    """One that is wanted by both is told once."""
    named = ("0.99.0", RELEASES[0], "0.8.0")
    wants = dataclasses.replace(FEW, points={"kserve": named}, profile="all")
    (reason,) = decide(dataclasses.replace(lenient(), requirements=(FEW, wants)), two).reasons
    lack = "'two releases' lacks evidence: no judged cell has kserve 0.99.0, 0.8.0, 0.8.0.1, "
    assert reason.sentence.startswith(lack)
    assert reason.sentence.split().count("0.8.0,") == 1


def test_what_never_ran_is_no_check_that_was_left_out(two: Run) -> None:
    run = changed(one_cell(two), lambda each: None if each.check == "v1-predict" else each)
    wanted = with_evidence(lenient(), least_coverage=1.0)
    (reason,) = (each for each in decide(wanted, run).reasons if each.rule is Rule.COVERAGE)
    number = len(two.header.planned[CELL])
    assert reason.sentence == (
        f"{number - 1} of {number} checks of the required cells were judged "
        f"({(number - 1) * 1000 // number / 10}%), and 100% is wanted"
    )
    assert [cell.id for cell in reason.cells] == [CELL]
