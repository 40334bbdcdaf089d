"""Whether what was sent came back, however either of the two was written.

JSON has one kind of number and may be read by a reader that doesn't tell 1.0 from 1, so that
numbers are compared by value; a floating one as its datatype holds it.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kserve_conformance import tensors
from kserve_conformance.expect import Departure, shortened
from kserve_conformance.tensors import DATATYPES


@dataclass(frozen=True)
class Held:
    """What a tensor holds: its elements as raw contents."""

    datatype: str
    shape: tuple[int, ...]
    raw: bytes

    def __str__(self) -> str:
        """Tell it as a person reads it."""
        data: Any = self.raw
        if self.datatype != "BYTES":
            data = tensors.unpack(self.datatype, self.raw)
        return shortened(f"{self.datatype} {list(self.shape)} {data}", 200)


def of_json(described: Sequence[Mapping[str, Any]], raw: bytes = b"") -> dict[str, Held]:
    """Read tensors of V2 REST, by name.

    Args:
        raw: what follows the JSON, where some have a ``binary_data_size``.

    Raises:
        ValueError: when one isn't written as its datatype asks; or any error of a form that the
            specification doesn't have.
    """
    held = {}
    for each in described:
        # That it should be left out and not null is another statement.
        size = (each.get("parameters") or {}).get("binary_data_size")
        if size is None:
            part = _packed(each["datatype"], tensors.flat(each["data"]))
        elif 0 <= size <= len(raw):
            part, raw = raw[:size], raw[size:]
        else:
            raise ValueError(f"{len(raw)} bytes are left of {size}")
        held[each["name"]] = _held(each["datatype"], each["shape"], part)
    if raw:
        raise ValueError(f"{len(raw)} bytes follow the last tensor")
    return held


def of_message(described: Any, raw: Sequence[bytes]) -> dict[str, Held]:
    """Read tensors of a gRPC message, its inputs or outputs with its raw contents, by name.

    Raises:
        ValueError: when the raw contents are not as many as the tensors, or no whole elements.
    """
    held = {}
    for index, each in enumerate(described):
        if raw and len(raw) != len(described):
            raise ValueError(f"{len(raw)} raw contents for {len(described)} tensors")
        if raw:
            data = raw[index]
        else:
            typed = getattr(each.contents, DATATYPES[each.datatype].contents)
            data = tensors.pack(each.datatype, typed)
        held[each.name] = _held(each.datatype, each.shape, data)
    return held


def expect_back(
    sent: Mapping[str, Held], wanted: Sequence[str], back: Mapping[str, Held], asked: str
) -> None:
    """Raise `Departure` where a tensor that was wanted isn't back, or isn't what was sent.

    Args:
        wanted: the names of the outputs that were asked for; all where it is empty.
        asked: what was asked, for the sentence.
    """
    for name in wanted or sent:
        if name not in back:
            raise Departure(f"{asked}: there is no output {name!r}", name, list(back))
        if not _same(sent[name], back[name]):
            raise Departure(
                f"{asked}: {name!r} was sent as {sent[name]} and came back as {back[name]}",
                str(sent[name]),
                str(back[name]),
            )


def same_json(one: Any, other: Any) -> bool:
    """Tell whether two JSON values are the same: numbers by value, and none is a boolean."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same_json(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same_json, one, other))
    return bool(one == other)


def _same(sent: Held, back: Held) -> bool:
    if (sent.datatype, sent.shape) != (back.datatype, back.shape):
        return False
    if sent.raw == back.raw or not sent.datatype.startswith("FP"):
        return sent.raw == back.raw
    # Zeros of either sign are one value, and so is whatever is no number.
    pairs = zip(
        tensors.unpack(sent.datatype, sent.raw),
        tensors.unpack(back.datatype, back.raw),
        strict=False,
    )
    alike = all(one == other or (one != one and other != other) for one, other in pairs)
    return len(sent.raw) == len(back.raw) and alike


def _held(datatype: str, shape: Iterable[Any], raw: bytes) -> Held:
    # Else what is no whole number of elements is found where it is compared or shown.
    size = DATATYPES[datatype].size
    if size and len(raw) % size:
        raise ValueError(f"{len(raw)} bytes are no whole elements of {datatype}")
    return Held(datatype, tuple(shape), raw)


def _packed(datatype: str, data: Sequence[Any]) -> bytes:
    kinds = {"BYTES": (str, bytes), "BOOL": (bool,)}.get(datatype, (int, float))
    for each in data:
        if not isinstance(each, kinds) or (isinstance(each, bool) and datatype != "BOOL"):
            raise ValueError(f"{datatype} can't hold {each!r}")
    try:
        if "INT" not in datatype:
            return tensors.pack(datatype, data)
        # Python reads 1e400 as infinite, which overflows here.
        whole = [int(each) if isinstance(each, float) else each for each in data]
        if whole != list(data):
            raise ValueError(f"{datatype} can't hold fractions")
        return tensors.pack(datatype, whole)
    except (struct.error, OverflowError) as error:
        raise ValueError(f"{datatype} can't hold what is there: {error}") from None
