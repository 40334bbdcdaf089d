"""A cell: one point of the matrix, where one wrapper meets one TorchServe."""

from __future__ import annotations

import dataclasses
import functools
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from matrix.planning.axis_table import AXES, NAMES, Axis

_NAMED = tuple(axis for axis in AXES if axis.prefix is not None)


@dataclass(frozen=True)
class Cell:
    """One point of the matrix.

    An axis that came after others has a default: the point that older results are of, which ids
    don't name.

    Attributes:
        kserve: release of the KServe SDK in whose environment the wrapper runs.
        protocol: the name in axes.toml of the PROTOCOL_VERSION value, e.g. ``unset``.
        envelope: TorchServe's service envelope, ``kserve``, ``kservev2`` or ``kservev2_faithful``;
            ``none`` where it has none.
        runtime: how TorchServe runs, ``container`` or ``process``.
        attempt: which of the attempts at its checks this is, from 1; each has a wrapper of its own.
    """

    kserve: str
    protocol: str
    envelope: str
    torchserve: str
    runtime: str
    attempt: int = 1

    @classmethod
    def named(cls, name: str, runtime: str) -> Cell:
        """Give the cell of an id.

        Raises:
            ValueError: when it is no id of a cell.
        """
        found = _ID.fullmatch(name)
        if found is None:
            raise ValueError(f"{name!r} is not a cell id: an id is {_FORM}")
        points = {axis: point for axis, point in found.groupdict().items() if point is not None}
        return cls.at({**points, "runtime": runtime})

    @classmethod
    def at(cls, axes: Mapping[str, str]) -> Cell:
        """Give the cell of a point on every axis, as results have it; see `axes`."""
        points: dict[str, Any] = completed(axes)
        return cls(**{name: points[name] for name in NAMES})

    def moved(self, **points: str) -> Cell:
        """Give the cell at other points of some axes."""
        changes: dict[str, Any] = {**points}
        return dataclasses.replace(self, **changes)

    @functools.cached_property
    def id(self) -> str:
        """Give the cell's name, by which runs compare: it doesn't name every axis."""
        points = self.axes()
        return "-".join(
            f"{axis.prefix}{points[axis.name]}"
            for axis in _NAMED
            if points[axis.name] != _LATER.get(axis.name)
        )

    @property
    def visit(self) -> str:
        """Name this attempt, by the cell's id alone where it is the first."""
        return self.id if self.attempt == 1 else f"{self.id}@{self.attempt}"

    def axes(self) -> dict[str, str]:
        """Give the cell as plain data, for results."""
        return {name: getattr(self, name) for name in NAMES}


# The points that results from before an axis are of.
_LATER: Mapping[str, str] = {
    field.name: field.default
    for field in dataclasses.fields(Cell)
    if field.name in NAMES and isinstance(field.default, str)
}


def completed(axes: Mapping[str, str]) -> dict[str, str]:
    """Give a point on every axis, also on those that came after the results that have it."""
    return {**axes, **{axis: point for axis, point in _LATER.items() if axis not in axes}}


def _form(part: Callable[[Axis], str], optional: str) -> str:
    """Put together what ids look like, from what the part of an axis looks like."""
    form = "-".join(part(axis) for axis in _NAMED if axis.name not in _LATER)
    later = (optional.format(part(axis)) for axis in _NAMED if axis.name in _LATER)
    return "".join([form, *later])


def _pattern(axis: Axis) -> str:
    # Words may hold hyphens; of two words that follow one another only the first does.
    point = r"\d+(?:\.\d+)*" if axis.of_releases else ".+"
    return f"{axis.prefix}(?P<{axis.name}>{point})"


def _in_capitals(axis: Axis) -> str:
    return f"{axis.prefix}{'RELEASE' if axis.of_releases else axis.name.upper()}"


_ID = re.compile(_form(_pattern, "(?:-{})?"), re.ASCII)
_FORM = _form(_in_capitals, "[-{}]")
