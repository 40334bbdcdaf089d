"""Dataclasses out of JSON, by their fields: what `dataclasses.asdict` made of them, and no more."""

from __future__ import annotations

import enum
import functools
import types
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, fields, is_dataclass
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

T = TypeVar("T")

_Reader = Callable[[Any], Any]


def from_json(kind: type[T], members: Mapping[str, Any]) -> T:
    """Make a dataclass of its members; a field with a default may be missing.

    A `ValueError` names those that are unknown or missing.
    """
    readers, needed = _form(kind)  # type: ignore[arg-type]  # mypy takes no type[T] for hashable
    if unknown := members.keys() - readers.keys():
        raise ValueError(f"{kind.__name__} has no {', '.join(sorted(unknown))}")
    if missing := needed - members.keys():
        raise ValueError(f"{kind.__name__} lacks {', '.join(sorted(missing))}")
    return kind(**{name: readers[name](each) for name, each in members.items()})


@functools.cache
def _form(kind: type[Any]) -> tuple[dict[str, _Reader], set[str]]:
    """Say how the fields of a dataclass are read, and which of them have to be there."""
    hints, found = get_type_hints(kind), fields(kind)
    needed = {each.name for each in found if each.default is each.default_factory is MISSING}
    readers = {each.name: _reader(hints[each.name]) for each in found}
    return readers, needed


def _reader(hint: Any) -> _Reader:
    """Give what makes a value of a type out of JSON: most are there as they are."""
    if isinstance(hint, type) and is_dataclass(hint):
        return functools.partial(from_json, hint)
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return hint
    origin, inner = get_origin(hint), get_args(hint)
    if origin is types.UnionType and len(inner) == 2 and inner[1] is types.NoneType:
        read = _reader(inner[0])
        return read if read is _as_it_is else lambda value: None if value is None else read(value)
    if origin is tuple:
        read = _reader(inner[0])
        return lambda value: tuple(map(read, value))
    if origin is Sequence and (read := _reader(inner[0])) is not _as_it_is:
        return lambda value: list(map(read, value))
    return _as_it_is


def _as_it_is(value: Any) -> Any:
    return value
