"""What is not as expected, told once, and where it was."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from kserve_conformance.results.record import Run
from kserve_conformance.results.verdict import Verdict

from matrix.gate.reasons import Rule
from matrix.planning import policy
from matrix.planning.cells import Cell
from matrix.reports import findings, original_bug, timings
from matrix.reports.findings import Findings
from matrix.results import states
from matrix.results.states import State
from tests.matrix import variants
from tests.matrix.gate import gate_cases


@pytest.fixture(scope="module")
def small_run(default_run: Run) -> Run:
    """Give the part of a real run that is of two KServe releases."""
    header = default_run.header
    planned = {
        cell: checks
        for cell, checks in header.planned.items()
        if cell.startswith(("kserve0.9.0-", "kserve0.13.1-"))
    }
    records = [record for record in default_run.records if record.cell in planned]
    return replace(default_run, header=replace(header, planned=planned), records=records)


def changed(run: Run, check: str, message: str, verdict: Verdict = Verdict.FAILED) -> Run:
    """Give a run in which a check came to something else in every cell."""
    records = [
        replace(record, verdict=verdict, message=message.format(**record.axes))
        if record.check == check
        else record
        for record in run.records
    ]
    return replace(run, records=records)


def test_a_run_that_is_as_expected_has_none(default_run: Run) -> None:
    assert findings.of([default_run]) == []


def test_a_check_that_fails_alike_everywhere_is_one_finding(small_run: Run) -> None:
    failing = changed(small_run, "starts", "late-{kserve}-{protocol}-{envelope} on localhost:31234")
    (finding,) = findings.of([failing])
    assert finding.checks == ("starts",)
    assert finding.message == "late-\N{HORIZONTAL ELLIPSIS} on localhost:\N{HORIZONTAL ELLIPSIS}"
    assert finding.records == len(finding.cells) > 1
    assert finding.verdict == "failed"


def test_other_words_are_another_finding(small_run: Run) -> None:
    failing = changed(small_run, "starts", "got {protocol}")
    messages = {finding.message for finding in findings.of([failing])}
    assert {"got unset", "got v1", "got v2"} <= messages


def test_checks_that_fail_alike_in_the_same_cells_are_one_finding(small_run: Run) -> None:
    failing = changed(changed(small_run, "starts", "down"), "effective-protocol", "down")
    (finding,) = findings.of([failing])
    assert set(finding.checks) == {"starts", "effective-protocol"}


def test_what_is_against_the_wrapper_goes_first(small_run: Run) -> None:
    faulty = changed(small_run, "starts", "a fault", Verdict.ERROR)
    failing = changed(faulty, "V1-PREDICT-001", "no statement")
    failing = changed(failing, "v1-predict", "no answer")
    told = [finding.message for finding in findings.of([failing])]
    assert told == ["no answer", "no statement", "a fault"]


def test_what_is_known_is_told_apart(small_run: Run) -> None:
    failing = changed(small_run, "starts", "flaky")
    records = [
        replace(record, binding=False) if record.check == "starts" else record
        for record in failing.records
    ]
    failing = changed(replace(failing, records=records), "v1-predict", "a fault", Verdict.ERROR)
    assert [finding.message for finding in findings.of([failing])] == ["a fault"]
    (known,) = findings.known([failing])
    assert (known.message, known.known_as) == ("flaky", "known flaky")


def test_each_attempt_that_is_told_is_in_one_finding(unfixed_run: Run) -> None:
    found = Findings.of([unfixed_run], policy.load())
    told = Counter(key for finding in found for key in finding.keys)
    assert set(told.values()) == {1}
    assert set(told) == {
        findings.key_of(record)
        for record in unfixed_run.records
        if states.of(record) is not State.PASSED or record.verdict is Verdict.UNSUPPORTED
    }
    for number, finding in enumerate(found, start=1):
        assert {found.numbers[key] for key in finding.keys} == {number}
        assert {key[2] for key in finding.keys} == set(finding.checks)


@pytest.mark.parametrize("name", ["unfixed_run", "mutant_run"])
def test_the_findings_begin_as_the_gate_does(name: str, request: pytest.FixtureRequest) -> None:
    run = request.getfixturevalue(name)
    decision = gate_cases.decide(policy.load(), run)
    reasons = [each for each in decision.reasons if each.rule is Rule.FAILED]
    told = findings.of([run], policy.load())
    assert told[0].checks[0] == reasons[0].checks[0]
    assert {cell.id for cell in told[0].cells} <= {cell.id for cell in reasons[0].cells}
    places = [each.checks[0] for each in told if each.verdict == "failed"]
    order = list(dict.fromkeys(each.checks[0] for each in reasons))
    assert [check for check in dict.fromkeys(places) if check in order] == order


def test_what_does_not_block_goes_after_what_does(small_run: Run) -> None:
    failing = changed(changed(small_run, "starts", "down"), "v1-predict", "no answer")
    lenient = replace(policy.load(), requirements=(variants.requirement({"protocol": "v1"}),))
    failing = replace(
        failing,
        records=[
            replace(record, verdict=record.expected_verdict)
            if record.check == "starts" and record.axes["protocol"] == "v1"
            else record
            for record in failing.records
        ],
    )
    assert [each.checks[0] for each in findings.of([failing])] == ["starts", "v1-predict"]
    assert [each.checks[0] for each in findings.of([failing], lenient)] == ["v1-predict", "starts"]


def test_what_never_ran_is_a_finding(small_run: Run) -> None:
    cell = small_run.records[-1].cell
    rest = [record for record in small_run.records if record.cell != cell]
    (finding,) = findings.of([replace(small_run, records=rest, footer=None)])
    assert finding.verdict == "missing"
    assert set(finding.checks) == set(small_run.header.planned[cell])
    axes = small_run.records[-1].axes
    assert finding.cells == (Cell.at(axes),)


def test_each_attempt_that_never_ran_counts(small_run: Run) -> None:
    twice = replace(small_run, header=replace(small_run.header, repeat=3))
    assert sum(each.records for each in findings.of([twice])) == 2 * len(small_run.records)


def test_releases_are_in_order_whatever_the_order_of_a_runs_parts(small_run: Run) -> None:
    planned = dict(reversed(list(small_run.header.planned.items())))
    mixed = replace(small_run, header=replace(small_run.header, planned=planned))
    releases = dict.fromkeys(cell.kserve for cell in findings.planned_cells([mixed]))
    assert list(releases) == ["0.9.0", "0.13.1"]


def test_the_footprint_is_where_the_words_were_said(unfixed_run: Run, default_run: Run) -> None:
    own, later = original_bug.of([unfixed_run])
    assert own.words == "None is not a valid PredictorProtocol"
    assert own.releases == {"unset": ["0.11.2", "0.13.1"]}
    assert later.releases == {"unset": ["0.14.1"]}
    assert [trace.releases for trace in original_bug.of([default_run])] == [{}, {}]


@pytest.mark.parametrize("words", original_bug.WORDS)
@pytest.mark.parametrize("member", ["wrapper_log", "torchserve_log", "exchanges"])
def test_the_words_are_found_wherever_they_are(member: str, words: str, small_run: Run) -> None:
    said = f"ValueError: {words}"
    evidence: Any = {member: [{"request": "", "response": said}] if member == "exchanges" else said}
    record = replace(small_run.records[0], evidence=evidence)
    found = original_bug.of([replace(small_run, records=[record, *small_run.records[1:]])])
    (trace,) = (each for each in found if each.releases)
    assert trace.words == words
    assert trace.releases == {record.axes["protocol"]: [record.axes["kserve"]]}


def test_timings_have_the_longest_first(default_run: Run) -> None:
    for spent in (timings.by_release([default_run]), timings.by_check([default_run])):
        totals = [each.total for each in spent]
        assert totals == sorted(totals, reverse=True)
        assert sum(each.records for each in spent) == len(default_run.records)
    assert len(timings.refusals(default_run.records)) == 14 * 6


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (0.0, "0.0 ms"),
        (0.00005, "0.1 ms"),
        (0.0021, "2.1 ms"),
        (0.125, "0.13 s"),
        (3.14159, "3.14 s"),
        (59.4, "59 s"),
        (59.7, "1 min 0 s"),
        (61, "1 min 1 s"),
        (3600, "1 h 0 min"),
    ],
)
def test_a_duration_is_told_as_a_person_would(seconds: float, told: str) -> None:
    assert timings.duration(seconds) == told
