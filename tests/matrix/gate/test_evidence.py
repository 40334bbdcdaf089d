"""What results have to be as evidence, and the sentences on what they lack."""

from __future__ import annotations

import dataclasses
import datetime
import re

import pytest
from kserve_conformance.results.record import Record, Run
from kserve_conformance.results.verdict import Verdict

from matrix.gate.deciding import GateError
from matrix.gate.reasons import Rule
from matrix.planning import axes, expectations, options, plan, policy
from matrix.planning.conditions import AnyOf
from matrix.planning.policy import Requirement
from tests.matrix.gate.gate_cases import (
    ANY,
    CELL,
    FEW,
    RELEASES,
    changed,
    decide,
    lenient,
    one_cell,
    repeated,
    rules,
    with_evidence,
    with_header,
)

EFFECTS = [("block", 3, 1), ("warn", 0, 1), ("allow", 0, 0)]


@pytest.mark.parametrize(("effect", "exit_code", "reasons"), EFFECTS)
def test_a_run_that_was_cut_short(effect: str, exit_code: int, reasons: int, two: Run) -> None:
    cut = dataclasses.replace(two, footer=None)
    decision = decide(with_evidence(lenient(), cut_short=effect), cut)
    assert (decision.exit_code, len(decision.reasons)) == (exit_code, reasons)


@pytest.mark.parametrize("commit", ["0" * 40 + "-dirty", None])
@pytest.mark.parametrize(("effect", "exit_code", "reasons"), EFFECTS)
def test_results_that_no_commit_gives_again(
    commit: str | None, effect: str, exit_code: int, reasons: int, two: Run
) -> None:
    wanted = with_evidence(lenient(), dirty_commit=effect)
    decision = decide(wanted, with_header(two, commit=commit))
    assert (decision.exit_code, len(decision.reasons)) == (exit_code, reasons)


@pytest.mark.parametrize(("effect", "exit_code", "reasons"), EFFECTS)
def test_results_of_forked_starts(effect: str, exit_code: int, reasons: int, two: Run) -> None:
    wanted = with_evidence(lenient(), forked_start=effect)
    decision = decide(wanted, with_header(two, start="forked"))
    assert (decision.exit_code, len(decision.reasons)) == (exit_code, reasons)
    assert not decide(wanted, with_header(two, start="exact")).reasons


def test_a_check_that_nobody_planned_is_judged_too(two: Run) -> None:
    stranger = dataclasses.replace(two.records[0], check="a-new-check", verdict=Verdict.FAILED)
    decision = decide(lenient(), dataclasses.replace(two, records=[*two.records, stranger]))
    assert (decision.exit_code, rules(decision)) == (1, [Rule.FAILED])
    assert decision.reasons[0].checks == ("a-new-check",)


def test_what_results_say_was_expected_changes_nothing(two: Run) -> None:
    def change(record: Record) -> Record:
        if record.check != "v1-predict":
            return record
        lie = Verdict.UNSUPPORTED
        return dataclasses.replace(record, verdict=lie, expected_verdict=lie, message="not offered")

    assert rules(decide(lenient(), changed(two, change))) == [Rule.UNSUPPORTED]


def test_the_attempt_that_blocks_stands_for_all(two: Run) -> None:
    lax = dataclasses.replace(lenient(), blocking=lenient().blocking - {"unsupported"})
    run = repeated(one_cell(two), "v1-predict", failing=(2,), attempts=2)

    def change(record: Record) -> Record:
        if (record.check, record.attempt) != ("v1-predict", 1):
            return record
        return dataclasses.replace(record, verdict=Verdict.UNSUPPORTED, message="not offered")

    decision = decide(lax, changed(run, change))
    assert (decision.exit_code, rules(decision)) == (1, [Rule.FAILED])


def test_what_a_long_message_says_beyond_its_beginning_joins_no_fewer_cells(two: Run) -> None:
    def change(record: Record) -> Record:
        axes = record.axes
        if record.check != "v1-predict":
            return record
        own = f"late-{axes['kserve']}-{axes['protocol']}-{axes['envelope']}"
        said = f"{'x' * 180} {own} is not there"
        return dataclasses.replace(record, verdict=Verdict.FAILED, message=said)

    assert rules(decide(lenient(), changed(two, change))) == [Rule.FAILED]


@pytest.mark.parametrize(
    ("members", "what"),
    [
        ({"suite": "0.1"}, "conformance suites"),
        ({"wrapper": {"name": "x", "command": "x", "constructor": None}}, "wrappers"),
    ],
)
def test_results_that_have_too_little_in_common_are_not_judged_together(
    members: dict[str, object], what: str, two: Run
) -> None:
    with pytest.raises(GateError, match=f"are of different {what}: .*; judge each by itself"):
        decide(lenient(), two, with_header(two, **members))


def test_results_of_another_model_class_are_not_judged_together(two: Run) -> None:
    other = with_header(two, wrapper={**two.header.wrapper, "constructor": "other:Class"})
    with pytest.raises(GateError, match=r"different model classes of the wrapper: .*other:C"):
        decide(lenient(), two, other)


def test_results_of_two_commits_are_told_where_none_is_checked_out(two: Run) -> None:
    wanted = with_evidence(lenient(), other_commit="block")
    other = with_header(two, commit="2" * 40)
    decision = decide(wanted, two, other)
    assert rules(decision) == [Rule.OTHER_COMMIT]
    assert decision.reasons[0].sentence.startswith(
        f"results/1/results.jsonl is of commit {'2' * 40}"
    )


@pytest.mark.parametrize(("effect", "exit_code", "reasons"), EFFECTS)
def test_results_of_another_commit(effect: str, exit_code: int, reasons: int, two: Run) -> None:
    wanted = with_evidence(lenient(), other_commit=effect)
    decision = decide(wanted, two, checked_out="1" * 40)
    assert (decision.exit_code, len(decision.reasons)) == (exit_code, reasons)


@pytest.mark.parametrize("checked_out", ["0" * 40, "0" * 40 + "-dirty", None])
def test_results_of_this_commit_or_of_none_that_is_known(checked_out: str | None, two: Run) -> None:
    wanted = with_evidence(lenient(), other_commit="block")
    assert not decide(wanted, two, checked_out=checked_out).reasons


@pytest.mark.parametrize(("days", "exit_code"), [(14, 0), (15, 3), (-1, 0), (-2, 3)])
def test_results_have_an_age(days: int, exit_code: int, two: Run) -> None:
    started = datetime.datetime.fromisoformat(two.header.started).date()
    today = started + datetime.timedelta(days)
    decision = decide(lenient(), two, today=today)
    assert decision.exit_code == exit_code
    assert rules(decision) == [Rule.TOO_OLD] * (exit_code == 3)


def test_checks_that_the_run_left_out_are_no_coverage(two: Run) -> None:
    only = {cell: checks[:1] for cell, checks in two.header.planned.items()}
    run = with_header(two, planned=only)
    run = changed(run, lambda each: each if each.check in only[each.cell] else None)
    decision = decide(lenient(), run)
    assert (decision.exit_code, rules(decision)) == (3, [Rule.COVERAGE])
    assert "were left out of the run" in decision.reasons[0].sentence
    assert decide(with_evidence(lenient(), least_coverage=0.001), run).exit_code == 0


def test_the_quick_profile_is_no_evidence(default_run: Run) -> None:
    wanted = options.parsed(profile="quick")
    planned = plan.make(axes.load(), expectations.load(), wanted, "container", True).checks
    run = with_header(default_run, planned=planned, commit="0" * 40)
    run = changed(run, lambda each: each if each.check in planned.get(each.cell, ()) else None)
    assert run.exit_code() == 0
    decision = decide(policy.load(), run)
    assert (decision.exit_code, rules(decision)) == (3, [Rule.REQUIREMENT, Rule.COVERAGE])
    lack, share = (each.sentence for each in decision.reasons)
    assert "no judged cell has kserve 0.8.0.2, 0.10.2" in lack
    assert re.search(r"; \d+ of them were left out of the run \(--check, --profile quick\)", share)


REQUIREMENTS = {
    "a point": ({"points": {"runtime": ["process"]}}, "no judged cell has runtime process"),
    "a profile": ({"profile": "all"}, "no judged cell has kserve 0.8.0, 0.8.0.1, "),
    "many cells": ({"least": {"cells": 39}}, "38 judged cells, and 39 are wanted"),
    "many points": ({"least": {"kserve": 3}}, "2 judged points of kserve, and 3 are wanted"),
    "cells of each": (
        {"least_cells_each": {"protocol": 3}},
        r"fewer than 3 judged cells with protocol grpc-v1 \(2\)|protocol v3 \(2\)",
    ),
    "any cell": ({"when": AnyOf.parse({"kserve": ">0.20"})}, "no cell that it is about"),
}


@pytest.mark.parametrize("kind", REQUIREMENTS)
def test_a_requirement_that_is_not_met_is_told(kind: str, two: Run) -> None:
    members, said = REQUIREMENTS[kind]
    wants = dataclasses.replace(FEW, **members)  # type: ignore[arg-type]
    decision = decide(dataclasses.replace(lenient(), requirements=(FEW, wants)), two)
    assert (decision.exit_code, rules(decision)) == (3, [Rule.REQUIREMENT])
    assert decision.reasons[0].sentence.startswith("'two releases' lacks evidence: ")
    assert re.search(said, decision.reasons[0].sentence)


def test_a_cell_of_which_nothing_is_known_meets_no_requirement(two: Run) -> None:
    wants = dataclasses.replace(FEW, least={"kserve": 2})
    run = changed(
        two,
        lambda each: (
            dataclasses.replace(each, verdict=Verdict.ERROR)
            if each.axes["kserve"] == RELEASES[0]
            else each
        ),
    )
    reasons = decide(dataclasses.replace(lenient(), requirements=(wants,)), run).reasons
    (lack,) = (each.sentence for each in reasons if each.rule is Rule.REQUIREMENT)
    assert lack.endswith("1 judged points of kserve, and 2 are wanted")


def test_requirements_that_are_met_say_nothing(two: Run) -> None:
    wants = Requirement(
        "met", ANY, None, {"kserve": RELEASES}, {"cells": 32, "kserve": 2}, {"kserve": 16}
    )
    assert not decide(dataclasses.replace(lenient(), requirements=(wants,)), two).reasons


# ---------------------------------------------------------------- sentences


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
