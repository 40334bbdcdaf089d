"""ModelInfer messages become the JSON that TorchServe reads, losing nothing, or are refused."""

from typing import Any

import pytest
from google.protobuf.message import DecodeError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from kserve_conformance.strategies import valid
from tritonclient.grpc import service_pb2

from wrapper import steps
from wrapper.envelope import Envelope
from wrapper.errors import ServingError
from wrapper.openinference import datatypes, infer_messages, messages, request, tensors
from wrapper.openinference.to_json import Writer

UPSTREAM = Envelope.named("kservev2")
FAITHFUL = Envelope.named("kservev2_faithful")


def _request(
    datatype: str, shape: list[int], contents: dict[str, list[Any]], *raw: bytes
) -> service_pb2.ModelInferRequest:
    request = service_pb2.ModelInferRequest(model_name="m", raw_input_contents=raw)
    tensor = request.inputs.add(name="x", datatype=datatype, shape=shape)
    for member, values in contents.items():
        getattr(tensor.contents, member).extend(values)
    return request


def _raw(datatype: str, elements: list[Any]) -> bytes:
    return tensors.to_raw(datatypes.find("x", datatype), elements)


def _elements(datatype: str, raw: bytes) -> list[Any]:
    return tensors.from_raw("x", datatypes.find("x", datatype), raw)


def _json(message: service_pb2.ModelInferRequest, envelope: Envelope = FAITHFUL) -> dict[str, Any]:
    def writing(size: int) -> Writer:
        return Writer(envelope, size, lambda _: None)

    document = steps.at_once(messages.request_to_json(message, writing))
    request.check(document, envelope)
    return document


EXTREMES = [
    ("BOOL", "bool_contents", [True, False]),
    ("INT8", "int_contents", [-128, 127]),
    ("INT32", "int_contents", [-(2**31), 2**31 - 1]),
    ("INT64", "int64_contents", [-(2**63), 2**63 - 1]),
    ("UINT8", "uint_contents", [0, 255]),
    ("UINT64", "uint64_contents", [0, 2**64 - 1]),
    ("FP32", "fp32_contents", [0.5, -2.0]),
    ("FP64", "fp64_contents", [1e300, -0.1]),
    ("BYTES", "bytes_contents", ["é".encode(), b"b"]),
]


@pytest.mark.parametrize(("datatype", "member", "values"), EXTREMES)
def test_typed_and_raw_contents_mean_the_same_json(
    datatype: str, member: str, values: list[Any]
) -> None:
    typed = _request(datatype, [2], {member: values})
    raw = _request(datatype, [2], {}, _raw(datatype, values))
    expected = [each.decode() if isinstance(each, bytes) else each for each in values]
    for message in (typed, raw):
        tensor = _json(message)["inputs"][0]
        assert tensor == {"name": "x", "shape": [2], "datatype": datatype, "data": expected}


def test_fp16_goes_raw() -> None:
    request = _request("FP16", [2], {}, _raw("FP16", [0.5, -2]))
    assert _json(request)["inputs"][0]["data"] == [0.5, -2.0]


def test_the_id_is_kept_and_an_absent_one_stays_absent() -> None:
    request = _request("INT64", [1], {"int64_contents": [1]})
    assert "id" not in _json(request)
    request.id = "é"
    assert _json(request)["id"] == "é"


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        (_request("INT64", [1], {"int_contents": [1]}), "goes into int64_contents, not into int_"),
        (_request("INT64", [2], {"int64_contents": [1]}), "has 1 elements, but its shape [2]"),
        (_request("INT64", [-1], {"int64_contents": [1]}), "a dimension -1"),
        (_request("INT64", [1], {"int64_contents": [1]}, b"\0" * 8), "has contents, although raw"),
        (_request("INT64", [1], {}, b"\0" * 8, b"\0"), "has 1 inputs but 2 raw_input_contents"),
        (_request("INT64", [1], {}, b"\0" * 7), "7 bytes are no whole number of INT64"),
        (_request("INT64", [1], {}, b"\0" * 16), "has 2 elements, but its shape [1]"),
        (_request("BYTES", [1], {}, b"\5\0\0\0ab"), "a BYTES element is cut short"),
        (_request("BYTES", [1], {}, b"\5\0"), "the length of a BYTES element is cut short"),
        (_request("BYTES", [1], {"bytes_contents": [b"\xff"]}), "that are no UTF-8"),
        (_request("FP16", [1], {"fp32_contents": [1]}), "goes as raw_input_contents only"),
        (_request("fp32", [1], {"fp32_contents": [1]}), 'unknown datatype "fp32"'),
        (_request("BYTES", [2], {"bytes_contents": [b"a", b"b"]}), "hands on the first only"),
        (_request("INT8", [1], {"int_contents": [300]}), "range 300 is beyond"),
    ],
)
def test_what_breaks_the_specification_is_refused_with_a_sentence(
    request_: service_pb2.ModelInferRequest, said: str
) -> None:
    with pytest.raises(ServingError) as refused:
        _json(request_, UPSTREAM)
    assert refused.value.status == 400
    assert said in refused.value.message


ANSWER: dict[str, Any] = {
    "id": "a",
    "model_name": "m",
    "model_version": "1.0",
    "outputs": [
        {"name": "x", "datatype": "INT64", "shape": [2], "data": [1, 2]},
        {"name": "y", "datatype": "BYTES", "shape": [1], "data": ["é"]},
    ],
}


def test_an_answer_is_typed_for_a_typed_request() -> None:
    response = service_pb2.ModelInferResponse()
    steps.at_once(messages.fill_response(response, ANSWER, raw=False))
    assert (response.id, response.model_name, response.model_version) == ("a", "m", "1.0")
    assert list(response.outputs[0].contents.int64_contents) == [1, 2]
    assert list(response.outputs[1].contents.bytes_contents) == ["é".encode()]
    assert not response.raw_output_contents


def test_an_answer_is_raw_for_a_raw_request_and_for_fp16() -> None:
    response = service_pb2.ModelInferResponse()
    steps.at_once(messages.fill_response(response, ANSWER, raw=True))
    assert _elements("INT64", response.raw_output_contents[0]) == [1, 2]
    assert _elements("BYTES", response.raw_output_contents[1]) == ["é".encode()]
    half = {**ANSWER, "outputs": [{"name": "x", "datatype": "FP16", "shape": [1], "data": [0.5]}]}
    response = service_pb2.ModelInferResponse()
    steps.at_once(messages.fill_response(response, half, raw=False))
    assert _elements("FP16", response.raw_output_contents[0]) == [0.5]


def test_nan_and_infinities_are_kept() -> None:
    values = [float("inf"), float("-inf")]
    assert _json(_request("FP32", [2], {"fp32_contents": values}))["inputs"][0]["data"] == values
    nan = _json(_request("FP16", [1], {}, _raw("FP16", [float("nan")])))["inputs"][0]["data"]
    assert str(nan) == "[nan]"


def test_bytes_beyond_utf8_go_and_come_as_base64() -> None:
    tensor = _json(_request("BYTES", [2], {"bytes_contents": [b"\xff", b"a"]}))["inputs"][0]
    assert tensor["data"] == ["/w==", "YQ=="]
    assert tensor["parameters"] == {"torchserve_wrapper_encoding": "base64"}
    response = service_pb2.ModelInferResponse()
    steps.at_once(
        messages.fill_response(response, {"model_name": "m", "outputs": [tensor]}, raw=False)
    )
    assert list(response.outputs[0].contents.bytes_contents) == [b"\xff", b"a"]
    assert not response.outputs[0].parameters


def test_parameters_and_requested_outputs_are_kept() -> None:
    message = _request("INT64", [1], {"int64_contents": [1]})
    message.parameters["a"].string_param = "b"
    message.inputs[0].parameters["c"].int64_param = 2**40
    message.outputs.add(name="y").parameters["d"].bool_param = True
    document = _json(message)
    assert document["parameters"] == {"a": "b"}
    assert document["inputs"][0]["parameters"] == {"c": 2**40}
    assert document["outputs"] == [{"name": "y", "parameters": {"d": True}}]


def test_the_size_that_kserves_clients_tell_beside_raw_contents_says_nothing() -> None:
    """KServe's InferRequest.to_grpc() leaves the REST extension's parameter where it was."""
    message = _request("INT64", [1], {}, _raw("INT64", [7]))
    message.inputs[0].parameters["binary_data_size"].int64_param = 8
    message.inputs[0].parameters["c"].int64_param = 2
    assert _json(message)["inputs"][0]["parameters"] == {"c": 2}
    del message.inputs[0].parameters["c"]
    assert "parameters" not in _json(message)["inputs"][0]


def test_parameters_of_an_answer_are_kept() -> None:
    response = service_pb2.ModelInferResponse()
    answer = {**ANSWER, "parameters": {"a": True, "b": 7, "c": "text"}}
    steps.at_once(messages.fill_response(response, answer, raw=False))
    assert response.parameters["a"].bool_param is True
    assert response.parameters["b"].int64_param == 7
    assert response.parameters["c"].string_param == "text"


@pytest.mark.parametrize(
    "more",
    [
        {"id": "\ud800"},
        {"model_version": "a\udfff"},
        {"parameters": {"\ud800": True}},
        {"parameters": {"a": ["\ud800"]}},
        {"outputs": [{**ANSWER["outputs"][0], "name": "\ud800"}]},
    ],
)
@pytest.mark.parametrize("raw", [False, True])
def test_an_answer_with_half_a_surrogate_pair_is_the_models_fault(
    more: dict[str, Any], raw: bool
) -> None:
    response = service_pb2.ModelInferResponse()
    with pytest.raises(ServingError, match="half a surrogate pair") as refused:
        steps.at_once(messages.fill_response(response, {**ANSWER, **more}, raw))
    assert refused.value.status == 502


def _long(message: bytes) -> infer_messages.LongRequest:
    return steps.at_once(infer_messages.long_request(service_pb2.ModelInferRequest, message))


@given(message=valid.typed_requests(), more=st.lists(st.integers(-(2**63), 2**63 - 1), max_size=99))
@settings(database=None, suppress_health_check=list(HealthCheck))
def test_a_long_message_is_read_in_parts_as_the_whole(message: Any, more: list[int]) -> None:
    for member in ("int64_contents", "fp64_contents", "fp32_contents", "bool_contents"):
        kind = {"f": float, "b": bool}.get(member[0], int)
        getattr(message.inputs.add(name=member).contents, member).extend(map(kind, more))
    message.inputs.add(name="empty").contents.SetInParent()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(infer_messages, "_AT_ONCE", 16)
        read = _long(message.SerializeToString())
    assert read._message == message


@pytest.mark.parametrize("packed", [b"\xff" * 40, b"\x01" * 20 + b"\x80"])
def test_a_part_that_has_no_end_is_seen(packed: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(infer_messages, "_AT_ONCE", 16)
    contents = b"\x1a" + bytes([len(packed)]) + packed
    tensor = b"\x2a" + bytes([len(contents)]) + contents
    with pytest.raises(DecodeError):
        _long(b"\x2a" + bytes([len(tensor)]) + tensor)


@pytest.mark.parametrize(
    "message",
    [b"\x3a\x05ab", b"\x3a", b"\xff" * 11, b"\x03", b"\x00\x01", b"\x39ab", b"\x0a\x02\xff\xff"],
)
def test_a_long_message_that_is_none_is_seen(message: bytes) -> None:
    with pytest.raises(DecodeError):
        _long(message)


def test_raw_contents_of_a_long_message_stay_where_they_are() -> None:
    message = _request("FP32", [2], {}, b"abcdefgh", b"")
    message.id = "x"
    read = _long(message.SerializeToString())
    assert [bytes(each) for each in read.raw_input_contents] == [b"abcdefgh", b""]
    assert (read.id, len(read.inputs)) == ("x", 1)
