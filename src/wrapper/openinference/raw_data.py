"""The data of tensors that stay the bytes that they are."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any

from wrapper.openinference import shapes, tensors
from wrapper.openinference.datatypes import Datatype
from wrapper.openinference.tensors import Bytes
from wrapper.steps import Steps


@dataclasses.dataclass(frozen=True)
class RawData:
    """The elements of a tensor in row-major order, little-endian; each of BYTES behind its length.

    Attributes:
        count: how many they are.
    """

    datatype: Datatype
    raw: Bytes
    count: int

    @classmethod
    def of(cls, tensor: str, datatype: Datatype, raw: Bytes) -> Steps[RawData]:
        """Take bytes that came.

        Raises:
            ServingError: 400 when they are no whole number of elements.
        """
        return cls(datatype, raw, (yield from tensors.count_in_steps(tensor, datatype, raw)))

    def check(self, tensor: str, shape: Sequence[int], _datatype: Datatype) -> int:
        """Judge the elements, each of which is one of its datatype, and give their number.

        Raises:
            ServingError: 400 when the shape has another.
        """
        shapes.check_count(tensor, shape, self.count)
        return self.count

    def slices(self) -> Iterator[list[Any]]:
        """Give the elements in parts, those of BYTES as bytes."""
        if self.datatype.numpy is None:
            for batch in tensors.batches(tensors.bytes_elements("", self.raw)):
                yield list(map(bytes, batch))
            return
        size = tensors.ELEMENTS_AT_ONCE * (len(self.raw) // max(self.count, 1))
        for start in range(0, len(self.raw), size or 1):
            yield tensors.from_raw("", self.datatype, self.raw[start : start + size])
