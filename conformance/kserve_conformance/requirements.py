"""Requirement sets: which statements a version of the suite asks for, frozen for good.

A check that comes later never fails an old claim: whoever claims conformance to 1.0 is judged
by requirements/1.0.json, whatever has been added since. Which of them decide is frozen with them:
in 1.0 all that bind do, later ones say it of each.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from kserve_conformance import VERSION, catalogue, datafile
from kserve_conformance.catalogue import Family, Level, Statement
from kserve_conformance.errors import DataFileError, WrongUsage

FOLDER = Path(__file__).with_name("requirements")
_SCHEMA = FOLDER / "requirements.schema.json"


class RequirementsError(WrongUsage):
    """A requirement set that there isn't, or that can't be frozen."""


@dataclass(frozen=True)
class Requirement:
    """A statement as it was when its set was frozen.

    Attributes:
        family: what its source is one of; of 1.0, which didn't tell them apart, as it is today.
        decides: whether what may be claimed, of the profile or of the extension, rests on it.
    """

    id: str
    level: Level
    profile: str
    feature: str | None
    sentence: str
    family: Family
    decides: bool


def versions() -> list[str]:
    """List the frozen versions, oldest first."""
    return sorted((path.stem for path in FOLDER.glob("[0-9]*.json")), key=_order)


def load(version: str) -> Mapping[str, Requirement]:
    """Read a frozen set, by id; that of the version under development is the catalogue's.

    Raises:
        RequirementsError: when there is no such version.
        DataFileError: when its file breaks its schema, or has what the catalogue doesn't.
    """
    path = FOLDER / f"{version}.json"
    if not path.exists():
        if version == VERSION:
            return {each.id: _requirement(each) for each in of_version(version)}
        raise RequirementsError(
            f"there are no requirements {version}; there are {', '.join(versions()) or 'none'}"
        )
    document = datafile.read(path, _SCHEMA)
    known, families = catalogue.load(), catalogue.families()
    for index, entry in enumerate(document["requirements"]):
        if entry["id"] not in known:
            wrong = f"the catalogue has no {entry['id']!r}: a statement never leaves it"
            raise DataFileError(wrong, f"requirements[{index}].id", path)
        if (family := entry.get("family")) not in (None, *families):
            wrong = f"there is no family {family!r}: {datafile.nearest(family, families)}"
            raise DataFileError(wrong, f"requirements[{index}].family", path)
    return {
        entry["id"]: _as_frozen(entry, known[entry["id"]]) for entry in document["requirements"]
    }


def frozen(version: str) -> str:
    """Make the file of a version's set; `RequirementsError` where it is frozen, or another's."""
    if version != VERSION:
        raise RequirementsError(f"the suite is of version {VERSION}: that alone can be frozen")
    if version in versions():
        raise RequirementsError(f"{version} is frozen: give new statements a newer 'since'")
    entries = [
        {**vars(_requirement(each)), "family": each.family.name} for each in of_version(version)
    ]
    document = {"version": version, "requirements": entries}
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def of_version(version: str) -> list[Statement]:
    """List the catalogue's statements that a version has."""
    return [each for each in catalogue.load().values() if _order(each.since) <= _order(version)]


def _requirement(statement: Statement) -> Requirement:
    return Requirement(**{each.name: getattr(statement, each.name) for each in fields(Requirement)})


def _as_frozen(entry: Mapping[str, Any], statement: Statement) -> Requirement:
    level = Level(entry["level"])
    family = catalogue.families()[entry.get("family", statement.family.name)]
    return Requirement(**{"decides": level.binds, **entry, "level": level, "family": family})


def _order(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))
