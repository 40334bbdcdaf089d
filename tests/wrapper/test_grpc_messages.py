"""ModelInfer messages become the JSON that TorchServe reads, losing nothing, or are refused."""

from typing import Any

import pytest
from tritonclient.grpc import service_pb2

from wrapper import grpc_messages, tensors
from wrapper.errors import ServingError


def _request(
    datatype: str, shape: list[int], contents: dict[str, list[Any]], *raw: bytes
) -> service_pb2.ModelInferRequest:
    request = service_pb2.ModelInferRequest(model_name="m", raw_input_contents=raw)
    tensor = request.inputs.add(name="x", datatype=datatype, shape=shape)
    for member, values in contents.items():
        getattr(tensor.contents, member).extend(values)
    return request


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
    raw = _request(datatype, [2], {}, tensors.to_raw(datatype, values))
    expected = [each.decode() if isinstance(each, bytes) else each for each in values]
    for request in (typed, raw):
        tensor = grpc_messages.request_to_json(request)["inputs"][0]
        assert tensor == {"name": "x", "shape": [2], "datatype": datatype, "data": expected}


def test_fp16_goes_raw() -> None:
    request = _request("FP16", [2], {}, tensors.to_raw("FP16", [0.5, -2]))
    assert grpc_messages.request_to_json(request)["inputs"][0]["data"] == [0.5, -2.0]


def test_the_id_is_kept_and_an_absent_one_stays_absent() -> None:
    request = _request("INT64", [1], {"int64_contents": [1]})
    assert "id" not in grpc_messages.request_to_json(request)
    request.id = "é"
    assert grpc_messages.request_to_json(request)["id"] == "é"


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        (_request("INT64", [1], {"int_contents": [1]}), "goes into int64_contents, not into int_"),
        (_request("INT64", [2], {"int64_contents": [1]}), "has 1 elements, but its shape [2]"),
        (_request("INT64", [-1], {"int64_contents": [1]}), "negative dimension"),
        (_request("INT64", [1], {"int64_contents": [1]}, b"\0" * 8), "has contents, although raw"),
        (_request("INT64", [1], {}, b"\0" * 8, b"\0"), "has 1 inputs but 2 raw_input_contents"),
        (_request("INT64", [1], {}, b"\0" * 7), "7 bytes are no whole INT64 elements"),
        (_request("INT64", [1], {}, b"\0" * 16), "has 2 elements, but its shape [1]"),
        (_request("BYTES", [1], {}, b"\5\0\0\0ab"), "a BYTES element is cut short"),
        (_request("BYTES", [1], {}, b"\5\0"), "the length of a BYTES element is cut short"),
        (_request("BYTES", [1], {"bytes_contents": [b"\xff"]}), "bytes beyond UTF-8"),
        (_request("FP16", [1], {"fp32_contents": [1]}), "goes as raw_input_contents only"),
        (_request("fp32", [1], {"fp32_contents": [1]}), "unknown datatype 'fp32'"),
        (_request("FP32", [1], {"fp32_contents": [float("nan")]}), "has no NaN"),
    ],
)
def test_what_breaks_the_specification_is_refused_with_a_sentence(
    request_: service_pb2.ModelInferRequest, said: str
) -> None:
    with pytest.raises(ServingError) as refused:
        grpc_messages.request_to_json(request_)
    assert refused.value.status == 400
    assert said in refused.value.message


ANSWER = {
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
    grpc_messages.fill_response(response, ANSWER, raw=False)
    assert (response.id, response.model_name, response.model_version) == ("a", "m", "1.0")
    assert list(response.outputs[0].contents.int64_contents) == [1, 2]
    assert list(response.outputs[1].contents.bytes_contents) == ["é".encode()]
    assert not response.raw_output_contents


def test_an_answer_is_raw_for_a_raw_request_and_for_fp16() -> None:
    response = service_pb2.ModelInferResponse()
    grpc_messages.fill_response(response, ANSWER, raw=True)
    assert tensors.from_raw("x", "INT64", response.raw_output_contents[0]) == [1, 2]
    assert tensors.from_raw("y", "BYTES", response.raw_output_contents[1]) == ["é".encode()]
    half = {**ANSWER, "outputs": [{"name": "x", "datatype": "FP16", "shape": [1], "data": [0.5]}]}
    response = service_pb2.ModelInferResponse()
    grpc_messages.fill_response(response, half, raw=False)
    assert tensors.from_raw("x", "FP16", response.raw_output_contents[0]) == [0.5]
