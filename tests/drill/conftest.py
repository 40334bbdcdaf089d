"""What tests of the drill share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.fixture
def typo(tmp_path: Path) -> Callable[[Path, str, str], Path]:
    """Copy a data file with its schema, one text of it replaced."""

    def write(file: Path, right: str, wrong: str) -> Path:
        text = file.read_text()
        assert right in text
        schema = file.with_suffix(".schema.json")
        (tmp_path / schema.name).write_text(schema.read_text())
        copy = tmp_path / file.name
        copy.write_text(text.replace(right, wrong, 1))
        return copy

    return write
