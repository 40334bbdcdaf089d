"""V2 messages between JSON and gRPC."""

from __future__ import annotations

import struct
from typing import Any

import pytest
from kserve_conformance import tensors
from tritonclient.grpc import service_pb2

TENSORS: list[dict[str, Any]] = [
    {"name": "i", "datatype": "INT64", "shape": [2], "data": [-1, 9007199254740993]},
    {"name": "f", "datatype": "FP32", "shape": [2], "data": [0.5, -1.25]},
    {"name": "b", "datatype": "BYTES", "shape": [2], "data": ["é", ""]},
    {"name": "t", "datatype": "BOOL", "shape": [1], "data": [True]},
    {"name": "u", "datatype": "UINT8", "shape": [1], "data": [255]},
]
RAW = {
    "i": struct.pack("<2q", -1, 9007199254740993),
    "f": struct.pack("<2f", 0.5, -1.25),
    "b": struct.pack("<I", 2) + "é".encode() + struct.pack("<I", 0),
    "t": b"\x01",
    "u": b"\xff",
}


def test_a_request_holds_what_the_body_holds() -> None:
    nested = {"name": "n", "datatype": "INT32", "shape": [2, 2], "data": [[1, 2], [3, 4]]}
    request = tensors.request("m", {"id": "7", "inputs": [*TENSORS, nested]})
    assert (request.model_name, request.id) == ("m", "7")
    assert [each.name for each in request.inputs] == ["i", "f", "b", "t", "u", "n"]
    assert list(request.inputs[0].contents.int64_contents) == [-1, 9007199254740993]
    assert list(request.inputs[2].contents.bytes_contents) == ["é".encode(), b""]
    assert list(request.inputs[5].contents.int_contents) == [1, 2, 3, 4]
    assert list(request.inputs[5].shape) == [2, 2]


@pytest.mark.parametrize("raw", [False, True])
def test_outputs_are_read_from_either_encoding(raw: bool) -> None:
    response = service_pb2.ModelInferResponse()
    request = tensors.request("m", {"inputs": TENSORS})
    for tensor in request.inputs:
        output = response.outputs.add(
            name=tensor.name, datatype=tensor.datatype, shape=tensor.shape
        )
        if raw:
            response.raw_output_contents.append(RAW[tensor.name])
        else:
            output.contents.CopyFrom(tensor.contents)
    assert tensors.outputs(response) == TENSORS


def test_raw_contents_that_dont_fit_the_outputs_are_told() -> None:
    response = service_pb2.ModelInferResponse(raw_output_contents=[b""])
    with pytest.raises(AssertionError, match="1 raw contents for 0 outputs"):
        tensors.outputs(response)


def test_nested_and_flat_data_are_the_same() -> None:
    answer = {"outputs": [{**TENSORS[0], "data": [[-1], [9007199254740993]], "more": 1}]}
    assert tensors.essential(answer) == [TENSORS[0]]


def test_raw_bytes_need_be_no_text_and_end_with_an_element() -> None:
    raw = struct.pack("<I", 2) + b"\xff\x00" + struct.pack("<I", 0)
    assert tensors.split(raw) == [b"\xff\x00", b""]
    for cut in (raw[:-1], raw[:5]):
        with pytest.raises(AssertionError, match="end within element"):
            tensors.split(cut)
