"""Tensors that come as bytes or in messages, as the JSON that TorchServe's envelopes read.

Those of a long body are written slice by slice, since a list of their elements takes ten times
their memory; as soon as the JSON is more than TorchServe takes, no more is written.
"""

from __future__ import annotations

import base64
import codecs
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Callable, Protocol, Union

from wrapper import json_body, json_pieces
from wrapper.envelope import Envelope
from wrapper.openinference import shapes, tensors
from wrapper.openinference.datatypes import Datatype
from wrapper.openinference.long_data import LongData
from wrapper.openinference.raw_data import RawData
from wrapper.openinference.seen import Seen
from wrapper.openinference.tensors import Bytes
from wrapper.spliced import LONG
from wrapper.steps import Steps

# Bytes from which on a tensor of a long body is written in slices.
_LONG_TENSOR = 16 * 1024
# What any tensor costs beside its data, in bytes of those.
COST = 64

# Takes bytes of JSON that were written, and raises a ServingError once they are too many.
Spend = Callable[[int], None]
_Elements = Callable[[], Iterator[Bytes]]
Data = Union[list[Any], LongData, RawData]


class TensorWriter(Protocol):
    """Gives the data of one request's tensors as TorchServe gets them."""

    def raw(
        self, tensor: str, datatype: Datatype, raw: Bytes, shape: Sequence[int] | None = None
    ) -> Steps[tuple[Data, Mapping[str, str]]]:
        """Give what raw bytes hold; see `Writer.raw`."""

    def typed(
        self, tensor: str, datatype: Datatype, contents: Any
    ) -> Steps[tuple[Data, Mapping[str, str]]]:
        """Give what a member of InferTensorContents holds; see `Writer.typed`."""


# Takes the bytes that a request has.
Writing = Callable[[int], TensorWriter]


class Writer:
    """Writes the tensors of one request as JSON.

    Args:
        size: bytes of the body that they come in.
    """

    def __init__(self, envelope: Envelope, size: int, spend: Spend) -> None:
        self._envelope = envelope
        self._is_long = size > LONG
        self._spend = spend
        self._since = 0

    def changes(self, datatype: Datatype) -> bool:
        """Tell whether handlers are to get something else than the bytes of this datatype."""
        return datatype.numpy is None and self._envelope.wants_base64

    def raw(
        self, tensor: str, datatype: Datatype, raw: Bytes, shape: Sequence[int] | None = None
    ) -> Steps[tuple[Data, Mapping[str, str]]]:
        """Give what raw bytes hold as JSON, with the parameters that say how.

        Args:
            shape: the tensor's, where their number is judged before it is written.

        Raises:
            ServingError: 400 when the bytes are no whole number of elements, 413 when the JSON is
                too large, or as `tensors.to_json`.
        """
        if not self._is_long or len(raw) <= _LONG_TENSOR:
            yield from self.pause(len(raw))
            elements = tensors.from_raw(tensor, datatype, bytes(raw))
            if shape is not None:
                shapes.check_count(tensor, shape, len(elements))
            return tensors.to_json(tensor, elements, self._envelope)
        count = yield from tensors.count_in_steps(tensor, datatype, raw)
        if shape is not None:
            shapes.check_count(tensor, shape, count)
        if datatype.numpy is None:
            return (yield from self._texts(tensor, lambda: tensors.bytes_elements(tensor, raw)))
        size = tensors.ELEMENTS_AT_ONCE * (len(raw) // count)
        slices = (raw[start : start + size] for start in range(0, len(raw), size))
        return (
            yield from self._numbers(tensors.from_raw(tensor, datatype, each) for each in slices)
        )

    def typed(
        self, tensor: str, datatype: Datatype, contents: Any
    ) -> Steps[tuple[Data, Mapping[str, str]]]:
        """Give what a member of InferTensorContents holds as JSON; else as `raw`."""
        count = len(contents)
        is_short = count <= tensors.ELEMENTS_AT_ONCE
        if datatype.numpy is None:
            is_short = is_short and sum(map(len, contents)) <= _LONG_TENSOR
        if is_short or not self._is_long:
            yield from self.pause(count)
            return tensors.to_json(tensor, list(contents), self._envelope)
        if datatype.numpy is None:
            return (yield from self._texts(tensor, lambda: iter(contents)))
        size = tensors.ELEMENTS_AT_ONCE
        slices = (contents[start : start + size] for start in range(0, count, size))
        return (yield from self._numbers(map(list, slices)))

    def pause(self, size: int) -> Steps[None]:
        """Pause now and then among many short tensors of a long body.

        Args:
            size: bytes, or elements, of the next.
        """
        self._since += size + COST
        if self._since > _LONG_TENSOR and self._is_long:
            self._since = 0
            yield

    def _numbers(self, slices: Iterable[list[Any]]) -> Steps[tuple[Data, Mapping[str, str]]]:
        seen = Seen()
        parts = _Parts(self._spend)
        for elements in slices:
            seen.take_flat(elements)
            parts.add(json_body.write(elements)[1:-1])
            yield
        return LongData(parts.ended(), seen), {}

    def _texts(self, tensor: str, elements: _Elements) -> Steps[tuple[Data, Mapping[str, str]]]:
        in_base64 = self._envelope.wants_base64
        how: Mapping[str, str] = {}
        if not in_base64 and not (yield from _are_texts(elements())):
            in_base64, how = True, tensors.in_base64(tensor, self._envelope)
        seen = Seen()
        parts = _Parts(self._spend)
        for batch in tensors.batches(elements()):
            if len(batch) > 1 or len(batch[0]) <= tensors.BYTES_AT_ONCE:
                encode = tensors.as_base64 if in_base64 else tensors.as_texts
                parts.add(json_body.write(encode(batch))[1:-1])
            else:
                yield from parts.add_text(_encoded(batch[0], in_base64))
            seen.take_flat([""] * len(batch))
            yield
        return LongData(parts.ended(), seen), how


class _Parts:
    """The JSON of a list."""

    def __init__(self, spend: Spend) -> None:
        self._spend = spend
        self._parts: list[bytes] = []

    def add(self, elements: bytes) -> None:
        """Add elements, with commas between them."""
        self._add(elements, b"," if self._parts else b"[")

    def add_text(self, slices: Iterable[str]) -> Steps[None]:
        """Add one element."""
        before = b"," if self._parts else b"["
        self._add(b'"', before)
        for text in slices:
            self._add(json_body.write(text)[1:-1])
            yield
        self._add(b'"')

    def ended(self) -> Sequence[bytes]:
        """Give all of it."""
        self._add(b"]", b"" if self._parts else b"[")
        return self._parts

    def _add(self, text: bytes, before: bytes = b"") -> None:
        self._parts.append(before + text)
        self._spend(len(before) + len(text))


def _are_texts(elements: Iterator[Bytes]) -> Steps[bool]:
    for batch in tensors.batches(elements):
        for element in batch:
            if len(element) <= tensors.BYTES_AT_ONCE:
                if not tensors.is_text(element):
                    return False
            elif (yield from json_pieces.no_utf8_from(element)) is not None:
                return False
        yield
    return True


def _encoded(element: Bytes, in_base64: bool) -> Iterator[str]:
    """Give a long element as text, slice by slice."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    for start in range(0, len(element), tensors.BYTES_AT_ONCE):
        piece = element[start : start + tensors.BYTES_AT_ONCE]
        yield base64.b64encode(piece).decode("ascii") if in_base64 else decoder.decode(piece)
