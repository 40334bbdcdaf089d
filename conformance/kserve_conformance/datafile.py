"""Data files of the harness: TOML that keeps to a JSON schema beside it."""

from __future__ import annotations

import datetime
import json
import math
import tomllib
from pathlib import Path
from typing import Any

import jsonschema


def read(path: Path, schema: Path, error_class: type[Exception]) -> dict[str, Any]:
    """Give a file's document.

    Raises:
        error_class: when it can't be read or breaks its schema. Names the file and the place.
    """
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"), parse_float=_finite)
        jsonschema.validate(_as_json(document), json.loads(schema.read_text(encoding="utf-8")))
    # A ValueError is what breaks TOML, its encoding, or `_finite`.
    except (OSError, ValueError) as error:
        raise error_class(f"{path} can't be read: {error}") from None
    except jsonschema.ValidationError as error:
        raise error_class(f"{path}: {_place(error)}: {error.message}") from None
    return document


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


def _place(error: jsonschema.ValidationError) -> str:
    path = "".join(
        f"[{part}]" if isinstance(part, int) else f".{part}" for part in error.absolute_path
    )
    return path.lstrip(".") or "the file"
