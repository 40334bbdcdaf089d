"""V2 bodies: what is refused, what is passed on, what is rewritten."""

from __future__ import annotations

import json
import struct
from typing import Any

import pytest

from tests.wrapper.front.asking import V1, V2, V2_ANSWER, answer_to, body_of, error_of, speaks_v2
from tests.wrapper.surroundings import AnsweringTorchServe
from wrapper.front import Answer
from wrapper.torchserve.exchange import Reply
from wrapper.torchserve.service import TorchServe


def _tensor(datatype: str, shape: object, data: object) -> bytes:
    tensor = {"name": "x", "shape": shape, "datatype": datatype, "data": data}
    return json.dumps({"inputs": [tensor]}).encode()


@speaks_v2
@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"{", "not valid JSON"),
        (b'{"inputs": [NaN]}', "no NaN"),
        (b"{}", 'Expected "inputs" to be a list'),
        (b'{"inputs": []}', "at least one tensor"),
        (b'{"inputs": [1]}', "Expected inputs[0] to be an object, got a number"),
        (b'{"inputs": [{"name": "x"}]}', 'Expected "shape" in inputs[0]'),
        (b'{"id": 1, "inputs": []}', 'Expected "id" to be a string, got a number'),
        (_tensor("INT64", [2], [1]), "has 1 elements, but its shape [2] means 2"),
        (_tensor("INT64", [2, 2], [[1, 2], [3]]), "nested otherwise"),
        (_tensor("INT64", [2], [1, [2]]), "nested otherwise"),
        (_tensor("INT64", [-1], [1]), "a dimension -1"),
        (_tensor("INT64", ["1"], [1]), 'a dimension "1"'),
        (_tensor("INT64", [1.5], [1]), "a dimension 1.5"),
        (_tensor("INT64", 1, [1]), '"shape" of tensor x to be a list'),
        (_tensor("int64", [1], [1]), 'unknown datatype "int64"'),
        (_tensor("INT8", [1], [300]), "range 300 is beyond"),
        (_tensor("UINT64", [1], [2**64]), "can't hold"),
        (_tensor("INT64", [1], [True]), "can't hold true"),
        (_tensor("FP32", [1], ["abc"]), 'can\'t hold "abc"'),
        (_tensor("FP16", [1], [70000]), "range 70000 is beyond"),
        (_tensor("BOOL", [1], ["false"]), 'can\'t hold "false"'),
        (_tensor("BYTES", [1], [None]), "can't hold null"),
        (_tensor("BYTES", [1], "text"), '"data" of tensor x to be a list'),
        (_tensor("BYTES", [2], ["a", "b"]), "hands on the first only"),
        (V2[:-1] + b', "outputs": {}}', 'Expected "outputs" to be a list'),
        (
            V2[:-1] + b', "outputs": [{"name": "y"}, {"name": "y"}]}',
            "outputs[1] asks for the output y",
        ),
        (V2[:-1] + b', "parameters": {"a": {}}}', 'parameter "a" of the request'),
        (V2[:-1] + b', "parameters": {"binary_data_output": 1}}', "to be a boolean"),
    ],
)
def test_what_is_no_v2_request_is_400(torchserve: TorchServe, body: bytes, said: str) -> None:
    answer = answer_to(torchserve, "/v2/models/digits/infer", body)
    assert answer.status == 400
    assert said in error_of(answer)


@speaks_v2
@pytest.mark.parametrize(
    ("datatype", "shape", "data"),
    [
        ("BOOL", [2], [True, False]),
        ("INT64", [2], [-(2**63), 2**63 - 1]),
        ("UINT64", [2], [0, 2**64 - 1]),
        ("FP16", [2, 1], [[0.5], [65504]]),
        ("FP32", [0], []),
        ("FP64", [2, 0], [[], []]),
        ("BYTES", [1], ["é"]),
        ("INT8", [], [5]),
    ],
)
def test_a_v2_request_and_its_answer_are_passed_on_untouched(
    torchserve: AnsweringTorchServe, datatype: str, shape: list[int], data: list[Any]
) -> None:
    # Without the output of BYTES, in which this envelope may have objects.
    numbers = {**V2_ANSWER, "outputs": V2_ANSWER["outputs"][:1]}
    torchserve.reply = Reply(json.dumps(numbers).encode())
    body = _tensor(datatype, shape, data)
    answer = answer_to(torchserve, "/v2/models/digits/infer", body)
    assert answer == Answer(200, torchserve.reply.body)
    assert torchserve.calls[0][1] == body


def _infer(torchserve: AnsweringTorchServe, reply: object, **request: object) -> Answer:
    torchserve.reply = Reply(json.dumps(reply).encode())
    body = json.dumps({**json.loads(V2), **request}).encode()
    return answer_to(torchserve, "/v2/models/digits/infer", body)


@speaks_v2
def test_members_that_are_null_are_left_out(torchserve: AnsweringTorchServe) -> None:
    first = {**V2_ANSWER["outputs"][0], "parameters": None}  # type: ignore[dict-item]
    reply = {**V2_ANSWER, "outputs": [first], "model_version": None, "parameters": None}
    told = body_of(_infer(torchserve, reply))
    assert told == {"model_name": "digits", "outputs": [V2_ANSWER["outputs"][0]]}


@pytest.mark.parametrize("torchserve", ["kservev2", "kservev2_faithful", ""], indirect=True)
@pytest.mark.parametrize("sent", ["", " ", "17", "é"])
def test_an_answer_has_the_id_that_was_sent(torchserve: AnsweringTorchServe, sent: str) -> None:
    # An envelope, and many a handler, makes one up in the place of a blank one.
    own = sent if sent.strip() else "made up"
    told = body_of(_infer(torchserve, {**V2_ANSWER, "id": own}, id=sent))
    assert told["id"] == sent
    told = body_of(_infer(torchserve, {**V2_ANSWER, "id": own}))
    assert told["id"] == own


@speaks_v2
def test_outputs_of_one_name_keep_their_own_data(torchserve: AnsweringTorchServe) -> None:
    outputs = [{**V2_ANSWER["outputs"][0], "data": data} for data in ([1, 2], [3, 4])]  # type: ignore[dict-item]
    reply = {**V2_ANSWER, "outputs": outputs}
    told = _infer(torchserve, reply, parameters={"binary_data_output": True})
    raw = told.body[int(told.headers["inference-header-content-length"]) :]
    assert struct.unpack("<4f", raw) == (1, 2, 3, 4)
    told = _infer(torchserve, reply, outputs=[{"name": "x"}])
    assert [output["data"] for output in body_of(told)["outputs"]] == [[1, 2], [3, 4]]


@speaks_v2
def test_an_output_without_a_name_is_told(torchserve: AnsweringTorchServe) -> None:
    reply = {**V2_ANSWER, "outputs": [{**V2_ANSWER["outputs"][0], "name": 5}]}  # type: ignore[dict-item]
    answer = _infer(torchserve, reply, outputs=[{"name": "x"}])
    assert (answer.status, '"name" of an output is a number' in error_of(answer)) == (502, True)


@speaks_v2
def test_half_a_surrogate_pair_is_answered(torchserve: AnsweringTorchServe) -> None:
    output = {"name": "y", "shape": [1], "datatype": "BYTES", "data": ["\ud83d"]}
    reply = {"model_name": "digits", "outputs": [output]}
    assert body_of(_infer(torchserve, reply, outputs=[{"name": "y"}]))["outputs"] == [output]


@speaks_v2
def test_the_outputs_that_are_asked_for_are_given_in_their_order(
    torchserve: AnsweringTorchServe,
) -> None:
    answer = _infer(torchserve, V2_ANSWER, outputs=[{"name": "y"}])
    assert [output["name"] for output in body_of(answer)["outputs"]] == ["y"]
    refused = _infer(torchserve, V2_ANSWER, outputs=[{"name": "z"}])
    assert (refused.status, error_of(refused)) == (
        400,
        "The model has no output z: it answered x, y",
    )


@speaks_v2
@pytest.mark.parametrize(
    "reply", [[1], {"predictions": []}, {"model_name": "m", "outputs": [{"name": "x"}]}]
)
def test_an_answer_that_is_no_v2_answer_is_502(
    torchserve: AnsweringTorchServe, reply: object
) -> None:
    assert _infer(torchserve, reply, outputs=[{"name": "x"}]).status == 502


@speaks_v2
def test_nan_in_a_v2_answer_is_refused_in_json_and_given_in_binary(
    torchserve: AnsweringTorchServe,
) -> None:
    reply = {
        "model_name": "digits",
        "outputs": [{"name": "x", "shape": [1], "datatype": "FP32", "data": [float("nan")]}],
    }
    refused = _infer(torchserve, reply)
    assert (refused.status, "output x" in error_of(refused)) == (500, True)
    given = _infer(torchserve, reply, parameters={"binary_data_output": True})
    assert given.status == 200


@pytest.mark.parametrize(
    ("torchserve", "path", "body", "advice"),
    [
        ("kserve", "/v2/models/digits/infer", V2, "Post to /v1/models/digits:predict"),
        ("kservev2", "/v1/models/digits:predict", V1, "Post to /v2/models/digits/infer"),
    ],
    indirect=["torchserve"],
)
def test_the_other_protocol_is_400_and_says_where_to_post(
    torchserve: TorchServe, path: str, body: bytes, advice: str
) -> None:
    answer = answer_to(torchserve, path, body)
    assert answer.status == 400
    assert advice in error_of(answer)
