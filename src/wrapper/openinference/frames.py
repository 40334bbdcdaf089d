"""Frames: what the wrapper and its envelope send each other in the place of JSON.

A frame is a magic that no JSON begins with, the length of its head and the most bytes that its
answer may have, the head, and the tensors' bytes. The head is a request or an answer as the binary
tensor data extension has them (`binary`); the bytes of each tensor begin at a multiple of 8, so
that the handler's arrays can lie on them. The other side is envelopes/faithful_frame.py.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from typing import Any

from wrapper.errors import ServingError
from wrapper.openinference import datatypes, long_data, tensors
from wrapper.openinference.datatypes import Datatype
from wrapper.openinference.long_data import LongJson
from wrapper.openinference.parameters import SIZE
from wrapper.openinference.raw_data import RawData
from wrapper.openinference.tensors import Bytes
from wrapper.openinference.to_json import Data, Spend, Writer
from wrapper.spliced import LONG, Content, Spliced, joined_where_short, pieces
from wrapper.steps import Steps, at_once

_MAGIC = b"\0tensors"
_PREFIX = struct.Struct("<8sII")
_ALIGNED = 8
# Tensors whose heads are written in one step.
_AT_ONCE = 500
# Greater than any limit of TorchServe's, which has 31 bits.
_MOST = 2**32 - 1


class Packer:
    """Leaves the tensors of one request as bytes, but for those that its writer has to change."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    def raw(
        self, tensor: str, datatype: Datatype, raw: Bytes, shape: Sequence[int] | None = None
    ) -> Steps[tuple[Data, Mapping[str, str]]]:
        """Take raw bytes; see `Writer.raw`."""
        if self._writer.changes(datatype):
            return (yield from self._writer.raw(tensor, datatype, raw, shape))
        yield from self._writer.pause(0)
        data = yield from RawData.of(tensor, datatype, raw)
        if shape is not None:
            data.check(tensor, shape, datatype)
        return data, {}

    def typed(
        self, tensor: str, datatype: Datatype, contents: Any
    ) -> Steps[tuple[Data, Mapping[str, str]]]:
        """Take a member of InferTensorContents; see `Writer.typed`."""
        if self._writer.changes(datatype):
            return (yield from self._writer.typed(tensor, datatype, contents))
        yield from self._writer.pause(0)
        parts = []
        for start in range(0, len(contents), tensors.ELEMENTS_AT_ONCE):
            if start:
                yield
            elements = list(contents[start : start + tensors.ELEMENTS_AT_ONCE])
            if datatype.kinds <= datatypes.NUMBER:
                try:
                    datatype.check_elements(tensor, elements)
                except ServingError:
                    # Which of all is the one to be named, whoever judges the JSON tells.
                    return (yield from self._writer.typed(tensor, datatype, contents))
            parts.append(tensors.to_raw(datatype, elements))
        return RawData(datatype, b"".join(parts), len(contents)), {}


def write(document: dict[str, Any], most: int, spend: Spend) -> Steps[Content]:
    """Give a request as a frame.

    Args:
        document: one whose inputs have `RawData` where they are to be bytes.
        most: bytes that the answer may have.
        spend: takes the bytes of the frame as soon as they are known, and may refuse them.

    Raises:
        ServingError: that of `spend`.
    """
    heads: list[bytes | memoryview] = []
    parts: list[Bytes] = []
    inputs = document.get("inputs", ())
    for start in range(0, len(inputs), _AT_ONCE):
        described = [
            _described(tensor, parts, spend) for tensor in inputs[start : start + _AT_ONCE]
        ]
        written = list(pieces(long_data.write(described)))
        written[0] = written[0][1:]
        written[-1] = written[-1][:-1]
        heads += (b"," if heads else b"[", *written)
        yield
    if heads:
        document = {**document, "inputs": LongJson([*heads, b"]"])}
    return (yield from around(long_data.write(document), most, spend, parts))


def _described(tensor: dict[str, Any], parts: list[Bytes], spend: Spend) -> dict[str, Any]:
    """Give a tensor as a head has it, and put its bytes behind those of others."""
    data = tensor["data"]
    if not isinstance(data, RawData):
        return tensor
    size = len(data.raw)
    padding = bytes(-size % _ALIGNED)
    spend(size + len(padding))
    parts += (data.raw, padding)
    described = {key: value for key, value in tensor.items() if key != "data"}
    described["parameters"] = {**tensor.get("parameters", {}), SIZE: size}
    return described


def around(head: Content, most: int, spend: Spend, parts: Sequence[Bytes] = ()) -> Steps[Content]:
    """Give the frame of a head, which is a request in JSON, and of what follows it.

    Args:
        most: bytes that the answer may have.
        spend: takes the bytes before those that follow, and may refuse them.

    Raises:
        ServingError: that of `spend`.
    """
    padding = -(_PREFIX.size + len(head)) % _ALIGNED
    spend(_PREFIX.size + len(head) + padding)
    yield
    prefix = _PREFIX.pack(_MAGIC, len(head) + padding, min(most, _MOST))
    whole = (prefix, *pieces(head), b" " * padding, *parts)
    frame = Spliced(list(joined_where_short(whole)))
    return frame if len(frame) > LONG else bytes(frame)


# How the JSON answers of an envelope end that reads frames, which are JSON all the same.
MARK = b" \n"

# The question whether a model's envelope reads frames, and the answer that it does.
EMPTY = bytes(at_once(around(b"{}", 0, lambda _: None)))


def is_frame(body: bytes) -> bool:
    """Tell whether a body is a frame, and no JSON."""
    return body.startswith(_MAGIC)


def split(body: bytes) -> tuple[bytes, memoryview | None]:
    """Give the head of a frame, and the bytes behind it; all of what is none, and None.

    Raises:
        struct.error: when it is cut short.
    """
    if not is_frame(body):
        return body, None
    _, size, _ = _PREFIX.unpack_from(body)
    end = _PREFIX.size + size
    return body[_PREFIX.size : end], memoryview(body)[end:]


def joined(head: Any, tail: memoryview | None) -> Any:
    """Give the answer that a frame holds, as its head says: its tensors' bytes as their data.

    Raises:
        AttributeError, LookupError, TypeError, ValueError: when it isn't one.
    """
    if tail is None:
        return head
    position = 0
    outputs = []
    for output in head["outputs"]:
        if "data" not in output:
            parameters = dict(output["parameters"])
            size = parameters.pop(SIZE)
            data = tail[position : position + size]
            if len(data) != size:
                raise ValueError(f"{size} bytes are said to be there, and {len(data)} are")
            position += size + -size % _ALIGNED
            output = {**output, "data": data, "parameters": parameters}
            if not parameters:
                del output["parameters"]
        outputs.append(output)
    return {**head, "outputs": outputs}
