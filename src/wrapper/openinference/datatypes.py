"""The tensor datatypes of the Open Inference Protocol and what an element of each may be.

Source: "Tensor Data Types" of inference_rest.md; names are case-sensitive.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

from wrapper import json_body
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
        integers: the least and the greatest that it holds, None where it holds none.
        rounds_below: the magnitude below which it holds any number, if rounded to one of its own
            ("ties to even" of IEEE 754); None where it doesn't round.
    """

    name: str
    numpy: str | None
    contents: str | None
    kinds: frozenset[type]
    integers: tuple[int, int] | None = None
    rounds_below: float | None = None

    def check_elements(self, tensor: str, elements: Sequence[Any]) -> None:
        """Refuse elements that this datatype can't hold as they are.

        Raises:
            ServingError: 400.
        """
        strangers = set(map(type, elements)) - self.kinds
        if strangers:
            raise self._stranger(tensor, next(e for e in elements if type(e) in strangers))
        if self.kinds <= NUMBER:
            self._check_range(tensor, extremes(elements))

    def check_gathered(self, tensor: str, firsts: Mapping[type, Any], ends: Sequence[Any]) -> None:
        """Refuse elements of which no more is there than `seen.Seen` has gathered.

        Args:
            firsts: the first of each type, in their order.
            ends: their `extremes`, where all are numbers.

        Raises:
            ServingError: 400.
        """
        for kind, first in firsts.items():
            if kind not in self.kinds:
                raise self._stranger(tensor, first)
        if self.kinds <= NUMBER:
            self._check_range(tensor, ends)

    def _stranger(self, tensor: str, found: Any) -> ServingError:
        return ServingError(
            400, f"Tensor {tensor} is {self.name}, which can't hold {json_body.shown(found)}"
        )

    def _check_range(self, tensor: str, numbers: Sequence[Any]) -> None:
        for number in numbers:
            if not self._reaches(number):
                raise ServingError(
                    400,
                    f"Tensor {tensor} is {self.name}, whose range {json_body.shown(number)} is "
                    "beyond",
                )

    def _reaches(self, number: float) -> bool:
        if self.integers is not None:
            return self.integers[0] <= number <= self.integers[1]
        try:
            return self.rounds_below is None or abs(float(number)) < self.rounds_below
        except OverflowError:
            return False


def extremes(numbers: Sequence[Any]) -> Sequence[Any]:
    """Give the least and the greatest of numbers, but for NaN and infinities.

    Those are in every floating type; JSON of TorchServe's and raw data can hold them.
    """
    if not numbers:
        return ()
    ends = (min(numbers), max(numbers))
    if all(map(_is_finite, ends)):
        return ends
    # What isn't finite has hidden the others.
    finite = [each for each in numbers if _is_finite(each)]
    return (min(finite), max(finite)) if finite else ()


def _is_finite(number: float) -> bool:
    return isinstance(number, int) or math.isfinite(number)


_BOOLEAN = frozenset([bool])
_INTEGER = frozenset([int])
NUMBER = frozenset([int, float])
_TEXT = frozenset([str])


def _unsigned(bits: int, contents: str) -> Datatype:
    return Datatype(f"UINT{bits}", f"<u{bits // 8}", contents, _INTEGER, (0, 2**bits - 1))


def _signed(bits: int, contents: str) -> Datatype:
    limit = 2 ** (bits - 1)
    return Datatype(f"INT{bits}", f"<i{bits // 8}", contents, _INTEGER, (-limit, limit - 1))


def _floating(bits: int, contents: str | None, precision: int, exponent: int) -> Datatype:
    # Half a step beyond its greatest number, from where the nearest is its infinity. Those of FP64
    # are Python's own.
    below = (2 - 2.0**-precision) * 2.0**exponent
    return Datatype(f"FP{bits}", f"<f{bits // 8}", contents, NUMBER, rounds_below=below)


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
        _floating(16, None, 11, 15),
        _floating(32, "fp32_contents", 24, 127),
        _floating(64, "fp64_contents", 53, 1023),
        Datatype("BYTES", None, "bytes_contents", _TEXT),
    )
}

NAMES = tuple(_TABLE)


def find(tensor: str, name: Any) -> Datatype:
    """Give the datatype of this name.

    Raises:
        ServingError: 400 when the specification has none of this name.
    """
    known = _TABLE.get(name) if isinstance(name, str) else None
    if known is None:
        raise ServingError(
            400,
            f"Tensor {tensor} has an unknown datatype {json_body.shown(name)}: {', '.join(NAMES)}",
        )
    return known
