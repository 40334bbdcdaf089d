"""The Open Inference Protocol's messages, between their JSON and their gRPC form."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Any

from tritonclient.grpc import service_pb2

# InferTensorContents' member, and the little-endian form of one element in raw contents.
_DATATYPES: Mapping[str, tuple[str, str]] = {
    "BOOL": ("bool_contents", "?"),
    "INT8": ("int_contents", "b"),
    "INT16": ("int_contents", "h"),
    "INT32": ("int_contents", "i"),
    "INT64": ("int64_contents", "q"),
    "UINT8": ("uint_contents", "B"),
    "UINT16": ("uint_contents", "H"),
    "UINT32": ("uint_contents", "I"),
    "UINT64": ("uint64_contents", "Q"),
    "FP32": ("fp32_contents", "f"),
    "FP64": ("fp64_contents", "d"),
    "BYTES": ("bytes_contents", ""),
}


def request(model: str, body: Mapping[str, Any]) -> service_pb2.ModelInferRequest:
    """Write a V2 REST body as the gRPC request that means the same."""
    message = service_pb2.ModelInferRequest(model_name=model, id=body.get("id", ""))
    for tensor in body["inputs"]:
        added = message.inputs.add(name=tensor["name"], datatype=tensor["datatype"])
        added.shape.extend(tensor["shape"])
        member, _ = _DATATYPES[tensor["datatype"]]
        data = flat(tensor["data"])
        if tensor["datatype"] == "BYTES":
            data = [element.encode() for element in data]
        getattr(added.contents, member).extend(data)
    return message


def outputs(response: service_pb2.ModelInferResponse) -> list[dict[str, Any]]:
    """Write the outputs of a gRPC response as a V2 REST answer holds them.

    Raises:
        AssertionError: when the response's raw contents don't fit its outputs.
    """
    raw = list(response.raw_output_contents)
    assert not raw or len(raw) == len(response.outputs), (
        f"{len(raw)} raw contents for {len(response.outputs)} outputs"
    )
    return [
        {
            "name": output.name,
            "datatype": output.datatype,
            "shape": list(output.shape),
            "data": _unpacked(output.datatype, raw[index]) if raw else _contents(output),
        }
        for index, output in enumerate(response.outputs)
    ]


def essential(answer: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Give the outputs of a V2 REST answer with the members that gRPC has too, data flat."""
    return [
        {
            "name": output["name"],
            "datatype": output["datatype"],
            "shape": list(output["shape"]),
            "data": flat(output["data"]),
        }
        for output in answer["outputs"]
    ]


def flat(data: Any) -> list[Any]:
    """Give the elements of nested data in row-major order."""
    if not isinstance(data, list):
        return [data]
    return [element for each in data for element in flat(each)]


def _contents(output: Any) -> list[Any]:
    member, _ = _DATATYPES[output.datatype]
    data = list(getattr(output.contents, member))
    return [element.decode() for element in data] if output.datatype == "BYTES" else data


def _unpacked(datatype: str, raw: bytes) -> list[Any]:
    if datatype != "BYTES":
        return [each[0] for each in struct.iter_unpack(f"<{_DATATYPES[datatype][1]}", raw)]
    # Each element after its length, four bytes little-endian.
    elements, at = [], 0
    while at < len(raw):
        (length,) = struct.unpack_from("<I", raw, at)
        elements.append(raw[at + 4 : at + 4 + length].decode())
        at += 4 + length
    return elements
