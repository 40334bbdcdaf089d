"""Parameters mean the same in JSON and in messages, in requests and in answers."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from hypothesis import given
from hypothesis import strategies as st
from tritonclient.grpc import service_pb2

from tests.wrapper.openinference.ways import Ways, tensor, thoroughly
from wrapper import message_classes, steps
from wrapper.errors import ServingError
from wrapper.openinference import answer as answers
from wrapper.openinference import infer_messages, messages, parameters
from wrapper.openinference.request import Wanted

VALUES: st.SearchStrategy[Any] = (
    st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=6)
)
# content_type is a client's and a model's own, whatever it says.
NAMES = st.text(max_size=4).map(lambda end: f"x-{end}") | st.just("content_type")
PARAMETERS = st.dictionaries(NAMES, VALUES, max_size=3)


def _member(value: Any) -> str:
    """Give the member of InferParameter that clients put a value into."""
    if isinstance(value, int) and not isinstance(value, bool):
        return "int64_param" if value < 2**63 else "uint64_param"
    return {bool: "bool_param", float: "double_param", str: "string_param"}[type(value)]


def _request(own: dict[str, Any], of_tensor: dict[str, Any]) -> service_pb2.ModelInferRequest:
    message = service_pb2.ModelInferRequest(model_name="digits")
    added = message.inputs.add(name="x", datatype="INT64", shape=[1])
    added.contents.int64_contents.append(1)
    for holder, told in ((message, own), (added, of_tensor)):
        for name, value in told.items():
            setattr(holder.parameters[name], _member(value), value)
    return message


def _told(held: Any) -> dict[str, Any]:
    return {
        name: getattr(parameter, parameter.WhichOneof("parameter_choice"))
        for name, parameter in held.items()
    }


def _alike(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Tell whether values are the same and of the same kind: 1 is neither 1.0 nor true."""
    kinds = [{name: type(value) for name, value in each.items()} for each in (one, other)]
    return one == other and kinds[0] == kinds[1]


_NAMES = ("InferParameter", "InferTensorContents", "ModelInferRequest", "ModelInferResponse")


def _described_as_by_the_sdk() -> Any:
    """Give what KServe's SDK has of these messages, up to 0.21: InferParameter has no numbers
    but int64."""
    whole, file = FileDescriptorProto(), FileDescriptorProto()
    service_pb2.DESCRIPTOR.CopyToProto(whole)
    file.name, file.package, file.syntax = whole.name, whole.package, whole.syntax
    file.message_type.extend(each for each in whole.message_type if each.name in _NAMES)
    parameter = next(each for each in file.message_type if each.name == "InferParameter")
    kept = [each for each in parameter.field if each.number <= 3]
    del parameter.field[:]
    parameter.field.extend(kept)
    return message_classes.pool_of(file).FindFileByName(whole.name)


REQUEST, RESPONSE = infer_messages.complete(_described_as_by_the_sdk())


@thoroughly
@given(own=PARAMETERS, of_tensor=PARAMETERS)
def test_what_the_sdks_own_messages_lack_is_read_and_written(
    ways: Ways, own: dict[str, Any], of_tensor: dict[str, Any]
) -> None:
    """A client's message, as KServe's SDK up to 0.21 would not read it."""
    sent = _request(own, of_tensor).SerializeToString()
    ways.reply({"model_name": "m", "parameters": own, "outputs": []})
    answered = ways.infer(REQUEST.FromString(sent), RESPONSE())
    received = ways.received()
    assert _alike(received.get("parameters", {}), own)
    assert _alike(received["inputs"][0].get("parameters", {}), of_tensor)
    read = service_pb2.ModelInferResponse.FromString(answered.SerializeToString())
    assert _alike(_told(read.parameters), own)


@thoroughly
@given(own=PARAMETERS, of_tensor=PARAMETERS)
def test_a_request_has_the_same_by_grpc_as_by_rest(
    ways: Ways, own: dict[str, Any], of_tensor: dict[str, Any]
) -> None:
    ways.torchserve.calls.clear()
    ways.infer(_request(own, of_tensor))
    by_grpc = ways.received()
    body = {"inputs": [tensor("INT64", [1], [1], parameters=of_tensor)], "parameters": own}
    assert ways.ask("json", body).status == 200
    by_rest = ways.received()
    for one, other in ((by_grpc, by_rest), (by_grpc["inputs"][0], by_rest["inputs"][0])):
        assert _alike(one.get("parameters", {}), other["parameters"])


@thoroughly
@given(own=PARAMETERS, of_output=PARAMETERS, datatype=st.sampled_from(["FP32", "BYTES"]))
def test_an_answer_has_the_same_on_every_way(
    own: dict[str, Any], of_output: dict[str, Any], datatype: str
) -> None:
    data = ["é"] if datatype == "BYTES" else [0.5]
    told = {
        "model_name": "m",
        "parameters": own,
        "outputs": [tensor(datatype, [1], data, parameters=of_output)],
    }
    answer = answers.read(json.dumps(told).encode(), Wanted())
    by_json = json.loads(bytes(answers.to_json(answer)))
    body, length = _to_binary(answer)
    by_binary = json.loads(body[:length])
    del by_binary["outputs"][0]["parameters"]["binary_data_size"]
    for document in (by_json, by_binary):
        assert _alike(document["parameters"], own)
        assert _alike(document["outputs"][0]["parameters"], of_output)
    for raw in (False, True):
        response = service_pb2.ModelInferResponse()
        steps.at_once(messages.fill_response(response, answer, raw))
        assert _alike(_told(response.parameters), own)
        assert _alike(_told(response.outputs[0].parameters), of_output)


@pytest.mark.parametrize(
    ("value", "member", "told"),
    [
        (0.7, "double_param", 0.7),
        (2**63, "uint64_param", 2**63),
        (2**64, "double_param", float(2**64)),
        (-(2**64), "double_param", -float(2**64)),
        (10**400, "double_param", math.inf),
        ([1, None], "string_param", "[1, null]"),
        ({"a": True}, "string_param", '{"a": true}'),
    ],
)
def test_every_number_has_a_member_of_its_own(value: Any, member: str, told: Any) -> None:
    response = service_pb2.ModelInferResponse()
    parameters.fill_message(response.parameters, {"a": value, "b": None})
    assert response.parameters["a"].WhichOneof("parameter_choice") == member
    assert getattr(response.parameters["a"], member) == told
    assert list(response.parameters) == ["a"]


@pytest.mark.parametrize("place", ["answer", "output"])
def test_parameters_of_an_answer_that_are_none_are_told(place: str) -> None:
    output = tensor("INT64", [1], [1])
    told: dict[str, Any] = {"model_name": "m", "outputs": [output]}
    (told if place == "answer" else output)["parameters"] = ["a"]
    with pytest.raises(ServingError, match="are a list") as refused:
        answers.read(json.dumps(told).encode(), Wanted())
    assert refused.value.status == 502


def test_null_in_the_parameters_of_an_answer_is_absent_on_every_way() -> None:
    told = {
        "model_name": "m",
        "parameters": {"a": None},
        "outputs": [tensor("INT64", [1], [1], parameters={"b": None, "c": 1})],
    }
    answer = answers.read(json.dumps(told).encode(), Wanted())
    assert json.loads(bytes(answers.to_json(answer)))["parameters"] == {}
    assert answer["outputs"][0]["parameters"] == {"c": 1}


def _to_binary(answer: dict[str, Any]) -> tuple[bytes, int]:
    return steps.at_once(answers.to_binary(answer, Wanted(None, True)))


def test_nan_in_a_parameter_of_an_answer_goes_by_grpc_only() -> None:
    output = tensor("INT64", [1], [1], parameters={"a": math.nan})
    body = json.dumps({"model_name": "m", "outputs": [output]}).encode()
    answer = answers.read(body, Wanted())
    for write in (answers.to_json, _to_binary):
        with pytest.raises(ServingError, match="in a parameter") as refused:
            write(answer)
        assert refused.value.status == 500
    response = service_pb2.ModelInferResponse()
    steps.at_once(messages.fill_response(response, answer, raw=False))
    assert math.isnan(response.outputs[0].parameters["a"].double_param)
