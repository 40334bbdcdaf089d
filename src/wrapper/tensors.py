"""Tensor data of the Open Inference Protocol between its encodings: JSON, typed, raw bytes."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator, Sequence
from typing import Any

import numpy

from wrapper.errors import ServingError

# Little-endian, row-major ("Tensor Data" of the gRPC specification). BYTES elements are
# each preceded by their length in 4 bytes.
_NUMPY_TYPES = {
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

# The member of InferTensorContents for each datatype; FP16 has none and goes raw.
CONTENTS = {
    "BOOL": "bool_contents",
    "INT8": "int_contents",
    "INT16": "int_contents",
    "INT32": "int_contents",
    "INT64": "int64_contents",
    "UINT8": "uint_contents",
    "UINT16": "uint_contents",
    "UINT32": "uint_contents",
    "UINT64": "uint64_contents",
    "FP32": "fp32_contents",
    "FP64": "fp64_contents",
    "BYTES": "bytes_contents",
}


def check_datatype(name: str, datatype: str) -> None:
    """Refuse a datatype that the specification doesn't list. Names are case-sensitive.

    Raises:
        ServingError: 400.
    """
    if datatype != "BYTES" and datatype not in _NUMPY_TYPES:
        raise ServingError(400, f"Tensor {name} has the unknown datatype {datatype!r}")


def check_count(name: str, shape: Sequence[int], count: int) -> None:
    """Refuse data whose number of elements isn't the product of its shape.

    Raises:
        ServingError: 400.
    """
    if any(dimension < 0 for dimension in shape):
        raise ServingError(400, f"Tensor {name} has a negative dimension in its shape {shape}")
    if math.prod(shape) != count:
        raise ServingError(
            400,
            f"Tensor {name} has {count} elements, but its shape {list(shape)} means another number",
        )


def from_raw(name: str, datatype: str, raw: bytes) -> list[Any]:
    """Give the elements that raw bytes hold; BYTES elements as bytes.

    Raises:
        ServingError: 400 when the bytes are no whole number of elements.
    """
    if datatype == "BYTES":
        return list(_bytes_elements(name, raw))
    dtype = numpy.dtype(_NUMPY_TYPES[datatype])
    if len(raw) % dtype.itemsize:
        raise ServingError(400, f"Tensor {name}: {len(raw)} bytes are no whole {datatype} elements")
    elements: list[Any] = numpy.frombuffer(raw, dtype=dtype).tolist()
    return elements


def to_raw(datatype: str, elements: Sequence[Any]) -> bytes:
    """Give the raw bytes of elements; the inverse of `from_raw`."""
    if datatype == "BYTES":
        encoded = [_bytes(element) for element in elements]
        return b"".join(struct.pack("<I", len(each)) + each for each in encoded)
    return numpy.array(elements, dtype=_NUMPY_TYPES[datatype]).tobytes()


def to_typed(datatype: str, elements: Sequence[Any]) -> Sequence[Any]:
    """Give elements as InferTensorContents takes them."""
    return [_bytes(element) for element in elements] if datatype == "BYTES" else elements


def to_json(name: str, datatype: str, elements: Sequence[Any]) -> list[Any]:
    """Give elements as JSON takes them.

    Raises:
        ServingError: 400 for bytes beyond UTF-8 and for numbers that JSON doesn't have.
    """
    if datatype == "BYTES":
        return [_text(name, element) for element in elements]
    if datatype.startswith("FP") and not all(map(math.isfinite, elements)):
        raise ServingError(
            400, f"Tensor {name}: TorchServe takes tensors as JSON, which has no NaN or infinity"
        )
    return list(elements)


def _bytes_elements(name: str, raw: bytes) -> Iterator[bytes]:
    position = 0
    while position < len(raw):
        start = position + 4
        if start > len(raw):
            raise ServingError(400, f"Tensor {name}: the length of a BYTES element is cut short")
        position = start + struct.unpack_from("<I", raw, position)[0]
        if position > len(raw):
            raise ServingError(400, f"Tensor {name}: a BYTES element is cut short")
        yield raw[start:position]


def _bytes(element: Any) -> bytes:
    return element.encode() if isinstance(element, str) else bytes(element)


def _text(name: str, element: Any) -> Any:
    if not isinstance(element, bytes):
        return element
    try:
        return element.decode("utf-8")
    except UnicodeDecodeError:
        raise ServingError(
            400,
            f"Tensor {name}: TorchServe takes BYTES as JSON, which can't hold bytes beyond UTF-8",
        ) from None
