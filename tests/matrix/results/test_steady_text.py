"""What differs in every run of the same thing is left out of its words, and nothing else."""

from __future__ import annotations

from dataclasses import replace

import pytest
from kserve_conformance.results.record import Exchange, Record, Run
from kserve_conformance.results.verdict import Verdict

from matrix.results import steady_text


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("http://127.0.0.1:32805/v1/models", "http://127.0.0.1:8080/v1/models"),
        ("gRPC server on [::]:27809", "gRPC server on [::]:9000"),
        ("port 18205 is taken", "port 18206 is taken"),
        ("2026-11-25 04:48:48,281 wrapper INFO: up", "2026-11-26 14:00:01,003 wrapper INFO: up"),
        ("started 2026-11-25T04:37:24+00:00", "started 2026-12-01T00:00:00Z"),
        ("date: Wed, 25 Nov 2026 04:48:56 GMT", "date: Thu, 26 Nov 2026 14:08:56 GMT"),
        (
            "2026-11-25 04:45:36.845 31783 kserve INFO [x]",
            "2026-11-25 05:07:56.585 5 kserve INFO [x]",
        ),
        ("bind on address ('0.0.0.0', 41235)", "bind on address ('0.0.0.0', 39999)"),
        ("worker died (process 41235)", "worker died (process 7)"),
        ("Started server process [31783]", "Started server process [5003]"),
        ("id 0533363c-65d3-4066-8ba4-a949623b3f95", "id 218a9b6e-d3b1-45a1-b100-a3d8082642da"),
        ("<generator object at 0x7f6aa2be5380>", "<generator object at 0x7f2230fb5380>"),
        ("took 1.25 s, limit 5 s", "took 0.75 s, limit 5 s"),
        (
            "no such file /tmp/tmpab12/config.properties",
            "no such file /tmp/tmpzz/config.properties",
        ),
        (
            "~/.cache/environments/kserve-0.9.0-42/bin",
            "/root/.cache/environments/kserve-0.9.0-1/bin",
        ),
        ('{"id":"V2-T... (399 characters)', '{"id":"V2-T... (398 characters)'),
    ],
)
def test_two_runs_of_the_same_say_the_same(one: str, other: str) -> None:
    assert steady_text.steady(one) == steady_text.steady(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("status: expected 200, got 500", "status: expected 200, got 501"),
        ("KServe SDK 0.9.0", "KServe SDK 0.9.1"),
        ("refused after 5 s", "refused after 10 s"),
        ("[[1, -2], [3, 9007199254740993]]", "[[1, -2], [3, 9007199254740992]]"),
        ("PROTOCOL_VERSION is unset, so v1", "PROTOCOL_VERSION is unset, so v2"),
        ("0.1 of the rate", "0.2 of the rate"),
        ("POST /v1/models/contract:predict", "POST /v1/models/contract:explain"),
    ],
)
def test_what_the_subject_does_makes_a_difference(one: str, other: str) -> None:
    assert steady_text.steady(one) != steady_text.steady(other)


def test_measured_seconds_make_no_difference_and_other_numbers_do() -> None:
    assert steady_text.steady_value({"best": 0.02, "median": 0.03}) == steady_text.steady_value(
        {"best": 0.5, "median": 0.6}
    )
    again = {"best": 0.02, "median": 0.4, "beside": 0.8, "alone": [0.02]}
    assert steady_text.steady_value({"best": 0.02, "median": 0.03}) == steady_text.steady_value(
        again
    )
    assert steady_text.steady_value({"data": [0.5]}) != steady_text.steady_value({"data": [0.6]})
    assert steady_text.steady_value({"best": 1}) != steady_text.steady_value({"best": 2})


def test_texts_within_a_value_are_made_steady() -> None:
    one, other = (
        {"seen": ["up", {"at": f"http://127.0.0.1:{port}/v2", "port": None}]}
        for port in (32805, 8080)
    )
    assert steady_text.steady_value(one) == steady_text.steady_value(other)
    assert steady_text.steady_value("up") == "up"


@pytest.mark.parametrize(
    ("longest", "line"),
    [(None, "no such model"), (13, "no such model"), (12, "no such...")],
)
def test_the_first_line_is_cut_off_where_it_is_too_long(longest: int | None, line: str) -> None:
    assert steady_text.first_line("\n no such model\nnor any other\n", longest) == line


def test_cells_that_fail_alike_say_the_same(unfixed_run: Run) -> None:
    failed = [
        record
        for record in unfixed_run.records
        if record.check == "v1-predict" and record.verdict is Verdict.FAILED
    ]
    by_words: dict[str, set[str]] = {}
    for record in failed:
        by_words.setdefault(steady_text.across_cells(record), set()).add(record.axes["kserve"])
    assert sorted(by_words.values(), key=len) == [{"0.14.1"}, {"0.11.2", "0.13.1"}]


def test_the_last_answer_is_told_of_a_failure_only(unfixed_run: Run) -> None:
    record = next(
        record
        for record in unfixed_run.records
        if record.check == "v1-predict"
        and record.cell == "kserve0.13.1-unset-kserve-torchserve0.12.0"
    )
    assert steady_text.answer(record) == (
        '{"error":"ValueError : None is not a valid PredictorProtocol"}'
    )
    assert steady_text.answer(replace(record, verdict=Verdict.UNSUPPORTED)) == ""
    assert steady_text.answer(replace(record, message=f"got {steady_text.answer(record)}")) == ""
    assert steady_text.answer(replace(record, evidence={})) == ""


ANSWERED = '{\n  "error": "no such\n    model",\n  "code": 404\n}\n'


def test_an_answer_over_several_lines_is_told_whole_on_one(unfixed_run: Run) -> None:
    record = answering(unfixed_run, ANSWERED)
    assert steady_text.last_answer(record) == '{ "error": "no such model", "code": 404 }'
    for told in (ANSWERED.strip(), steady_text.last_answer(record)):
        assert steady_text.last_answer(replace(record, message=f"got {told}")) == ""


def test_an_answer_with_an_empty_line_is_told_from_its_beginning(unfixed_run: Run) -> None:
    told = steady_text.last_answer(answering(unfixed_run, "Bad Request\n\nno such model\n"))
    assert told == "Bad Request no such model"


def test_an_answer_without_a_body_is_told_by_its_status(unfixed_run: Run) -> None:
    assert steady_text.last_answer(answering(unfixed_run, "")) == "500"


def test_a_very_long_answer_is_shortened(unfixed_run: Run) -> None:
    told = steady_text.last_answer(answering(unfixed_run, "word " * 1000))
    assert told.endswith("word\N{HORIZONTAL ELLIPSIS}")
    assert 300 < len(told) <= 400


def answering(run: Run, body: str) -> Record:
    """Give a record whose last answer has a body."""
    exchange: Exchange = {
        "request": "",
        "response": f"500\ncontent-type: application/json\n\n{body}",
    }
    return replace(run.records[0], observed=None, evidence={"exchanges": [exchange]})
