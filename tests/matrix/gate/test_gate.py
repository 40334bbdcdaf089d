"""The gate on real results: green, red for the right reason first, each rule seen to bite."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from kserve_conformance.results import results_file
from kserve_conformance.results.record import Record, Run
from kserve_conformance.results.verdict import Verdict

from matrix.commands import cli
from matrix.gate.deciding import GateError
from matrix.gate.reasons import Rule
from matrix.planning import expectations, policy
from matrix.planning.conditions import AnyOf
from tests.matrix.gate.gate_cases import (
    CELL,
    FEW,
    RELEASES,
    changed,
    decide,
    lenient,
    one_cell,
    repeated,
    rules,
    with_header,
    with_verdict,
)

# ---------------------------------------------------------------- whole results


def test_the_default_matrix_on_containers_and_process_is_green(
    default_run: Run, process_run: Run
) -> None:
    decision = decide(policy.load(), default_run, process_run)
    assert decision.exit_code == 0, [reason.sentence for reason in decision.reasons]
    assert len(decision.cells) == 244 + 57


def test_the_original_bug_is_red_and_its_words_are_told(unfixed_run: Run) -> None:
    decision = decide(policy.load(), unfixed_run)
    assert decision.exit_code == 1
    first = decision.reasons[0]
    assert first.checks == ("v1-predict",)
    assert {cell.axes["protocol"] for cell in first.cells} == {"unset"}
    assert "None is not a valid PredictorProtocol" in first.details[1]


def test_a_mutant_turns_it_red_and_the_first_reason_names_what_is_wrong(mutant_run: Run) -> None:
    decision = decide(policy.load(), mutant_run)
    assert decision.exit_code == 1
    first = decision.reasons[0]
    assert first.checks == ("effective-protocol",)
    assert first.sentence == "The start-up log says which protocol is in effect."
    assert "'PROTOCOL_VERSION is unset, so v1;'" in first.details[0]
    assert "PROTOCOL_VERSION is unset, so v2;" in first.details[0]
    assert {cell.axes["protocol"] for cell in first.cells} == {"unset", "empty"}


def test_results_of_part_of_the_matrix_are_not_enough(two: Run) -> None:
    decision = decide(policy.load(), two)
    assert decision.exit_code == 3
    assert rules(decision) == [Rule.REQUIREMENT]
    assert "no judged cell has kserve 0.8.0.2, 0.10.2, " in decision.reasons[0].sentence


def test_part_of_the_matrix_is_green_where_the_policy_wants_no_more(two: Run) -> None:
    decision = decide(lenient(), two)
    assert (decision.exit_code, decision.reasons) == (0, [])


# ---------------------------------------------------------------- verdicts

VERDICTS = {
    Verdict.FAILED: (Rule.FAILED, 1),
    Verdict.UNSUPPORTED: (Rule.UNSUPPORTED, 1),
    Verdict.ERROR: (Rule.ERROR, 3),
    Verdict.UNPROVISIONED: (Rule.UNPROVISIONED, 3),
}


@pytest.mark.parametrize("verdict", VERDICTS)
def test_a_verdict_that_is_not_expected_blocks(verdict: Verdict, two: Run) -> None:
    rule, exit_code = VERDICTS[verdict]
    decision = decide(lenient(), with_verdict(two, "v1-predict", verdict, CELL))
    assert decision.exit_code == exit_code
    assert rules(decision)[0] is rule
    assert [cell.id for cell in decision.reasons[0].cells] == [CELL]


@pytest.mark.parametrize("verdict", VERDICTS)
def test_a_verdict_that_the_policy_leaves_out_only_warns(verdict: Verdict, two: Run) -> None:
    wanted = dataclasses.replace(lenient(), blocking=lenient().blocking - {str(verdict)})
    # What isn't judged is no coverage, whether it blocks by its verdict or not.
    evidence = dataclasses.replace(wanted.evidence, least_coverage=0.9)
    wanted = dataclasses.replace(wanted, evidence=evidence)
    decision = decide(wanted, with_verdict(two, "v1-predict", verdict, CELL))
    assert decision.exit_code == 0
    assert [reason.blocks for reason in decision.reasons] == [False]


def test_what_was_said_not_to_be_offered_and_passes_blocks(two: Run) -> None:
    old = with_verdict(two, "grpc-infer", Verdict.PASSED, "kserve0.9.0-v2-kservev2-")
    decision = decide(lenient(), old)
    assert (decision.exit_code, rules(decision)) == (1, [Rule.PASSED])


def test_what_never_ran_is_missing(two: Run) -> None:
    def change(record: Record) -> Record | None:
        return None if (record.cell, record.check) == (CELL, "drains") else record

    decision = decide(lenient(), changed(two, change))
    assert decision.exit_code == 3
    assert rules(decision) == [Rule.MISSING, Rule.COVERAGE]


def test_an_attempt_that_never_ran_is_missing(two: Run) -> None:
    run = repeated(one_cell(two), "none", failing=(), attempts=2)
    run = changed(run, lambda each: each if (each.check, each.attempt) != ("drains", 2) else None)
    decision = decide(lenient(), run)
    assert (decision.exit_code, rules(decision)) == (3, [Rule.MISSING])
    assert decision.reasons[0].details == ("1 of 2 planned attempts ran",)
    lax = dataclasses.replace(lenient(), blocking=lenient().blocking - {"missing"})
    assert decide(lax, run).exit_code == 0


@pytest.mark.parametrize(
    ("verdict", "message", "body", "details"),
    [
        (Verdict.FAILED, "why", "no", ("why", "the last answer: 500 no")),
        # What is told already, what is too long, and what isn't about an answer.
        (Verdict.FAILED, "got 500 no", "no", ("got 500 no",)),
        (Verdict.FAILED, "why", "x" * 300, ("why",)),
        (Verdict.UNSUPPORTED, "why", "no", ("why",)),
    ],
)
def test_the_answer_is_told_where_it_may_name_the_cause(
    verdict: Verdict, message: str, body: str, details: tuple[str, ...], two: Run
) -> None:
    evidence = {"exchanges": [{"request": "curl", "response": f"500\nx: y\n\n{body}"}]}

    def change(record: Record) -> Record:
        told = {"verdict": verdict, "message": message, "evidence": evidence}
        is_it = record.check == "v1-predict"
        return dataclasses.replace(record, **told) if is_it else record  # type: ignore[arg-type]

    (reason,) = decide(lenient(), changed(one_cell(two), change)).reasons
    assert reason.details == details


def test_the_same_cell_on_both_backends_is_two_cells(two: Run) -> None:
    run = with_verdict(two, "v1-predict", Verdict.FAILED, CELL)
    (reason,) = decide(lenient(), run, with_header(run, runtime="process")).reasons
    assert [cell.name for cell in reason.cells] == [f"{CELL} on container", f"{CELL} on process"]


def test_a_wrapper_whose_constructor_is_unknown_need_not_show_it(two: Run) -> None:
    run = with_header(two, wrapper={**two.header.wrapper, "constructor": None})
    for exception in expectations.load().exceptions:
        for check in exception.checks if "constructor" in exception.when.axes else ():
            run = with_verdict(run, check, Verdict.UNSUPPORTED)
    assert not decide(lenient(), run).reasons


def test_a_cell_that_is_not_required_only_warns(two: Run) -> None:
    newer = dataclasses.replace(FEW, when=AnyOf.parse({"kserve": ">=0.10"}))
    wanted = dataclasses.replace(lenient(), requirements=(newer,))
    old, new = (f"kserve{release}-" for release in RELEASES)
    assert decide(wanted, with_verdict(two, "starts", Verdict.FAILED, old)).exit_code == 0
    assert decide(wanted, with_verdict(two, "starts", Verdict.FAILED, new)).exit_code == 1


def test_what_is_known_against_the_wrapper_goes_before_what_is_not_known(two: Run) -> None:
    run = with_verdict(two, "starts", Verdict.ERROR)
    run = with_verdict(run, "refusal-line", Verdict.FAILED)
    decision = decide(lenient(), run)
    assert decision.exit_code == 1
    assert rules(decision)[:2] == [Rule.FAILED, Rule.ERROR]


def test_the_most_basic_check_is_the_first_reason_and_tells_what_else_failed(two: Run) -> None:
    def change(record: Record) -> Record:
        if record.cell == CELL:
            return dataclasses.replace(record, verdict=Verdict.FAILED, message=record.check)
        return record

    first, *others = decide(lenient(), changed(two, change)).reasons
    assert first.checks == ("starts",)
    assert len(first.also) > 50
    kept = {check for reason in others for check in reason.checks}
    assert kept == {"effective-protocol", "v1-predict", "model-ready"}


def test_cells_that_fail_in_the_same_words_are_one_reason(two: Run) -> None:
    def change(record: Record) -> Record:
        if record.check != "unknown-model":
            return record
        message = f"port {45000 + hash(record.cell) % 1000} of KServe SDK {record.axes['kserve']}"
        return dataclasses.replace(record, verdict=Verdict.FAILED, message=message)

    (reason,) = decide(lenient(), changed(two, change)).reasons
    assert len(reason.cells) == sum(record.check == "unknown-model" for record in two.records)


# ---------------------------------------------------------------- results that can't be judged


def test_results_of_two_wrappers_are_refused(two: Run, mutant_run: Run) -> None:
    with pytest.raises(GateError, match="are of different wrappers"):
        decide(lenient(), two, mutant_run)


def test_results_with_other_requirements_are_refused(two: Run) -> None:
    other = dataclasses.replace(two, header=dataclasses.replace(two.header, requirements=["x"]))
    with pytest.raises(GateError, match="are of different requirements of the wrapper"):
        decide(lenient(), two, other)


def test_results_of_a_server_at_its_address_are_refused(
    two: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "results.jsonl"
    results_file.write(path, with_header(two, runtime=None))
    assert cli.main(["gate", str(path)]) == 2
    assert "of a server that was judged at its address" in capsys.readouterr().err
