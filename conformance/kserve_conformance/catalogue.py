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
    usual_cause: str
    since: str
    feature: str | None = None


@functools.cache
def load(folder: Path = FOLDER) -> Mapping[str, Statement]:
    """Read all statements, by id, in the order of the files.

    Raises:
        DataFileError: when a file breaks its schema, an id is there twice, or a source isn't in
            sources.toml.
    """
    sources = datafile.read(folder / "sources.toml", _SOURCES_SCHEMA)["sources"]
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


def _statement(
    document: Mapping[str, Any], entry: Mapping[str, Any], sources: Mapping[str, Any]
) -> Statement:
    text = sources[entry["source"]["text"]]
    source = Source(text["title"], text.get("address", ""), entry["source"]["place"])
    told = {**entry, "area": document["area"], "level": Level(entry["level"]), "source": source}
    return Statement(**told)
