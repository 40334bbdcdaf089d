"""The SDK's InferRequest and InferResponse (0.10 and later) to and from V2 JSON."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

import numpy
from kserve.protocol.infer_type import InferOutput, InferRequest, InferResponse

from wrapper.errors import ServingError

# Little-endian, row-major (Open Inference Protocol, gRPC, "Tensor Data").
_RAW_TYPES = {
    "BOOL": "?",
    "UINT8": "u1",
    "UINT16": "<u2",
    "UINT32": "<u4",
    "UINT64": "<u8",
    "INT8": "i1",
    "INT16": "<i2",
    "INT32": "<i4",
    "INT64": "<i8",
    "FP16": "<f2",
    "FP32": "<f4",
    "FP64": "<f8",
}


def to_json(payload: Any) -> dict[str, Any] | None:
    """Give the V2 request that an InferRequest holds, None for any other payload.

    Raises:
        ServingError: 400 when JSON can't hold one of its tensors.
    """
    if not isinstance(payload, InferRequest):
        return None
    request: dict[str, Any] = {"inputs": [_tensor(tensor) for tensor in payload.inputs]}
    if payload.id:
        request["id"] = payload.id
    return request


def from_json(answer: dict[str, Any], payload: Any) -> InferResponse:
    """Give the InferResponse that TorchServe's V2 answer to this payload stands for."""
    grpc = bool(getattr(payload, "from_grpc", False))
    outputs = [
        InferOutput(
            name=output["name"],
            shape=output["shape"],
            datatype=output["datatype"],
            data=_encoded(output, grpc),
        )
        for output in answer["outputs"]
    ]
    # The SDK requires an id in its response, though the specification doesn't
    # (kserve#3094); TorchServe's envelope always gives one.
    response = InferResponse(answer.get("id") or "", answer["model_name"], outputs)
    response.model_version = answer.get("model_version")
    return response


def _tensor(tensor: Any) -> dict[str, Any]:
    raw = getattr(tensor, "_raw_data", None)
    data = tensor.data if raw is None else list(_from_raw(tensor.name, tensor.datatype, raw))
    if tensor.datatype == "BYTES":
        data = [_text(tensor.name, element) for element in data]
    return {
        "name": tensor.name,
        "shape": [int(dimension) for dimension in tensor.shape],
        "datatype": tensor.datatype,
        "data": data,
    }


def _from_raw(name: str, datatype: str, raw: bytes) -> Iterator[Any]:
    if datatype == "BYTES":
        return _byte_elements(name, raw)
    if datatype not in _RAW_TYPES:
        raise ServingError(400, f"Input {name} has the unknown datatype {datatype!r}")
    dtype = numpy.dtype(_RAW_TYPES[datatype])
    if len(raw) % dtype.itemsize:
        raise ServingError(400, f"Input {name}: {len(raw)} bytes are no whole {datatype} elements")
    return iter(numpy.frombuffer(raw, dtype=dtype).tolist())


def _byte_elements(name: str, raw: bytes) -> Iterator[bytes]:
    position = 0
    while position < len(raw):
        start = position + 4
        if start > len(raw):
            raise ServingError(400, f"Input {name}: a BYTES element's length is cut short")
        position = start + struct.unpack_from("<I", raw, position)[0]
        if position > len(raw):
            raise ServingError(400, f"Input {name}: a BYTES element is cut short")
        yield raw[start:position]


def _text(name: str, element: Any) -> Any:
    if not isinstance(element, bytes):
        return element
    try:
        return element.decode("utf-8")
    except UnicodeDecodeError:
        raise ServingError(
            400,
            f"Input {name}: TorchServe takes BYTES as JSON, which can't hold bytes beyond UTF-8",
        ) from None


def _encoded(output: dict[str, Any], grpc: bool) -> list[Any]:
    data: list[Any] = output["data"]
    if grpc and output["datatype"] == "BYTES":
        return [element.encode() if isinstance(element, str) else element for element in data]
    return data
