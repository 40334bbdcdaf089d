"""The binary tensor data extension: tensors behind the JSON of a request or an answer."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kserve_conformance import expect, round_trip, tensors
from kserve_conformance.asking.http_client import Answer
from kserve_conformance.asking.server import Server, encode
from kserve_conformance.checks import v2_answers, wire
from kserve_conformance.checks.refusals import DEEPEST, answered_or_refused, nested
from kserve_conformance.checks.registry import check
from kserve_conformance.checks.v2_answers import expect_back, with_parameters
from kserve_conformance.expect import Departure
from kserve_conformance.results.verdict import Unsupported
from kserve_conformance.tensors import DATATYPES, Datatype, returned

_LENGTH = "inference-header-content-length"
_EVERYTHING = {"binary_data_output": True}
_INTEGERS = returned("INT32", [2, 2], [1, 2, 3, 2**30], "b")
_DOUBLES = returned("FP64", [3], [0.1, -1.5, 3.0], "a")
_SHORTS = returned("UINT16", [1, 2], [7, 65535], "c")


@dataclass(frozen=True)
class _Told:
    """A binary answer: its JSON, the sorted names of its binary outputs, and what follows."""

    asked: str
    head: Mapping[str, Any]
    binary: Sequence[str]
    raw: bytes


@check("V2-BINARY-001")
def binary_inputs_are_answered(server: Server) -> None:
    answer = server.infer_binary(*tensors.binary(_sample(server)))
    told = answer.success()
    expect.that(_LENGTH not in answer.headers, "the answer has binary data that nobody asked for")
    with expect.reading("the V2 answer"):
        expect.that(bool(told["outputs"]), "there are no outputs")
        for output in told["outputs"]:
            expect.that("data" in output, f"the output {output['name']} has no data")


@check("V2-BINARY-002", Server.need_contract_v2)
def binary_inputs_are_read_in_order(server: Server) -> None:
    inputs = [_INTEGERS, _DOUBLES, _SHORTS]
    expect_back(server.infer_binary(*tensors.binary({"inputs": inputs})), inputs)


@check("V2-BINARY-003", Server.need_contract_v2)
def encodings_mix(server: Server) -> None:
    inputs = [_INTEGERS, _DOUBLES, _SHORTS]
    for sent in ([_INTEGERS, _SHORTS], [_DOUBLES]):
        names = [each["name"] for each in sent]
        expect_back(server.infer_binary(*tensors.binary({"inputs": inputs}, names)), inputs)


@check("V2-BINARY-004", Server.need_contract_v2)
def each_datatype_comes_back_exactly(server: Server) -> None:
    sent = [_exact(each) for each in tensors.DATATYPES.values() if each.size]
    # JSON may be refused for FP16. The others go from one encoding to the other, since a wrong
    # order of bytes looks right where it is wrong both ways.
    halves = [each for each in sent if each["datatype"] == "FP16"]
    others = [each for each in sent if each not in halves]
    expect_back(server.infer_binary(*tensors.binary({"inputs": others})), others)
    _came_back(_told(server.infer({"inputs": others, "parameters": _EVERYTHING})), others)
    _come_back_in_binary(server, halves)


@check("V2-BINARY-005", Server.need_contract_v2)
def what_is_no_number_comes_back(server: Server) -> None:
    values = [math.inf, -math.inf, math.nan]
    sent = [returned(each, [3], values) for each in ("FP32", "FP64")]
    _come_back_in_binary(server, sent)


@check("V2-BINARY-006", Server.need_contract_v2)
def text_keeps_its_bounds(server: Server) -> None:
    text = returned("BYTES", [2, 2], ["", "é漢🙂", "a", "two\nlines "])
    expect_back(server.infer_binary(*tensors.binary({"inputs": [text]})), [text])
    _come_back_in_binary(server, [text])


@check("V2-BINARY-007", Server.need_contract_v2)
def bytes_need_be_no_text(server: Server) -> None:
    data = [b"\x89PNG\r\n\x1a\n\x00", bytes(range(256)), b"\xff\x00"]
    _come_back_in_binary(server, [returned("BYTES", [3], data)])


@check("V2-BINARY-008", Server.need_contract_v2)
def no_elements_are_no_bytes(server: Server) -> None:
    _come_back_in_binary(server, [returned("FP32", [0, 3], []), _INTEGERS])


@check("V2-BINARY-009")
def impossible_lengths_are_refused(server: Server) -> None:
    body, raw = tensors.binary(_sample(server))
    for length in ("many", "-1", str(len(encode(body)) + len(raw) + 100)):
        server.infer_binary(body, raw, length).error()


@check("V2-BINARY-010")
def lengths_that_split_the_json_are_refused(server: Server) -> None:
    body, raw = tensors.binary(_sample(server))
    for length in (None, str(len(encode(body)) - 1)):
        server.infer_binary(body, raw, length).error()


@check("V2-BINARY-011")
def sizes_that_do_not_fit_the_shape_are_refused(server: Server) -> None:
    body, raw = tensors.binary(_sample(server))
    size = body["inputs"][0]["parameters"]["binary_data_size"]
    # The bytes are as many as the sizes say, and the other inputs have their own.
    for wrong, first in ((size - 1, raw[: size - 1]), (size + 1, raw[:size] + b"\0")):
        server.infer_binary(_resized(body, wrong), first + raw[size:]).error()


@check("V2-BINARY-012")
def sizes_that_are_none_are_refused(server: Server) -> None:
    body, raw = tensors.binary(_sample(server))
    size = body["inputs"][0]["parameters"]["binary_data_size"]
    for wrong in (str(size), size + 0.5, -size):
        server.infer_binary(_resized(body, wrong), raw).error()


@check("V2-BINARY-013")
def bodies_that_end_early_are_refused(server: Server) -> None:
    body, raw = tensors.binary(_sample(server))
    server.infer_binary(body, raw[:-1]).error()
    server.infer_binary(body, b"").error()


@check("V2-BINARY-014")
def bodies_that_go_on_are_refused(server: Server) -> None:
    body, raw = tensors.binary(_sample(server))
    server.infer_binary(body, raw + b"\0").error()


@check("V2-BINARY-015")
def data_twice_are_refused(server: Server) -> None:
    sample = _sample(server)
    body, raw = tensors.binary(sample)
    body["inputs"][0]["data"] = sample["inputs"][0]["data"]
    server.infer_binary(body, raw).error()


@check("V2-BINARY-016", Server.need_contract_v2)
def outputs_are_binary_one_by_one(server: Server) -> None:
    wanted = [
        {"name": _INTEGERS["name"]},
        {"name": _DOUBLES["name"], "parameters": {"binary_data": True}},
        {"name": _SHORTS["name"], "parameters": {"binary_data": False}},
    ]
    inputs = [_INTEGERS, _DOUBLES, _SHORTS]
    _just_these_are_binary(server.infer({"inputs": inputs, "outputs": wanted}), [_DOUBLES], inputs)


@check("V2-BINARY-017", Server.need_contract_v2)
def all_outputs_are_binary(server: Server) -> None:
    inputs = [_INTEGERS, _DOUBLES]
    answer = server.infer({"inputs": inputs, "parameters": _EVERYTHING})
    _just_these_are_binary(answer, [_DOUBLES, _INTEGERS], inputs)


@check("V2-BINARY-018", Server.need_contract_v2)
def an_output_overrides_the_request(server: Server) -> None:
    wanted = [
        {"name": _INTEGERS["name"], "parameters": {"binary_data": False}},
        {"name": _DOUBLES["name"], "parameters": {"binary_data": True}},
    ]
    inputs = [_INTEGERS, _DOUBLES]
    body = {"inputs": inputs, "outputs": wanted, "parameters": _EVERYTHING}
    _just_these_are_binary(server.infer(body), [_DOUBLES], inputs)


@check("V2-BINARY-019")
def binary_answers_tell_their_lengths(server: Server) -> None:
    # More bytes than characters, which a wrong count shows.
    told = _told(server.infer({**_sample(server, **_EVERYTHING), "id": "é漢"}))
    expect.that(bool(told.binary), "no output comes as binary data")


@check("V2-BINARY-020")
def binary_answers_are_declared(server: Server) -> None:
    answer = server.infer(_sample(server, **_EVERYTHING))
    _told(answer)
    expect.equal(
        answer.media_type, "application/octet-stream", "the Content-Type of a binary answer"
    )


@check("V2-BINARY-021")
def binary_answers_have_the_id(server: Server) -> None:
    body, raw = tensors.binary({**_sample(server, **_EVERYTHING), "id": "conformance-21"})
    told = _told(server.infer_binary(body, raw)).head
    expect.equal(told.get("id"), "conformance-21", "the id of a binary answer")
    expect.equal(told.get("model_name"), server.model, "the model's name in a binary answer")


@check("V2-BINARY-023")
def null_is_what_is_not_there(server: Server) -> None:
    body, raw = tensors.binary(_sample(server))
    everything = v2_answers.names(server.infer_binary(body, raw))
    first, *others = body["inputs"]
    body = {"id": None, "outputs": None, **body, "inputs": [{**first, "data": None}, *others]}
    expect.equal(v2_answers.names(server.infer_binary(body, raw)), everything, "the outputs")


@check("V2-BINARY-024")
def lengths_are_written_in_digits(server: Server) -> None:
    body, raw = tensors.binary(_sample(server))
    length = len(encode(body))
    # The last is beyond what Python's int() takes.
    for written in (f"+{length}", f"{length}.0", f"0_{length}", hex(length), "9" * 5000):
        server.infer_binary(body, raw, written).failure()


@check("V2-BINARY-025")
def that_there_is_no_json_is_no_failure(server: Server) -> None:
    body, raw = tensors.binary(_sample(server))
    for sent in (encode(body), b""):
        answered_or_refused(server.infer_binary(sent, raw, "0"))


@check("V2-BINARY-026")
def chunks_are_a_body(server: Server) -> None:
    body, raw = tensors.binary(_sample(server))
    head = encode(body)
    headers = {"Content-Type": "application/octet-stream", _LENGTH: str(len(head)), **wire.CHUNKED}
    path = f"/v2/models/{wire.quoted(server.model)}/infer"
    answer = wire.Hand(server).ask("POST", path, wire.chunked(head + raw), headers)
    if answer.status != 411:
        expect.equal(answer.status, 200, "the status")
        expect.that(b'"outputs"' in answer.body, "the answer has no outputs")


@check("V2-BINARY-027")
def a_number_of_elements_has_no_end(server: Server) -> None:
    body, raw = tensors.binary(_sample(server))
    first, *others = body["inputs"]
    size = first["parameters"]["binary_data_size"]
    body["inputs"] = [{**first, "shape": v2_answers.OF_NONE}, *others]
    server.infer_binary(_resized(body, 0), raw[size:]).error()


@check("V2-BINARY-028", Server.need_contract_v2)
def a_scalar_is_a_tensor(server: Server) -> None:
    number, word = returned("INT32", [], [5]), returned("BYTES", [], ["é"])
    _come_back_in_binary(server, [number, word])


@check("V2-BINARY-029")
def an_output_that_is_named_twice_comes_once(server: Server) -> None:
    sample = _sample(server)
    name = v2_answers.names(server.infer(sample))[0]
    wanted = [{"name": name, "parameters": {"binary_data": each}} for each in (True, False)]
    answer = server.infer({**sample, "outputs": wanted})
    if not answered_or_refused(answer):
        return
    told = _told(answer).head if _LENGTH in answer.headers else answer.json()
    with expect.reading("the V2 answer"):
        came = [each["name"] for each in told["outputs"]]
    expect.equal(came.count(name), 1, f"how often the output {name} comes")


@check("V2-BINARY-030")
def deep_nesting_is_survived(server: Server) -> None:
    body, raw = tensors.binary(_sample(server))
    deep = encode(body)[:-1] + b', "conformance": ' + nested(DEEPEST) + b"}"
    answered_or_refused(server.infer_binary(deep, raw))
    server.infer_binary(body, raw).success()


@check("V2-BINARY-022", Server.need_contract_v2)
def encodings_agree(server: Server) -> None:
    inputs = [_INTEGERS, _DOUBLES, returned("BYTES", [2], ["é", "b"])]
    expect_back(server.infer({"inputs": inputs}), inputs)
    expect_back(server.infer_binary(*tensors.binary({"inputs": inputs})), inputs)
    _came_back(_told(server.infer({"inputs": inputs, "parameters": _EVERYTHING})), inputs)
    _come_back_in_binary(server, inputs)


def _exact(datatype: Datatype) -> dict[str, Any]:
    # 1 besides, since the ends of some ranges are the same in any order of bytes.
    more = [1] if "INT" in datatype.name else []
    data = [*datatype.extremes, *more]
    return returned(datatype.name, [len(data)], data)


def _sample(server: Server, **parameters: Any) -> dict[str, Any]:
    """Give the sample with parameters, for all outputs; `Unsupported` without a binary form."""
    body = with_parameters(server.v2_sample(), parameters)
    body.pop("outputs", None)
    for each in body["inputs"]:
        if each["datatype"] not in DATATYPES:
            raise Unsupported(f"the texts don't tell the binary form of {each['datatype']}")
    return body


def _resized(body: Mapping[str, Any], size: Any) -> dict[str, Any]:
    """Give a binary request's JSON with another size of its first input."""
    first, *others = body["inputs"]
    return {**body, "inputs": [with_parameters(first, {"binary_data_size": size}), *others]}


def _told(answer: Answer) -> _Told:
    """Take a binary answer apart; raise `Departure` where it is none."""
    answer.failure(200)
    told = answer.headers.get(_LENGTH)
    if told is None or not told.isdecimal() or int(told) > len(answer.body):
        raise Departure(
            f"{answer.asked}: expected binary data with Inference-Header-Content-Length, got "
            f"{told!r} for a body of {len(answer.body)} bytes"
        )
    head = dataclasses.replace(answer, body=answer.body[: int(told)]).json()
    raw = answer.body[int(told) :]
    sizes = {}
    with expect.reading("the JSON of the binary answer"):
        for output in head["outputs"]:
            # That null stands for none is a departure from another statement.
            size = (output.get("parameters") or {}).get("binary_data_size")
            if size is not None:
                expect.that("data" not in output, f"{output['name']} has data twice")
                sizes[output["name"]] = size
        expect.equal(sum(sizes.values()), len(raw), f"{answer.asked}: the sum of the sizes")
        return _Told(answer.asked, head, sorted(sizes), raw)


def _came_back(told: _Told, inputs: Sequence[Mapping[str, Any]]) -> None:
    """Compare outputs of a binary answer, in JSON or not, with the inputs that they give back."""
    with expect.reading("the binary answer"):
        back = round_trip.of_json(told.head["outputs"], told.raw)
    round_trip.expect_back(round_trip.of_json(inputs), (), back, told.asked)


def _come_back_in_binary(server: Server, inputs: Sequence[Mapping[str, Any]]) -> None:
    """Send inputs as binary data, ask for the outputs as such, and compare the two."""
    body, raw = tensors.binary({"inputs": inputs, "parameters": _EVERYTHING})
    _came_back(_told(server.infer_binary(body, raw)), inputs)


def _just_these_are_binary(
    answer: Answer, binary: Sequence[Mapping[str, Any]], inputs: Sequence[Mapping[str, Any]]
) -> None:
    """Go on where just the outputs of these inputs are binary, and all give the inputs back."""
    told = _told(answer)
    names = [each["name"] for each in binary]
    expect.equal(told.binary, names, "the outputs that come as binary data")
    _came_back(told, inputs)
