"""The OpenAPI document of the data plane, as tests read it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

REPOSITORY = Path(__file__).resolve().parents[2]
FOLDER = Path("conformance/openapi")
FILE = FOLDER / "dataplane.yaml"


def document() -> dict[str, Any]:
    """Read the document."""
    # mypy: what YAML holds isn't known before it is read.
    read: dict[str, Any] = yaml.safe_load((REPOSITORY / FILE).read_text())
    return read


def operations(described: Mapping[str, Any]) -> dict[tuple[str, str], Mapping[str, Any]]:
    """Give the operations of a document by method and path template."""
    return {
        (method.upper(), path): operation
        for path, item in described["paths"].items()
        for method, operation in item.items()
        if method != "parameters"
    }


def matching(templates: set[str], path: str) -> str | None:
    """Give the template that a path without a query expands from, None where there is none."""
    for template in templates:
        if re.fullmatch(re.sub(r"\{\w+\}", "[^/:]+", template), path.rstrip("/") or "/"):
            return template
    return None
