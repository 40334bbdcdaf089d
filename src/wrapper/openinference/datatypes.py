"""The tensor datatypes of the Open Inference Protocol and what an element of each may be.

Source: "Tensor Data Types" of inference_rest.md; names are case-sensitive.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

from wrapper.errors import ServingError


@dataclasses.dataclass(frozen=True)
class Datatype:
    """One datatype.

    Attributes:
        name: as the protocol spells it.
        numpy: its little-endian numpy type ("Tensor Data" of inference_grpc.md), None for
            BYTES, whose elements each have a length of their own.
        contents: its member of InferTensorContents, None for FP16, which only goes raw.
        kinds: the types that an element may have in JSON.
        smallest: the least number that it holds, None where there is none.
        largest: the greatest number that it holds.
    """

    name: str
    numpy: str | None
    contents: str | None
    kinds: frozenset[type]
    smallest: float | None = None
    largest: float | None = None

    def check_elements(self, tensor: str, elements: Sequence[Any]) -> None:
        """Refuse elements that this datatype can't hold as they are.

        Raises:
            ServingError: 400.
        """
        strangers = set(map(type, elements)) - self.kinds
        if strangers:
            found = next(element for element in elements if type(element) in strangers)
            raise ServingError(
                400, f"Tensor {tensor} is {self.name}, which can't hold {_shown(found)}"
            )
        if self.smallest is None or self.largest is None or not elements:
            return
        for element in (min(elements), max(elements)):
            # NaN and infinities, which raw data can hold, are in every floating type.
            if math.isfinite(element) and not self.smallest <= element <= self.largest:
                raise ServingError(
                    400, f"Tensor {tensor} is {self.name}, whose range {_shown(element)} is beyond"
                )


_BOOLEAN = frozenset([bool])
_INTEGER = frozenset([int])
_NUMBER = frozenset([int, float])
_TEXT = frozenset([str])


def _unsigned(bits: int, contents: str) -> Datatype:
    return Datatype(f"UINT{bits}", f"<u{bits // 8}", contents, _INTEGER, 0, 2**bits - 1)


def _signed(bits: int, contents: str) -> Datatype:
    limit = 2 ** (bits - 1)
    return Datatype(f"INT{bits}", f"<i{bits // 8}", contents, _INTEGER, -limit, limit - 1)


def _floating(bits: int, contents: str | None, largest: float) -> Datatype:
    return Datatype(f"FP{bits}", f"<f{bits // 8}", contents, _NUMBER, -largest, largest)


_TABLE = {
    datatype.name: datatype
    for datatype in (
        Datatype("BOOL", "?", "bool_contents", _BOOLEAN),
        _unsigned(8, "uint_contents"),
        _unsigned(16, "uint_contents"),
        _unsigned(32, "uint_contents"),
        _unsigned(64, "uint64_contents"),
        _signed(8, "int_contents"),
        _signed(16, "int_contents"),
        _signed(32, "int_contents"),
        _signed(64, "int64_contents"),
        _floating(16, None, 65504.0),
        _floating(32, "fp32_contents", 3.4028234663852886e38),
        _floating(64, "fp64_contents", 1.7976931348623157e308),
        Datatype("BYTES", None, "bytes_contents", _TEXT),
    )
}


def find(tensor: str, name: Any) -> Datatype:
    """Give the datatype of this name.

    Raises:
        ServingError: 400 when the specification has none of this name.
    """
    known = _TABLE.get(name) if isinstance(name, str) else None
    if known is None:
        raise ServingError(
            400, f"Tensor {tensor} has an unknown datatype {_shown(name)}: {', '.join(_TABLE)}"
        )
    return known


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else text[:37] + "..."
