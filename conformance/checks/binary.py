"""The binary tensor data extension: tensors behind the JSON of a request or an answer."""

from __future__ import annotations

import dataclasses
import math
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from conformance import expect, tensors
from conformance.checks.registry import check
from conformance.expect import Departure
from conformance.http_client import Answer
from conformance.server import Server, encode
from conformance.tensors import Datatype, tensor

_LENGTH = "inference-header-content-length"
_EVERYTHING = {"binary_data_output": True}
_INTEGERS = tensor("returned_b", "INT32", [2, 2], [1, 2, 3, 2**30])
_DOUBLES = tensor("returned_a", "FP64", [3], [0.1, -1.5, 3.0])
_SHORTS = tensor("returned_c", "UINT16", [1, 2], [7, 65535])


@dataclass(frozen=True)
class _Told:
    """A binary answer, taken apart.

    Attributes:
        head: its JSON.
        outputs: those of the JSON, by name.
        raw: by name of an output, its binary data.
    """

    head: Mapping[str, Any]
    outputs: Mapping[str, Mapping[str, Any]]
    raw: Mapping[str, bytes]


@check("V2-BINARY-001")
def binary_inputs_are_answered(server: Server) -> None:
    head, raw = _split(server.v2_sample()["inputs"])
    answer = server.infer_binary({"inputs": head}, raw)
    told = answer.success()
    expect.that(_LENGTH not in answer.headers, "the answer has binary data that nobody asked for")
    with expect.reading("the V2 answer"):
        expect.that(bool(told["outputs"]), "there are no outputs")
        for output in told["outputs"]:
            expect.that("data" in output, f"the output {output['name']} has no data")


@check("V2-BINARY-002")
def binary_inputs_are_read_in_order(server: Server) -> None:
    server.need_contract_v2()
    inputs = [_INTEGERS, _DOUBLES, _SHORTS]
    head, raw = _split(inputs)
    _came_back(server.infer_binary({"inputs": head}, raw), inputs)


@check("V2-BINARY-003")
def encodings_mix(server: Server) -> None:
    server.need_contract_v2()
    (first, last), raw = _split([_INTEGERS, _SHORTS])
    answer = server.infer_binary({"inputs": [first, _DOUBLES, last]}, raw)
    _came_back(answer, [_INTEGERS, _DOUBLES, _SHORTS])
    (middle,), raw = _split([_DOUBLES])
    answer = server.infer_binary({"inputs": [_INTEGERS, middle, _SHORTS]}, raw)
    _came_back(answer, [_INTEGERS, _DOUBLES, _SHORTS])


@check("V2-BINARY-004")
def each_datatype_comes_back_exactly(server: Server) -> None:
    server.need_contract_v2()
    sent = [_exact(each) for each in tensors.DATATYPES.values() if each.size]
    # JSON may be refused for FP16. The others go from one encoding to the other, since a wrong
    # order of bytes looks right where it is wrong both ways.
    halves = [each for each in sent if each["datatype"] == "FP16"]
    others = [each for each in sent if each not in halves]
    head, raw = _split(others)
    told = server.infer_binary({"inputs": head}, raw).success()
    for each in others:
        with expect.reading("the V2 answer"):
            outputs = {output["name"]: output for output in told["outputs"]}
            data = tensors.flat(outputs[each["name"]]["data"])
        _is_packed(each, _packed(each["datatype"], data))
    _all_came_back(_told(server.infer({"inputs": others, "parameters": _EVERYTHING})), others)
    head, raw = _split(halves)
    told_raw = _told(server.infer_binary({"inputs": head, "parameters": _EVERYTHING}, raw))
    _all_came_back(told_raw, halves)


@check("V2-BINARY-005")
def what_is_no_number_comes_back(server: Server) -> None:
    server.need_contract_v2()
    values = [math.inf, -math.inf, math.nan]
    sent = [tensor(f"returned_{each}", each, [3], values) for each in ("FP32", "FP64")]
    head, raw = _split(sent)
    told = _told(server.infer_binary({"inputs": head, "parameters": _EVERYTHING}, raw))
    for each in sent:
        came = _raw(told, each)
        expect.equal(len(came), len(_data(each)), f"bytes of {each['name']}")
        # There is more than one NaN, of which any will do.
        infinite, negative, none = tensors.unpack(each["datatype"], came)
        expect.that(
            [infinite, negative] == values[:2] and math.isnan(none),
            f"{values} came back as {[infinite, negative, none]}",
        )


@check("V2-BINARY-006")
def text_keeps_its_bounds(server: Server) -> None:
    server.need_contract_v2()
    text = tensor("returned", "BYTES", [2, 2], ["", "é漢🙂", "a", "two\nlines "])
    head, raw = _split([text])
    _came_back(server.infer_binary({"inputs": head}, raw), [text])
    told = _told(server.infer_binary({"inputs": head, "parameters": _EVERYTHING}, raw))
    _all_came_back(told, [text])


@check("V2-BINARY-007")
def bytes_need_be_no_text(server: Server) -> None:
    server.need_contract_v2()
    data = [b"\x89PNG\r\n\x1a\n\x00", bytes(range(256)), b"\xff\x00"]
    image = tensor("returned", "BYTES", [3], data)
    head, raw = _split([image])
    told = _told(server.infer_binary({"inputs": head, "parameters": _EVERYTHING}, raw))
    _all_came_back(told, [image])


@check("V2-BINARY-008")
def no_elements_are_no_bytes(server: Server) -> None:
    server.need_contract_v2()
    sent = [tensor("returned_nothing", "FP32", [0, 3], []), _INTEGERS]
    head, raw = _split(sent)
    told = _told(server.infer_binary({"inputs": head, "parameters": _EVERYTHING}, raw))
    _all_came_back(told, sent)


@check("V2-BINARY-009")
def impossible_lengths_are_refused(server: Server) -> None:
    head, raw = _split(server.v2_sample()["inputs"])
    for length in ("many", "-1", str(len(encode({"inputs": head})) + len(raw) + 100)):
        server.infer_binary({"inputs": head}, raw, length).error()


@check("V2-BINARY-010")
def lengths_that_split_the_json_are_refused(server: Server) -> None:
    head, raw = _split(server.v2_sample()["inputs"])
    server.infer_binary({"inputs": head}, raw, None).error()
    server.infer_binary({"inputs": head}, raw, str(len(encode({"inputs": head})) - 1)).error()


@check("V2-BINARY-011")
def sizes_that_do_not_fit_the_shape_are_refused(server: Server) -> None:
    (head, *others), raw = _split(server.v2_sample()["inputs"])
    size = head["parameters"]["binary_data_size"]
    for wrong in (size - 1, size + 1):
        # The bytes are as many as the sizes say, and the other inputs have their own.
        fitting = raw[: min(wrong, size)] + b"\0" * (wrong - size) + raw[size:]
        server.infer_binary({"inputs": [_sized(head, wrong), *others]}, fitting).error()


@check("V2-BINARY-012")
def sizes_that_are_none_are_refused(server: Server) -> None:
    (head, *others), raw = _split(server.v2_sample()["inputs"])
    size = head["parameters"]["binary_data_size"]
    for wrong in (str(size), size + 0.5, -size):
        server.infer_binary({"inputs": [_sized(head, wrong), *others]}, raw).error()


@check("V2-BINARY-013")
def bodies_that_end_early_are_refused(server: Server) -> None:
    head, raw = _split(server.v2_sample()["inputs"])
    server.infer_binary({"inputs": head}, raw[:-1]).error()
    server.infer_binary({"inputs": head}, b"").error()


@check("V2-BINARY-014")
def bodies_that_go_on_are_refused(server: Server) -> None:
    head, raw = _split(server.v2_sample()["inputs"])
    server.infer_binary({"inputs": head}, raw + b"\0").error()


@check("V2-BINARY-015")
def data_twice_are_refused(server: Server) -> None:
    sample = server.v2_sample()["inputs"]
    head, raw = _split(sample)
    both = {**head[0], "data": sample[0]["data"]}
    server.infer_binary({"inputs": [both, *head[1:]]}, raw).error()


@check("V2-BINARY-016")
def outputs_are_binary_one_by_one(server: Server) -> None:
    server.need_contract_v2()
    wanted = [
        {"name": "returned_b"},
        {"name": "returned_a", "parameters": {"binary_data": True}},
        {"name": "returned_c", "parameters": {"binary_data": False}},
    ]
    inputs = [_INTEGERS, _DOUBLES, _SHORTS]
    told = _told(server.infer({"inputs": inputs, "outputs": wanted}))
    expect.equal(sorted(told.raw), ["returned_a"], "the outputs that come as binary data")
    _all_came_back(told, inputs)


@check("V2-BINARY-017")
def all_outputs_are_binary(server: Server) -> None:
    server.need_contract_v2()
    inputs = [_INTEGERS, _DOUBLES]
    names = [{"name": each["name"]} for each in inputs]
    for wanted in ({}, {"outputs": names}):
        told = _told(server.infer({"inputs": inputs, "parameters": _EVERYTHING, **wanted}))
        expect.equal(
            sorted(told.raw), ["returned_a", "returned_b"], "the outputs that come as binary data"
        )
        _all_came_back(told, inputs)


@check("V2-BINARY-018")
def an_output_overrides_the_request(server: Server) -> None:
    server.need_contract_v2()
    wanted = [
        {"name": "returned_b", "parameters": {"binary_data": False}},
        {"name": "returned_a", "parameters": {"binary_data": True}},
    ]
    inputs = [_INTEGERS, _DOUBLES]
    body = {"inputs": inputs, "outputs": wanted, "parameters": _EVERYTHING}
    told = _told(server.infer(body))
    expect.equal(sorted(told.raw), ["returned_a"], "the outputs that come as binary data")
    _all_came_back(told, inputs)


@check("V2-BINARY-019")
def binary_answers_tell_their_lengths(server: Server) -> None:
    # More bytes than characters, which a wrong count shows.
    told = _told(server.infer(server.v2_sample(id="é漢", parameters=_EVERYTHING)))
    expect.that(bool(told.raw), "no output comes as binary data")


@check("V2-BINARY-020")
def binary_answers_are_declared(server: Server) -> None:
    answer = server.infer(server.v2_sample(parameters=_EVERYTHING))
    _told(answer)
    kind = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
    expect.equal(kind, "application/octet-stream", "the Content-Type of a binary answer")


@check("V2-BINARY-021")
def binary_answers_have_the_id(server: Server) -> None:
    head, raw = _split(server.v2_sample()["inputs"])
    body = {"id": "conformance-21", "inputs": head, "parameters": _EVERYTHING}
    told = _told(server.infer_binary(body, raw)).head
    expect.equal(told.get("id"), "conformance-21", "the id of a binary answer")
    expect.equal(told.get("model_name"), server.model, "the model's name in a binary answer")


@check("V2-BINARY-022")
def encodings_agree(server: Server) -> None:
    server.need_contract_v2()
    inputs = [_INTEGERS, _DOUBLES, tensor("returned_text", "BYTES", [2], ["é", "b"])]
    head, raw = _split(inputs)
    _came_back(server.infer({"inputs": inputs}), inputs)
    _came_back(server.infer_binary({"inputs": head}, raw), inputs)
    binary = {"parameters": _EVERYTHING}
    _all_came_back(_told(server.infer({"inputs": inputs, **binary})), inputs)
    _all_came_back(_told(server.infer_binary({"inputs": head, **binary}, raw)), inputs)


def _exact(datatype: Datatype) -> dict[str, Any]:
    # 1 besides, since the ends of some ranges are the same in any order of bytes.
    more = [1] if "INT" in datatype.name else []
    data = [*datatype.extremes, *more]
    return tensor(f"returned_{datatype.name}", datatype.name, [len(data)], data)


def _split(inputs: Iterable[Mapping[str, Any]]) -> tuple[list[dict[str, Any]], bytes]:
    """Give inputs as a binary request's JSON has them, and the bytes behind it."""
    head, raw = [], b""
    for each in inputs:
        packed = _data(each)
        bare = {name: value for name, value in each.items() if name != "data"}
        head.append(_sized(bare, len(packed)))
        raw += packed
    return head, raw


def _data(each: Mapping[str, Any]) -> bytes:
    return tensors.pack(each["datatype"], tensors.flat(each["data"]))


def _sized(head: Mapping[str, Any], size: Any) -> dict[str, Any]:
    return {**head, "parameters": {**head.get("parameters", {}), "binary_data_size": size}}


def _told(answer: Answer) -> _Told:
    """Take a binary answer apart.

    Raises:
        Departure: when it is none.
    """
    answer.failure(200)
    told = answer.headers.get(_LENGTH)
    if told is None or not told.isdigit() or int(told) > len(answer.body):
        raise Departure(
            f"{answer.asked}: expected binary data with Inference-Header-Content-Length, got "
            f"{told!r} for a body of {len(answer.body)} bytes"
        )
    length = int(told)
    head = dataclasses.replace(answer, body=answer.body[:length]).json()
    outputs, raw, at = {}, {}, length
    with expect.reading("the JSON of the binary answer"):
        for output in head["outputs"]:
            outputs[output["name"]] = output
            # That null stands for none is a departure from another statement.
            size = (output.get("parameters") or {}).get("binary_data_size")
            if size is not None:
                expect.that("data" not in output, f"{output['name']} has data twice")
                raw[output["name"]] = answer.body[at : at + size]
                at += size
    expect.equal(at, len(answer.body), f"{answer.asked}: the length by JSON and sizes")
    return _Told(head, outputs, raw)


def _raw(told: _Told, sent: Mapping[str, Any]) -> bytes:
    """Give the binary data of the output that gives an input back."""
    name = sent["name"]
    with expect.reading(f"the binary answer's {name}"):
        for member in ("datatype", "shape"):
            expect.equal(told.outputs[name][member], sent[member], f"{member} of {name}")
        raw = told.raw.get(name)
        data = None if raw is not None else tensors.flat(told.outputs[name]["data"])
    return _packed(sent["datatype"], data) if raw is None else raw


def _packed(datatype: str, data: Any) -> bytes:
    try:
        return tensors.pack(datatype, data)
    except (struct.error, OverflowError, TypeError, AttributeError) as error:
        raise Departure(f"{data!r} are no elements of {datatype}: {error}") from None


def _is_packed(sent: Mapping[str, Any], came: bytes) -> None:
    expect.equal(came.hex(), _data(sent).hex(), f"{sent['name']} as binary data")


def _came_back(answer: Answer, inputs: list[dict[str, Any]]) -> None:
    """Compare outputs in JSON with the inputs that they give back."""
    told = answer.success()
    with expect.reading("the V2 answer"):
        came = sorted(tensors.essential(told), key=lambda each: str(each["name"]))
    expect.equal(came, sorted(inputs, key=lambda each: str(each["name"])), "the outputs")


def _all_came_back(told: _Told, inputs: Iterable[Mapping[str, Any]]) -> None:
    """Compare outputs of a binary answer, in JSON or not, with the inputs that they give back."""
    for each in inputs:
        _is_packed(each, _raw(told, each))
