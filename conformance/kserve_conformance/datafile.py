"""Data files, TOML or JSON with a JSON schema beside it, and what is said of a wrong one."""

from __future__ import annotations

import datetime
import difflib
import functools
import json
import math
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema_rs

from kserve_conformance.errors import DataFileError

if TYPE_CHECKING:
    from jsonschema import ValidationError

_KINDS = {
    "string": "a text in quotes",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "array": "a list",
    "object": "a table",
}
_LONGEST = 300


def read(path: Path, schema: Path) -> dict[str, Any]:
    """Give a file's document; a `DataFileError` says what is wrong with it, and where."""
    try:
        text = path.read_text(encoding="utf-8")
        document: dict[str, Any] = (
            json.loads(text, parse_float=_finite, parse_constant=_finite)
            if path.suffix == ".json"
            else tomllib.loads(text, parse_float=_finite)
        )
    except OSError as error:
        raise _unreadable(path, error.strerror) from None
    # What breaks TOML or JSON, which both tell line and column, their encoding, or `_finite`.
    except (ValueError, RecursionError) as error:
        raise _unreadable(path, error) from None
    written = _as_json(document)
    if not _is_valid(written, schema):
        _refuse(written, path, schema)
    return document


def state(path: Path) -> bytes | None:
    """Give what a file holds, for who keeps what was made of it; None where it can't be read."""
    try:
        return path.read_bytes()
    except OSError:
        return None


def _refuse(document: Any, path: Path, schema: Path) -> None:
    """Say what is wrong by the validator that knows it in words, which is slow to be there."""
    from jsonschema import Draft202012Validator

    validator = Draft202012Validator(json.loads(schema.read_text(encoding="utf-8")))
    broken = list(validator.iter_errors(document))
    if broken:
        first = _innermost(min(broken, key=_weight))
        raise DataFileError(_sentence(first), _place(first) or "the file", path)


def _is_valid(document: Any, schema: Path) -> bool:
    try:
        return _validator(schema).is_valid(document)
    except ValueError:
        # What it can't look at, such as half a surrogate pair.
        return False


@functools.cache
def _validator(schema: Path) -> jsonschema_rs.Draft202012Validator:
    return jsonschema_rs.Draft202012Validator(json.loads(schema.read_text(encoding="utf-8")))


def _unreadable(path: Path, why: object) -> DataFileError:
    error = DataFileError(f"{path} can't be read: {why}")
    error.path = path
    return error


def nearest(word: str, allowed: Iterable[str]) -> str:
    """Say what to write for an unknown word: what is near to it, and what there is."""
    allowed = list(allowed)
    meant = near(word, allowed).removeprefix(": ")
    return f"{meant}{' ' if meant else ''}allowed: {', '.join(allowed)}"


def near(word: str, known: Iterable[str]) -> str:
    """Say which of many known words was meant, as the end of a sentence; empty for none."""
    found = difflib.get_close_matches(word, list(known), 1)
    return f": did you mean {found[0]!r}?" if found else ""


def _finite(text: str) -> float:
    # JSON has no other numbers, and no limit of a schema keeps nan out.
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text} is not a usable number")
    return number


def _as_json(value: Any) -> Any:
    """Write dates as text, the only values of TOML here that JSON has no form for."""
    if isinstance(value, dict):
        return {key: _as_json(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_as_json(each) for each in value]
    return value.isoformat() if isinstance(value, datetime.date) else value


def _weight(error: ValidationError) -> tuple[int, bool]:
    # A key that is written wrong is lacking, too: what is there tells more than what isn't.
    return len(error.absolute_path), not _is_of_keys(error)


def _is_of_keys(error: ValidationError) -> bool:
    return error.validator == "additionalProperties" or "propertyNames" in error.schema_path


def _innermost(error: ValidationError) -> ValidationError:
    """Find, of several forms that a value may have, the one that was meant, and its error."""
    if error.validator not in ("oneOf", "anyOf"):
        return error
    by_form: dict[Any, list[ValidationError]] = {}
    for each in error.context or ():
        by_form.setdefault(each.relative_schema_path[0], []).append(each)
    meant = [
        errors
        for errors in by_form.values()
        if not any(each.validator == "type" and not each.relative_path for each in errors)
    ]
    return _innermost(min(meant[0], key=_weight)) if len(meant) == 1 else error


def _sentence(error: ValidationError) -> str:
    """Say what is wrong and, as far as the schema knows it, what to write."""
    schema: Mapping[str, Any] = error.schema if isinstance(error.schema, Mapping) else {}
    described = f" ({schema['description']})" if "description" in schema else ""
    value: Any = error.validator_value
    instance: Any = error.instance
    if error.validator == "additionalProperties" and not isinstance(value, Mapping):
        known = schema.get("properties", {})
        (key, *_) = (each for each in instance if each not in known)
        return f"unknown key {key!r}: {nearest(key, known)}"
    if error.validator == "enum":
        allowed = [str(each) for each in value]
        what = "unknown key" if _is_of_keys(error) else ""
        told = f"{what} {instance!r}" if what else f"{_shown(error)} is not one of these"
        return f"{told}: {nearest(str(instance), allowed)}{described}"
    if error.validator == "required":
        (key, *_) = (each for each in value if each not in instance)
        wanted = schema.get("properties", {}).get(key, {})
        return f"{key!r} is a required property: add it{_wanted(wanted)}"
    if error.validator == "type":
        kinds = [value] if isinstance(value, str) else value
        told = " or ".join(_KINDS.get(kind, kind) for kind in kinds)
        names = " or ".join(map(repr, kinds))
        return f"{_shown(error)} is not of type {names}: write {told}{described}"
    if error.validator == "const":
        return f"{_shown(error)} is not known here: write {value!r}"
    if error.validator in ("oneOf", "anyOf"):
        forms = [told for each in value if (told := _wanted(each).removeprefix(", "))]
        hint = f": write {' or '.join(forms)}" if forms else ""
        return f"{_shown(error)} has none of the forms that it may have{hint}{described}"
    message = error.message
    cut = message if len(message) <= _LONGEST else f"{message[:_LONGEST]} ..."
    return cut + described


def _wanted(schema: Mapping[str, Any]) -> str:
    """Say what is written in a place, as the end of a sentence; empty where that isn't plain."""
    if "enum" in schema:
        return f", one of {', '.join(map(str, schema['enum']))}"
    if "const" in schema:
        return f", which is {schema['const']!r}"
    if "required" in schema and "properties" not in schema:
        return f", with {' and '.join(schema['required'])}"
    kind = _KINDS.get(schema.get("type", ""))
    form = f" that matches {schema['pattern']}" if "pattern" in schema else ""
    return f", {kind}{form}" if kind else ""


def _shown(error: ValidationError) -> str:
    told = repr(error.instance)
    return told if len(told) <= _LONGEST else f"{told[:_LONGEST]} ..."


def _place(error: ValidationError) -> str:
    parts: Sequence[str | int] = list(error.absolute_path)
    told = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in parts)
    return told.lstrip(".")
