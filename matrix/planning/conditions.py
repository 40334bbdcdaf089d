"""Conditions over the axes of the matrix: ``{kserve = "<0.10", envelope = ["kserve"]}``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from kserve_conformance.errors import DataFileError
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import Version

from matrix.planning.axis import NAMES, RELEASE_AXES

# What conditions name beside the axes of releases: see `expectations.Expectations.point`.
_WORD_AXES = frozenset({*NAMES, "outcome", "constructor"}.difference(RELEASE_AXES))


Clauses = Mapping[str, "str | list[str]"]


@dataclass(frozen=True)
class Condition:
    """Holds where every clause does. Without a clause it holds everywhere.

    Attributes:
        releases: version specifiers by axis.
        words: the points allowed, by axis.
    """

    releases: Mapping[str, SpecifierSet]
    words: Mapping[str, frozenset[str]]

    @classmethod
    def parse(cls, clauses: Clauses) -> Condition:
        """Read a table of a data file.

        Raises:
            DataFileError: for an unknown axis or a malformed version specifier.
        """
        releases: dict[str, SpecifierSet] = {}
        words: dict[str, frozenset[str]] = {}
        for axis, allowed in clauses.items():
            if axis in _WORD_AXES:
                words[axis] = frozenset([allowed] if isinstance(allowed, str) else allowed)
            elif axis in RELEASE_AXES and isinstance(allowed, str):
                releases[axis] = _specifier(axis, allowed)
            else:
                known = ", ".join(sorted(_WORD_AXES.union(RELEASE_AXES)))
                raise DataFileError(
                    f"{axis} = {allowed!r} is no condition: the axes are {known}, and a "
                    "release is given as one version specifier such as '<0.10'"
                )
        return cls(releases, words)

    def holds(self, point: Mapping[str, str]) -> bool:
        """Tell whether it holds at a point, given as the value of every axis it names."""
        return all(
            specifier.contains(Version(point[axis]), prereleases=True)
            for axis, specifier in self.releases.items()
        ) and all(point[axis] in allowed for axis, allowed in self.words.items())


@dataclass(frozen=True)
class AnyOf:
    """Holds where one of its conditions does."""

    conditions: tuple[Condition, ...]

    @classmethod
    def parse(cls, tables: Clauses | list[Clauses]) -> AnyOf:
        """Read a table of a data file, or a list of them.

        Raises:
            DataFileError: for an unknown axis or a malformed version specifier.
        """
        listed = tables if isinstance(tables, list) else [tables]
        return cls(tuple(Condition.parse(each) for each in listed))

    def holds(self, point: Mapping[str, str]) -> bool:
        """Tell whether one of them holds at a point; see `Condition.holds`."""
        return any(condition.holds(point) for condition in self.conditions)


def _specifier(axis: str, text: str) -> SpecifierSet:
    try:
        return SpecifierSet(text)
    except InvalidSpecifier:
        raise DataFileError(
            f"{axis} = {text!r} is no version specifier: write for instance '>=0.10,<0.14'"
        ) from None
