"""Conditions over the axes of the matrix: ``{kserve = "<0.10", envelope = ["kserve"]}``."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass

from kserve_conformance.errors import DataFileError, located
from packaging.specifiers import InvalidSpecifier, SpecifierSet

from matrix.planning.axis_table import NAMES, RELEASE_AXES

# What conditions name beside the axes of releases: see `expectations.Expectations.point`.
_WORD_AXES = frozenset({*NAMES, "outcome", "constructor"}.difference(RELEASE_AXES))

Clauses = Mapping[str, "str | list[str]"]


@dataclass(frozen=True)
class AnyOf:
    """Holds where one of its conditions does, and a condition where each of its clauses does.

    Attributes:
        conditions: each as the points allowed by axis, releases as a version specifier. One
            without a clause holds everywhere.
    """

    conditions: tuple[Mapping[str, SpecifierSet | frozenset[str]], ...]

    @classmethod
    def parse(cls, tables: Clauses | list[Clauses], place: str = "") -> AnyOf:
        """Read a table of a data file, or a list of them.

        Args:
            place: where in the file it is.

        Raises:
            DataFileError: for an unknown axis or a malformed version specifier.
        """
        listed = tables if isinstance(tables, list) else [tables]
        with located(place=place):
            return cls(
                tuple({axis: _allowed(axis, each[axis]) for axis in each} for each in listed)
            )

    def holds(self, point: Mapping[str, str]) -> bool:
        """Tell whether it holds at a point, given as the value of every axis it names."""
        # Few points differ in what it names, and each of all cells and checks asks.
        named = tuple(point[axis] for axis in self.axes)
        if named not in self._held:
            self._held[named] = any(
                all(_admits(allowed, point[axis]) for axis, allowed in each.items())
                for each in self.conditions
            )
        return self._held[named]

    @functools.cached_property
    def axes(self) -> tuple[str, ...]:
        """Give the axes that it names, each once."""
        return tuple(dict.fromkeys(axis for each in self.conditions for axis in each))

    @functools.cached_property
    def _held(self) -> dict[tuple[str, ...], bool]:
        """Give whether it holds, as far as that is known, by the points of `axes`."""
        return {}


def _allowed(axis: str, clause: str | list[str]) -> SpecifierSet | frozenset[str]:
    if axis in _WORD_AXES:
        return frozenset([clause] if isinstance(clause, str) else clause)
    if axis not in RELEASE_AXES or not isinstance(clause, str):
        known = ", ".join(sorted(_WORD_AXES.union(RELEASE_AXES)))
        raise DataFileError(
            f"{axis} = {clause!r} is no condition: the axes are {known}, and a "
            "release is given as one version specifier such as '<0.10'"
        )
    try:
        return SpecifierSet(clause)
    except InvalidSpecifier:
        raise DataFileError(
            f"{axis} = {clause!r} is no version specifier: write for instance '>=0.10,<0.14'"
        ) from None


def _admits(allowed: SpecifierSet | frozenset[str], point: str) -> bool:
    if isinstance(allowed, SpecifierSet):
        return allowed.contains(point, prereleases=True)
    return point in allowed
