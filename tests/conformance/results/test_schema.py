"""The schema of results and the types of their lines say the same."""

from __future__ import annotations

import enum
import json
import types
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints, is_typeddict

import pytest
from kserve_conformance import results
from kserve_conformance.results.record import Evidence, Exchange, Footer, Header, Record
from kserve_conformance.results.verdict import Verdict

SCHEMA = Path(results.__file__).with_name("results.schema.json")
DEFINED: dict[str, dict[str, Any]] = json.loads(SCHEMA.read_text())["$defs"]
LINES = {"header": Header, "check": Record, "footer": Footer}
SIMPLE = {str: "string", int: "integer", float: "number", bool: "boolean", types.NoneType: "null"}


@pytest.mark.parametrize("kind", LINES)
def test_a_line_has_the_members_of_its_type(kind: str) -> None:
    own = {"kind", "schema"} if kind == "header" else {"kind"}
    assert DEFINED[kind]["properties"].keys() - own == {each.name for each in fields(LINES[kind])}


@pytest.mark.parametrize("kind", LINES)
def test_what_a_file_may_lack_has_a_default(kind: str) -> None:
    optional = DEFINED[kind]["properties"].keys() - set(DEFINED[kind]["required"])
    defaults = {
        each.name
        for each in fields(LINES[kind])
        if each.default is not MISSING or each.default_factory is not MISSING
    }
    assert optional <= defaults


@pytest.mark.parametrize(
    ("kind", "name", "hint"),
    [(kind, *each) for kind, line in LINES.items() for each in get_type_hints(line).items()],
)
def test_a_member_is_of_the_type_of_its_field(kind: str, name: str, hint: Any) -> None:
    assert _kinds(DEFINED[kind]["properties"][name]) == _kinds_of(hint)


def test_evidence_has_the_members_of_its_type() -> None:
    evidence = DEFINED["check"]["properties"]["evidence"]["properties"]
    assert evidence.keys() == Evidence.__annotations__.keys()
    exchange = evidence["exchanges"]["items"]
    assert exchange["properties"].keys() == set(exchange["required"])
    assert exchange["properties"].keys() == Exchange.__annotations__.keys()


def test_the_verdicts_are_those_of_the_type() -> None:
    assert DEFINED["verdict"]["enum"] == list(Verdict)


def _kinds(schema: Mapping[str, Any]) -> set[str]:
    """Give the kinds of values of JSON that a part of the schema takes; none where any."""
    if "$ref" in schema:
        return _kinds(DEFINED[schema["$ref"].rpartition("/")[2]])
    if "oneOf" in schema:
        return set().union(*map(_kinds, schema["oneOf"]))
    if "enum" in schema:
        return {SIMPLE[type(each)] for each in schema["enum"]}
    told = schema.get("type", [])
    return {told} if isinstance(told, str) else set(told)


def _kinds_of(hint: Any) -> set[str]:
    origin = get_origin(hint)
    if origin is types.UnionType:
        return set().union(*map(_kinds_of, get_args(hint)))
    if origin is Sequence:
        return {"array"}
    if origin is Mapping or is_typeddict(hint):
        return {"object"}
    if isinstance(hint, type) and issubclass(hint, enum.StrEnum):
        return {"string"}
    return set() if hint is Any else {SIMPLE[hint]}
