"""What the gate makes of what is known to fail, always or at times."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Callable

import pytest
from kserve_conformance.errors import ExitCode
from kserve_conformance.results.record import Record, Run
from kserve_conformance.results.verdict import Verdict

from matrix.gate.reasons import Rule
from matrix.planning.policy import Policy
from tests.matrix.gate.gate_cases import (
    CELL,
    TODAY,
    changed,
    decide,
    failing,
    flaky,
    known,
    lenient,
    one_cell,
    repeated,
    rules,
    with_verdict,
)

Listed = Callable[..., Policy]
OLD = "kserve0.9.0-"


def with_second_attempt(run: Run, verdict: Verdict) -> Run:
    """Give a run in which the second attempt at v1-predict came to a verdict."""

    def change(record: Record) -> Record:
        is_it = (record.check, record.attempt) == ("v1-predict", 2)
        return dataclasses.replace(record, verdict=verdict) if is_it else record

    return changed(run, change)


# ---------------------------------------------------------------- known failing


def test_a_known_failure_does_not_block_until_its_day(two: Run) -> None:
    wanted = failing(lenient(), known("v1-predict"))
    run = with_verdict(two, "v1-predict", Verdict.FAILED, "kserve0.9.0-")
    decision = decide(wanted, run)
    assert (decision.exit_code, rules(decision)) == (0, [Rule.KNOWN_FAILING])
    late = decide(wanted, run, today=TODAY + datetime.timedelta(1))
    assert late.exit_code == 1
    assert rules(late) == [Rule.FAILED, Rule.EXPIRED]


def test_a_known_failure_is_judged_alike_whatever_the_run_knew_of_it(two: Run) -> None:
    def change(record: Record) -> Record:
        if (record.cell, record.check) != (CELL, "v1-predict"):
            return record
        return dataclasses.replace(
            record, verdict=Verdict.FAILED, expected_verdict=Verdict.FAILED, message="x"
        )

    run = changed(two, change)
    assert rules(decide(lenient(), run)) == [Rule.FAILED]


def test_a_known_failure_elsewhere_blocks(two: Run) -> None:
    wanted = failing(lenient(), known("v1-predict"))
    decision = decide(wanted, with_verdict(two, "v1-predict", Verdict.FAILED))
    assert rules(decision) == [Rule.FAILED, Rule.KNOWN_FAILING]
    assert {cell.axes["kserve"] for cell in decision.reasons[0].cells} == {"0.13.1"}


def test_a_known_failure_that_is_an_error_proves_nothing(two: Run) -> None:
    wanted = failing(lenient(), known("v1-predict"))
    decision = decide(wanted, with_verdict(two, "v1-predict", Verdict.ERROR, "kserve0.9.0-"))
    assert decision.exit_code == 3
    assert Rule.STALE not in rules(decision)


def test_an_entry_whose_check_never_ran_is_not_wrong_itself(two: Run) -> None:
    run = changed(two, lambda each: None if each.check == "v1-predict" else each)
    decision = decide(failing(lenient(), known("v1-predict")), run)
    assert rules(decision) == [Rule.MISSING, Rule.COVERAGE]


def test_a_stale_entry_fails(two: Run) -> None:
    decision = decide(failing(lenient(), known("v1-predict")), two)
    assert (decision.exit_code, rules(decision)) == (1, [Rule.STALE])
    assert "passes in all cells that it is about" in decision.reasons[0].sentence


def test_an_entry_that_is_too_wide_fails(two: Run) -> None:
    run = with_verdict(two, "v1-predict", Verdict.FAILED, CELL)
    decision = decide(failing(lenient(), known("v1-predict")), run)
    assert rules(decision) == [Rule.STALE, Rule.KNOWN_FAILING]
    assert decision.reasons[0].details == ("narrow the entry's 'when'",)


def test_an_entry_that_meets_nothing_fails(two: Run) -> None:
    decision = decide(failing(lenient(), known("v1-predict", kserve=">0.20")), two)
    assert (decision.exit_code, rules(decision)) == (1, [Rule.UNMATCHED])
    assert decision.reasons[0].details == (
        "mend its 'when', remove it, or judge the results that it is about, too",
    )


@pytest.mark.parametrize("listed", [failing, flaky])
def test_an_expired_entry_fails_although_its_check_passes(listed: Listed, two: Run) -> None:
    late = TODAY + datetime.timedelta(1)
    decision = decide(listed(lenient(), known("v1-predict", least=0.9)), two, today=late)
    assert (decision.exit_code, rules(decision)) == (1, [Rule.EXPIRED])
    (reason,) = decision.reasons
    assert reason.sentence == f"known_{listed.__name__}: 'for this test' expired on {TODAY}"
    assert reason.details == (
        "mend what fails and remove the entry, or give it a new day and a reason",
    )


def test_a_known_failure_is_told_with_its_end_and_the_checks_that_fail(two: Run) -> None:
    entry = dataclasses.replace(known("v1-predict", "starts"), until=TODAY + datetime.timedelta(9))
    decision = decide(
        failing(lenient(), entry), with_verdict(two, "v1-predict", Verdict.FAILED, OLD)
    )
    assert rules(decision) == [Rule.STALE, Rule.KNOWN_FAILING]
    stale, told = decision.reasons
    assert (stale.checks, stale.details) == (("starts",), ("remove the check from the entry",))
    assert told.checks == ("v1-predict",)
    assert told.details == (
        f"accepted until {TODAY + datetime.timedelta(9)}, 9 more days; see https://example.org/1",
    )


def test_each_check_of_an_entry_has_to_meet_something_that_is_offered(two: Run) -> None:
    run = with_verdict(two, "v1-predict", Verdict.FAILED, OLD)
    decision = decide(failing(lenient(), known("v1-predict", "grpc-infer")), run)
    assert (rules(decision), decision.reasons[0].checks) == ([Rule.UNMATCHED], ("grpc-infer",))
    assert "meets no cell" in decision.reasons[0].sentence


def test_a_known_failure_that_passes_at_times_is_a_flake(two: Run) -> None:
    run = repeated(one_cell(two), "v1-predict", failing=(1,), attempts=2)
    decision = decide(failing(lenient(), known("v1-predict")), run)
    assert rules(decision) == [Rule.STALE, Rule.KNOWN_FAILING]
    assert decision.reasons[0].details == ("move the check to known_flaky",)


def test_a_known_failure_that_says_it_is_not_offered_blocks(two: Run) -> None:
    run = with_verdict(two, "v1-predict", Verdict.UNSUPPORTED, OLD)
    assert rules(decide(failing(lenient(), known("v1-predict")), run)) == [Rule.UNSUPPORTED]
    # Nor is it, if only some attempts do.
    run = repeated(one_cell(two), "v1-predict", failing=(1,), attempts=2)
    run = with_second_attempt(run, Verdict.UNSUPPORTED)
    assert Rule.FAILED in rules(decide(failing(lenient(), known("v1-predict")), run))


@pytest.mark.parametrize("listed", [failing, flaky])
def test_of_two_entries_the_first_is_about_a_cell(listed: Listed, two: Run) -> None:
    run = with_verdict(two, "v1-predict", Verdict.FAILED)
    entries = [known("v1-predict", least=0.01, kserve=each) for each in ("<0.10", ">=0.9")]
    reasons = decide(listed(lenient(), *entries), run).reasons
    assert [{cell.axes["kserve"] for cell in reason.cells} for reason in reasons] == [
        {"0.9.0"},
        {"0.13.1"},
    ]


def test_an_entry_that_an_earlier_one_covers_decides_nothing_and_fails(two: Run) -> None:
    run = with_verdict(two, "v1-predict", Verdict.FAILED, "kserve0.9.0-")
    later = dataclasses.replace(known("v1-predict"), reason="the second")
    wanted = failing(lenient(), known("v1-predict"), later)
    decision = decide(wanted, run)
    assert (decision.exit_code, rules(decision)) == (1, [Rule.UNMATCHED, Rule.KNOWN_FAILING])
    assert "'the second' decides nothing" in decision.reasons[0].sentence
    assert decision.reasons[0].details == ("remove it, or narrow the 'when' of those before it",)
    both = flaky(failing(lenient(), known("v1-predict")), known("v1-predict", least=0.5))
    assert rules(decide(both, run)) == [Rule.UNMATCHED, Rule.KNOWN_FAILING]


def test_an_entry_of_a_day_to_come_accepts_nothing_and_fails(two: Run) -> None:
    run = with_verdict(two, "v1-predict", Verdict.FAILED, "kserve0.9.0-")
    tomorrow = TODAY + datetime.timedelta(1)
    entry = dataclasses.replace(known("v1-predict"), since=tomorrow, until=tomorrow)
    decision = decide(failing(lenient(), entry), run)
    assert rules(decision) == [Rule.FAILED, Rule.UNMATCHED]
    assert f"is in force from {tomorrow} on" in decision.reasons[1].sentence
    assert decision.reasons[1].details == ("mend its 'since', or list it when it is",)


# ---------------------------------------------------------------- flaky


def test_a_check_that_fails_at_times_is_flaky_and_blocks(two: Run) -> None:
    run = repeated(one_cell(two), "v1-predict", failing=(2, 5, 9), attempts=10)
    decision = decide(lenient(), run)
    assert (decision.exit_code, rules(decision)) == (1, [Rule.FLAKY])
    assert decision.reasons[0].details[-1] == (
        "7 of 10 attempts passed, 95% interval 35%-93%: mend it, or list it under known_flaky"
    )


def test_an_error_of_the_harness_is_no_flake(two: Run) -> None:
    run = repeated(one_cell(two), "none", (), attempts=2)
    assert rules(decide(lenient(), with_second_attempt(run, Verdict.ERROR))) == [Rule.ERROR]


def test_a_check_that_always_fails_is_not_flaky(two: Run) -> None:
    run = repeated(one_cell(two), "v1-predict", failing=range(1, 11), attempts=10)
    assert rules(decide(lenient(), run)) == [Rule.FAILED]


def test_a_known_flake_with_few_attempts_is_undecided_and_warns(two: Run) -> None:
    run = repeated(one_cell(two), "v1-predict", failing=(1,), attempts=4)
    decision = decide(flaky(lenient(), known("v1-predict", least=0.9)), run)
    assert (decision.exit_code, rules(decision)) == (0, [Rule.KNOWN_FLAKY])
    assert (
        "3 of 4 attempts passed, 95% interval 19%-99%, at least 90% is wanted: undecided, run with "
        "--repeat 36 to know"
    ) in decision.reasons[0].sentence


def test_a_known_flake_that_is_proved_worse_than_its_rate_blocks(two: Run) -> None:
    run = repeated(one_cell(two), "v1-predict", failing=range(1, 11), attempts=20)
    decision = decide(flaky(lenient(), known("v1-predict", least=0.9)), run)
    assert (decision.exit_code, rules(decision)) == (1, [Rule.PASSES_TOO_RARELY])
    assert decision.reasons[0].checks == ("v1-predict",)
    assert "less often than 90%: 10 of 20 attempts passed" in decision.reasons[0].sentence
    assert decision.reasons[0].details == ("listed as 'for this test'; see https://example.org/1",)


def test_a_known_flake_that_always_fails_in_one_cell_of_many_blocks(two: Run) -> None:
    run = repeated(with_verdict(two, "starts", Verdict.FAILED, CELL), "none", (), attempts=10)
    decision = decide(flaky(lenient(), known("starts", least=0.8)), run)
    assert decision.exit_code == 1
    assert [cell.id for cell in decision.reasons[0].cells] == [CELL]


def test_a_known_flake_that_is_proved_worse_by_all_its_cells_together_blocks(two: Run) -> None:
    run = with_verdict(two, "starts", Verdict.FAILED, OLD)
    (reason,) = decide(flaky(lenient(), known("starts", least=0.9, kserve=">=0.9")), run).reasons
    assert (reason.rule, reason.exit_code) == (Rule.PASSES_TOO_RARELY, 1)
    assert len(reason.cells) == 26


def test_one_bad_attempt_in_many_cells_proves_nothing(two: Run) -> None:
    run = with_verdict(two, "starts", Verdict.FAILED, CELL)
    decision = decide(flaky(lenient(), known("starts", least=0.98, kserve=">=0.9")), run)
    assert (decision.exit_code, rules(decision)) == (0, [Rule.KNOWN_FLAKY])
    assert [cell.id for cell in decision.reasons[0].cells] == [CELL]


@pytest.mark.parametrize(
    ("least", "said"),
    [
        (0.5, "at least 50% is wanted"),
        # It would take 36 and 183 attempts that pass, in 26 cells.
        (0.9, "at least 90% is wanted: undecided, run with --repeat 2 to know"),
        (0.98, "at least 98% is wanted: undecided, run with --repeat 8 to know"),
    ],
)
def test_a_known_flake_is_told_with_what_it_takes_to_decide(
    least: float, said: str, two: Run
) -> None:
    run = with_verdict(two, "starts", Verdict.FAILED, CELL)
    (reason,) = decide(flaky(lenient(), known("starts", least=least, kserve=">=0.9")), run).reasons
    assert said in reason.sentence
    assert ("undecided" in reason.sentence) is ("undecided" in said)


def test_attempts_that_say_nothing_of_the_wrapper_are_not_counted(two: Run) -> None:
    run = repeated(one_cell(two), "v1-predict", failing=(1,), attempts=3)
    run = with_second_attempt(run, Verdict.ERROR)
    reasons = decide(flaky(lenient(), known("v1-predict", least=0.9)), run).reasons
    assert "1 of 2 attempts passed" in reasons[-1].sentence
    bold = dataclasses.replace(lenient(), confidence=0.8)
    flake = next(each for each in decide(bold, run).reasons if each.rule is Rule.FLAKY)
    assert flake.details[-1].startswith("1 of 2 attempts passed, 80% interval ")
    against = ExitCode.AGAINST_SUBJECT
    reasons = decide(bold, run).reasons
    assert [each.rule for each in reasons if each.exit_code == against] == [Rule.FLAKY]


def test_a_flaky_entry_whose_check_never_fails_is_stale_once_that_is_proved(two: Run) -> None:
    entry = flaky(lenient(), known("v1-predict", least=0.9))
    few = repeated(one_cell(two), "v1-predict", failing=(), attempts=20)
    assert not decide(entry, few).reasons
    many = dataclasses.replace(entry, stale_above=0.8)
    (stale,) = decide(many, few).reasons
    assert (stale.rule, stale.checks) == (Rule.STALE, ("v1-predict",))
    assert [cell.id for cell in stale.cells] == [CELL]
