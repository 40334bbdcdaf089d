"""The command fuzz: nothing is found in a right server, and in a wrong one a line that shows it."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import strategies as st
from kserve_conformance.asking.target import Target
from kserve_conformance.commands.cli import main
from kserve_conformance.commands.fuzz import fuzz, selected
from kserve_conformance.fuzzing import falsify
from kserve_conformance.fuzzing.falsify import Counterexample
from kserve_conformance.session import Session
from kserve_conformance.tensors import DATATYPES

from tests.servers import RightServer, state
from tests.servers.http import Answer, Handler, Request
from tests.servers.wrong.faults import change_call_requests, change_requests

Fuzz = Callable[..., int]


@pytest.fixture
def run(server: RightServer) -> Fuzz:
    """Run the command against the server."""

    def command(*arguments: str) -> int:
        at = ["--target", server.url, "--grpc-target", server.grpc_target, "--model", state.MODEL]
        return main(["fuzz", *at, *arguments])

    return command


def _shell(line: str) -> str:
    done = subprocess.run(line, shell=True, capture_output=True, text=True, timeout=30, check=True)
    return done.stdout


# ---------------------------------------------------------------- right and wrong servers


@pytest.mark.parametrize("protocol", ["v1/", "v2/", "binary/", "path/", "grpc/", "wire/"])
def test_nothing_is_found_in_a_right_server(
    run: Fuzz, capsys: pytest.CaptureFixture[str], protocol: str
) -> None:
    assert run("--class", protocol, "--examples", "15") == 0
    told = capsys.readouterr().out
    count = len(selected([protocol]))
    assert re.fullmatch(rf"{count} classes, \d+ requests, seed 0: 0 findings\n", told), told


def test_every_datatype_is_sent(server: RightServer, run: Fuzz) -> None:
    sent: set[bytes] = set()

    async def record(request: Request, proceed: Handler) -> Answer:
        sent.update(re.findall(rb'"datatype": "([A-Z0-9]+)"', request.body))
        return await proceed(request)

    def record_call(name: str, request: Any, proceed: Callable[[Any], Any]) -> Any:
        sent.update(each.datatype.encode() for each in getattr(request, "inputs", ()))
        return proceed(request)

    server.rest_fault, server.grpc_fault = record, record_call
    every = {name.encode() for name in DATATYPES}
    cases: tuple[tuple[str, set[bytes]], ...] = (
        ("v2/valid", {b"FP16"}),
        ("v2/valid-more", set()),
        ("binary/valid", set()),
        ("grpc/typed", {b"FP16"}),
        ("grpc/raw", {b"BYTES"}),
        ("grpc/raw-more", set()),
    )
    for name, missing in cases:
        with Session(Target(server.url, state.MODEL, server.grpc_target)) as session:
            sent.clear()
            (each,) = [one for one in selected([name]) if one.name == name]
            (tried,) = fuzz(session, [each], 0, len(DATATYPES))
        assert tried.found.asked == len(DATATYPES)
        assert sent == every - missing, name


@pytest.mark.container
def test_lost_data_are_found(
    server: RightServer, run: Fuzz, capsys: pytest.CaptureFixture[str]
) -> None:
    # Below zero, halves are made of floats.
    def halve(request: Request) -> None:
        body = json.loads(request.body)
        for each in body["inputs"]:
            if each["datatype"] == "FP32":
                each["data"] = _changed(each["data"], lambda x: x if x >= 0 else round(x, 2))
        request.body = json.dumps(body).encode()

    change_requests(server, "/infer", halve)
    # Many: Hypothesis draws on the constants of the code that is loaded, so that each change of it
    # gives other examples, and may leave a tensor that the fault doesn't need.
    assert run("--class", "v2/valid", "--examples", "800") == 1
    found, line, *_ = capsys.readouterr().out.splitlines()
    assert found.startswith("v2/valid (MUST): Valid. POST /v2/models/contract/infer: 'returned")
    body = json.loads(re.findall(r"--data-binary '(.*)'$", line)[0])
    sent = {each["name"]: each["data"] for each in body["inputs"] if each["datatype"] == "FP32"}
    answer = json.loads(_shell(line).partition("\n\n")[2])
    back = {each["name"]: each["data"] for each in answer["outputs"]}
    assert any(back[name] != data for name, data in sent.items())


@pytest.mark.container
def test_an_accepted_fault_is_found(
    server: RightServer, run: Fuzz, capsys: pytest.CaptureFixture[str]
) -> None:
    def forgive(request: Request) -> None:
        text = request.body.decode("utf-8", "surrogateescape")
        request.body = text.replace('"shape": [-', '"shape": [').encode("utf-8", "surrogateescape")

    change_requests(server, "/infer", forgive)
    assert run("--class", "v2/dimension") == 1
    found, line, *_ = capsys.readouterr().out.splitlines()
    assert found.startswith(
        "v2/dimension (MUST): A dimension is negative, a fraction, or no number. POST "
        "/v2/models/contract/infer: expected a status 4xx, got 200: "
    )
    assert '"shape": [-1]' in line
    assert _shell(line).startswith("HTTP/1.1 200 ")


@pytest.mark.container
def test_a_refusal_that_blames_the_server_should_not_be(
    server: RightServer, run: Fuzz, capsys: pytest.CaptureFixture[str]
) -> None:
    async def fault(request: Request, proceed: Handler) -> Answer:
        answer = await proceed(request)
        return answer if answer.status == 200 else Answer.error(500, "I am wrong")

    server.rest_fault = fault
    assert run("--class", "v2/count") == 0
    found, line, *_ = capsys.readouterr().out.splitlines()
    assert found == (
        "v2/count (SHOULD): An input has not as many elements as its shape says. POST "
        '/v2/models/contract/infer: expected a status 4xx, got 500: {"error": "I am wrong"}'
    )
    assert _shell(line).startswith("HTTP/1.1 500 ")


def test_what_should_not_be_does_not_hide_what_must_not(
    server: RightServer, run: Fuzz, capsys: pytest.CaptureFixture[str]
) -> None:
    async def fault(request: Request, proceed: Handler) -> Answer:
        answer = await proceed(request)
        if answer.status == 200:
            return answer
        return Answer.error(500 if b'"BOOL"' in request.body else 200, "I am wrong")

    server.rest_fault = fault
    assert run("--class", "v2/count") == 1
    found, line, *_ = capsys.readouterr().out.splitlines()
    assert found.startswith("v2/count (MUST): ")
    assert '"BOOL"' not in line


@pytest.mark.container
def test_what_can_not_be_seen_is_sent_by_a_line_as_well(
    server: RightServer, run: Fuzz, capsys: pytest.CaptureFixture[str]
) -> None:
    def forgive(request: Request) -> None:
        request.body = request.body.decode("utf-8", "replace").encode()

    change_requests(server, ":predict", forgive)
    # A SHOULD binds no server.
    assert run("--class", "v1/utf-8") == 0
    found, line, *_ = capsys.readouterr().out.splitlines()
    assert found.startswith("v1/utf-8 (SHOULD): ")
    assert line.startswith("printf ")
    assert _shell(line).startswith("HTTP/1.1 200 ")


def test_a_wrong_grpc_server_is_found(
    server: RightServer, run: Fuzz, capsys: pytest.CaptureFixture[str]
) -> None:
    def forgive(request: Any) -> None:
        for each in request.inputs:
            each.datatype = each.datatype.upper()

    change_call_requests(server, "ModelInfer", forgive)
    assert run("--class", "grpc/d", "--examples", "20") == 1
    found, line, empty, summary = capsys.readouterr().out.splitlines()
    assert found == (
        "grpc/datatype-case (MUST): An input's datatype is in another case. "
        "ModelInfer: expected an error status, got OK"
    )
    assert line.startswith("grpcurl ")
    assert '"datatype": "bool", "shape": ["1"]' in line
    assert empty == ""
    assert summary.endswith(" 1 findings")


@pytest.mark.container
def test_bytes_that_are_no_message_are_sent_by_a_line_as_well(
    server: RightServer,
    run: Fuzz,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    right = server.answer_call
    monkeypatch.setattr(
        server,
        "answer_call",
        lambda name, message, context: (
            b"" if name == "ModelInfer" else right(name, message, context)
        ),
    )
    assert run("--class", "wire") == 1
    _, line, *_ = capsys.readouterr().out.splitlines()
    assert line.startswith("printf ")
    # gRPC's trailers, which curl shows behind the body.
    assert "grpc-status: 0\n" in _shell(line)


def test_a_server_that_ends_is_found(
    server: RightServer, run: Fuzz, capsys: pytest.CaptureFixture[str]
) -> None:
    refused: list[Request] = []

    async def fault(request: Request, proceed: Handler) -> Answer:
        if refused and "/infer" in request.path:
            return Answer.error(400, "I will answer nothing any more")
        answer = await proceed(request)
        if answer.status == 400 and b'"returned' in request.body:
            refused.append(request)
        return answer

    server.rest_fault = fault
    assert run("--class", "v2/id") == 1
    found, line, *_ = capsys.readouterr().out.splitlines()
    assert found.startswith("after v2/id, a good request (MUST): POST /v2/models/contract/infer")
    assert line.startswith("curl ")


# ---------------------------------------------------------------- seeds


def test_a_seed_gives_the_same_requests(server: RightServer, run: Fuzz) -> None:
    sent: list[bytes] = []

    async def record(request: Request, proceed: Handler) -> Answer:
        sent.append(request.body)
        return await proceed(request)

    def record_call(name: str, request: Any, proceed: Callable[[Any], Any]) -> Any:
        sent.append(request.SerializeToString(deterministic=True))
        return proceed(request)

    server.rest_fault, server.grpc_fault = record, record_call

    def requests(*arguments: str) -> list[bytes]:
        sent.clear()
        assert run("--examples", "10", "--class", "grpc/raw", *arguments) == 0
        return list(sent)

    some = requests("--class", "v2/co", "--seed", "3")
    assert requests("--class", "v2/co", "--seed", "3") == some
    assert requests("--class", "v2/co", "--seed", "4") != some
    # Whichever other classes are sent.
    assert requests("--seed", "3")[-10:] == some[-10:]


# ---------------------------------------------------------------- bounds


def test_a_search_is_bounded() -> None:
    asked = []

    def judge(number: int) -> Counterexample | None:
        asked.append(number)
        return Counterexample(f"{number} is wrong", "") if number > 1000 else None

    found = falsify.search([st.integers(0, 2**40)], judge, "0", 50)
    assert found.finding == Counterexample("1001 is wrong", "")
    assert found.asked == len(asked) <= 50 + falsify.SHRINKING_REQUESTS


@pytest.mark.parametrize("limit", ["SHRINKING_SECONDS", "SHRINKING_REQUESTS"])
def test_what_was_found_stays_when_the_time_is_up(
    monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    monkeypatch.setattr(falsify, limit, 0)
    asked = []

    def judge(number: int) -> Counterexample | None:
        asked.append(number)
        return Counterexample(f"{number} is wrong", "") if number > 1000 else None

    found = falsify.search([st.integers(0, 2**40)], judge, "0", 50)
    assert found.finding == Counterexample(f"{asked[-1]} is wrong", "")


def test_nothing_is_asked_of_a_server_that_is_gone() -> None:
    asked = []

    def judge(number: int) -> Counterexample | None:
        asked.append(number)
        return Counterexample(f"{number} ended it", "", ends=True) if number > 1000 else None

    found = falsify.search([st.integers(0, 2**40)], judge, "0", 50)
    assert found.finding == Counterexample(f"{asked[-1]} ended it", "", ends=True)
    assert sum(number > 1000 for number in asked) == 1


# ---------------------------------------------------------------- exit codes


def test_an_unknown_class_is_wrong_usage(run: Fuzz, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--class", "v3") == 2
    assert "--class v3: expected one of v1/valid, " in capsys.readouterr().err


@pytest.mark.parametrize("examples", ["0", "-1", "some"])
def test_a_wrong_number_is_wrong_usage(run: Fuzz, examples: str) -> None:
    with pytest.raises(SystemExit) as left:
        run("--examples", examples)
    assert left.value.code == 2


def test_nothing_to_ask_is_no_result(
    server: RightServer, capsys: pytest.CaptureFixture[str]
) -> None:
    at = ["--target", server.url, "--model", state.MODEL]
    assert main(["fuzz", *at, "--class", "grpc/model"]) == 3
    told = capsys.readouterr()
    assert told.out == (
        "not sent: grpc/model: no gRPC address was given: name it with --grpc-target\n"
    )
    assert told.err == "error: no request of these classes could be sent: see above\n"
    assert main(["fuzz", "--target", "http://127.0.0.1:9", "--model", "m"]) == 3


def test_another_model_is_asked_with_its_own_request(
    server: RightServer, capsys: pytest.CaptureFixture[str], tmp_path: Any
) -> None:
    # Its outputs are texts, so that what it is sent can't be seen.
    own = {"inputs": [{"name": "x", "shape": [1], "datatype": "FP32", "data": [0.5]}]}
    payloads = tmp_path / "payloads.json"
    payloads.write_text(json.dumps({"v2": own}))
    sent = []

    async def other(request: Request, proceed: Handler) -> Answer:
        if b"returned" in request.body:
            return Answer.error(400, "there is no such input")
        sent.append(request.body)
        return await proceed(request)

    server.rest_fault = other
    at = ["--target", server.url, "--model", state.MODEL, "--payloads", str(payloads)]
    assert main(["fuzz", *at, "--profile", "v2", "--class", "v2", "--examples", "15"]) == 0
    told = capsys.readouterr().out
    assert "not sent: v2/valid, v2/valid-more: the model doesn't give back" in told
    assert "not sent: v2/range: the model's own request can't be made one of these" in told
    assert json.dumps({**own, "id": []}).encode() in sent


def test_the_suites_own_failure_is_no_finding(server: RightServer) -> None:
    def fail(*_: object) -> None:
        raise KeyError("a mistake")

    (each,) = selected(["v2/id"])
    with Session(Target(server.url, state.MODEL, profiles=("v2",))) as session:
        (tried,) = fuzz(session, [replace(each, judge=fail)], 0, 10)
    assert tried.error == "KeyError('a mistake')"
    assert not tried.is_binding


def _changed(data: Any, change: Callable[[float], float]) -> Any:
    return [_changed(each, change) for each in data] if isinstance(data, list) else change(data)
