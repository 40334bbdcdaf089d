"""Packages of which tests need the files, without importing them."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path


def folder(package: str) -> Path:
    """Give the folder of an installed package."""
    found = find_spec(package)
    assert found is not None, package
    (place,) = found.submodule_search_locations or [""]
    return Path(place)
