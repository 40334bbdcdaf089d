"""Tensor data between its encodings: JSON, typed gRPC contents, raw bytes."""

from __future__ import annotations

import base64
import math
import struct
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Union

import numpy

from wrapper.envelope import Envelope
from wrapper.errors import ServingError
from wrapper.openinference.datatypes import Datatype
from wrapper.steps import Steps

Bytes = Union[bytes, memoryview]

# Elements, and bytes, that are taken in one step.
ELEMENTS_AT_ONCE = 2048
BYTES_AT_ONCE = 48 * 1024  # three letters each are four of base64

# The parameter by which the wrapper and its envelope say that JSON has a BYTES tensor's elements
# in base64. No client's, so that what clients and models label by content_type, as MLServer's do,
# stays what they mean by it. The protocol itself leaves BYTES in JSON open.
ENCODING = "torchserve_wrapper_encoding"
_BASE64 = "base64"


def from_raw(tensor: str, datatype: Datatype, raw: Bytes) -> list[Any]:
    """Give the elements that raw bytes hold; BYTES elements as bytes.

    Raises:
        ServingError: 400 when the bytes are no whole number of elements.
    """
    if datatype.numpy is None:
        return list(bytes_elements(tensor, raw))
    count(tensor, datatype, raw)
    elements: list[Any] = numpy.frombuffer(raw, dtype=datatype.numpy).tolist()
    return elements


def count(tensor: str, datatype: Datatype, raw: Bytes) -> int:
    """Give how many elements raw bytes hold, of a datatype other than BYTES.

    Raises:
        ServingError: 400 when the bytes are no whole number of elements.
    """
    number, rest = divmod(len(raw), numpy.dtype(datatype.numpy).itemsize)
    if rest:
        raise ServingError(
            400, f"Tensor {tensor}: {len(raw)} bytes are no whole number of {datatype.name}"
        )
    return number


def count_in_steps(tensor: str, datatype: Datatype, raw: Bytes) -> Steps[int]:
    """Give how many elements raw bytes hold, of any datatype.

    Raises:
        ServingError: 400 when they are no whole number of elements.
    """
    if datatype.numpy is not None:
        return count(tensor, datatype, raw)
    number = 0
    for batch in batches(bytes_elements(tensor, raw)):
        if number:
            yield
        number += len(batch)
    return number


def batches(elements: Iterator[Bytes]) -> Iterator[list[Bytes]]:
    """Give elements of BYTES, so many at a time as are a step; a long one comes alone."""
    batch: list[Bytes] = []
    size = 0
    for element in elements:
        is_full = size + len(element) > BYTES_AT_ONCE or len(batch) == ELEMENTS_AT_ONCE
        if batch and is_full:
            yield batch
            batch, size = [], 0
        batch.append(element)
        size += len(element)
    if batch:
        yield batch


def to_raw(datatype: Datatype, elements: Sequence[Any]) -> bytes:
    """Give the raw bytes of elements; the inverse of `from_raw`."""
    if datatype.numpy is None:
        return b"".join(struct.pack("<I", len(each)) + each for each in elements)
    return numpy.array(elements, dtype=datatype.numpy).tobytes()


def to_json(
    tensor: str, elements: Sequence[Any], envelope: Envelope
) -> tuple[list[Any], Mapping[str, str]]:
    """Give elements as JSON for TorchServe takes them, with the parameters that say how.

    NaN and infinities stay as they are: TorchServe's workers read Python's JSON, which
    has them.

    Raises:
        ServingError: 400 for BYTES beyond UTF-8 that the envelope can't read.
    """
    if not any(isinstance(element, bytes) for element in elements):
        return list(elements), {}
    if envelope.wants_base64:
        return as_base64(elements), {}
    try:
        return as_texts(elements), {}
    except UnicodeDecodeError:
        return as_base64(elements), in_base64(tensor, envelope)


def in_base64(tensor: str, envelope: Envelope) -> Mapping[str, str]:
    """Give the parameters by which BYTES beyond UTF-8 go to an envelope in base64.

    Raises:
        ServingError: 400 where it can't read them.
    """
    if envelope.reads_base64:
        return {ENCODING: _BASE64}
    raise ServingError(
        400,
        f"Tensor {tensor} has BYTES that are no UTF-8, which {envelope.in_words} can't read: its "
        "JSON holds text only. The envelope kservev2_faithful can, and BYTES_AS_BASE64=true has "
        "handlers get all such BYTES in base64",
    )


def as_texts(elements: Sequence[Bytes]) -> list[str]:
    """Give BYTES as the text that they are.

    Raises:
        UnicodeDecodeError: when one isn't UTF-8.
    """
    return [str(element, "utf-8") for element in elements]


def is_text(element: Bytes) -> bool:
    """Tell whether an element of BYTES is UTF-8."""
    try:
        as_texts([element])
    except UnicodeDecodeError:
        return False
    return True


def as_base64(elements: Sequence[Bytes]) -> list[str]:
    """Give BYTES as the text of their base64."""
    return [base64.b64encode(element).decode("ascii") for element in elements]


def to_bytes(elements: Sequence[Any], parameters: Mapping[str, Any]) -> list[bytes]:
    """Give BYTES elements of TorchServe's JSON as the bytes that they stand for.

    What a model labels as base64 by itself stays as it is.

    Raises:
        ServingError: 502 when they are neither text nor the base64 that they claim to be.
    """
    try:
        if parameters.get(ENCODING) == _BASE64:
            # The error for what is no base64 is a ValueError, too.
            return [base64.b64decode(element, validate=True) for element in elements]
        return [element.encode("utf-8") for element in elements]
    except (AttributeError, TypeError, ValueError):
        raise ServingError(502, "The model answered BYTES that are no text") from None


def has_numbers_beyond_json(elements: Sequence[Any]) -> bool:
    """Tell whether one of the elements is NaN or infinite."""
    return not all(math.isfinite(each) for each in elements if isinstance(each, float))


def bytes_elements(tensor: str, raw: Bytes) -> Iterator[Any]:
    """Give the elements of BYTES, each behind its length, as what they are cut from.

    Raises:
        ServingError: 400 when one of them is cut short.
    """
    position = 0
    while position < len(raw):
        start = position + 4
        if start > len(raw):
            raise ServingError(400, f"Tensor {tensor}: the length of a BYTES element is cut short")
        position = start + struct.unpack_from("<I", raw, position)[0]
        if position > len(raw):
            raise ServingError(400, f"Tensor {tensor}: a BYTES element is cut short")
        yield raw[start:position]
