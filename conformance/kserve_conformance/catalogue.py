"""The statements that a server is judged by: statements/*.toml, read and checked.

The files are the documentation: one for each area, each statement with a stable id, a level,
where it is from, and what usually is the cause where a server departs from it.
"""

from __future__ import annotations

import enum
import functools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kserve_conformance import datafile
from kserve_conformance.errors import DataFileError

FOLDER = Path(__file__).with_name("statements")
_SCHEMA = FOLDER / "statements.schema.json"
_SOURCES_SCHEMA = FOLDER / "sources.schema.json"

PROFILES = ("v1", "v2", "grpc")


class Level(enum.StrEnum):
    """How binding a statement is."""

    MUST = "MUST"
    SHOULD = "SHOULD"
    EXTENSION = "MAY-extension"
    """Binding on servers that offer the extension."""

    @property
    def binds(self) -> bool:
        """Tell whether it is more than advice."""
        return self is not Level.SHOULD


@dataclass(frozen=True)
class Family:
    """Texts of one kind, by which departures are told apart.

    Attributes:
        title: what one departs from.
        verb: ``departs`` from what was written to be kept, ``differs`` from what others do.
        decides: whether what a server may claim rests on it, or it is told beside that.
    """

    name: str
    title: str
    verb: str
    decides: bool

    @property
    def departure(self) -> str:
        """Say what a server does that doesn't keep a statement of it."""
        return f"{self.verb} from {self.title}"


@dataclass(frozen=True)
class Source:
    """Where a statement is from.

    Attributes:
        title: of the text, or what showed it where no text says it.
        address: where the text is kept, empty where there is none.
        place: the section, or the release that set the behaviour.
    """

    title: str
    address: str
    place: str

    def __str__(self) -> str:
        return f"{self.title}, {self.place}"


@dataclass(frozen=True)
class Statement:
    """One sentence that a server keeps or departs from.

    Attributes:
        area: the heading of its file.
        profile: which claim it belongs to: ``v1``, ``v2`` or ``grpc``.
        family: what its source is one of.
        decides: whether what may be claimed, of the profile or of the extension, rests on it.
        feature: the extension that it is about, None where it is about the protocol itself.
        usual_cause: why servers that depart from it do so.
        since: the version of the suite in which it came.
    """

    id: str
    area: str
    level: Level
    profile: str
    sentence: str
    source: Source
    family: Family
    decides: bool
    usual_cause: str
    since: str
    feature: str | None = None


@functools.cache
def families(folder: Path = FOLDER) -> Mapping[str, Family]:
    """Read the families of sources, by name, in the order in which they are told.

    Raises:
        DataFileError: when sources.toml breaks its schema.
    """
    document = datafile.read(folder / "sources.toml", _SOURCES_SCHEMA)
    return {name: Family(name, **entry) for name, entry in document["families"].items()}


@functools.cache
def load(folder: Path = FOLDER) -> Mapping[str, Statement]:
    """Read all statements, by id, in the order of the files.

    Raises:
        DataFileError: when a file breaks its schema, an id is there twice, or a source or its
            family isn't in sources.toml.
    """
    sources = _sources(folder)
    found: dict[str, Statement] = {}
    for path in sorted(folder.glob("*.toml")):
        if path.name == "sources.toml":
            continue
        document = datafile.read(path, _SCHEMA)
        for entry in document["statements"]:
            name, text = entry["id"], entry["source"]["text"]
            if text not in sources:
                wrong = f"sources.toml has no {text!r}: {datafile.nearest(text, sources)}"
                raise DataFileError(wrong, f"{name}.source.text", path)
            if name in found:
                raise DataFileError(f"{name} is there twice", path=path)
            found[name] = _statement(document, entry, sources)
    return found


def _sources(folder: Path) -> Mapping[str, Mapping[str, Any]]:
    path = folder / "sources.toml"
    known = families(folder)
    found: Mapping[str, Mapping[str, Any]] = datafile.read(path, _SOURCES_SCHEMA)["sources"]
    for name, entry in found.items():
        if (family := entry["family"]) not in known:
            wrong = f"there is no family {family!r}: {datafile.nearest(family, known)}"
            raise DataFileError(wrong, f"sources.{name}.family", path)
    return {name: {**entry, "family": known[entry["family"]]} for name, entry in found.items()}


def _statement(
    document: Mapping[str, Any], entry: Mapping[str, Any], sources: Mapping[str, Any]
) -> Statement:
    text = sources[entry["source"]["text"]]
    level, family = Level(entry["level"]), text["family"]
    told = {
        **entry,
        "area": document["area"],
        "level": level,
        "source": Source(text["title"], text.get("address", ""), entry["source"]["place"]),
        "family": family,
        "decides": level.binds and family.decides,
    }
    return Statement(**told)
