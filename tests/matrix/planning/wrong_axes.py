"""Files of axes that are wrong in one place."""

from __future__ import annotations

from pathlib import Path

import pytest
from kserve_conformance.errors import DataFileError

from matrix.planning import axes

# What stands in the file, what stands in its place, and what is said of it, as a pattern.
Mistake = tuple[str, str, str]


def assert_is_told(mistake: Mistake, folder: Path) -> None:
    """Have our file, with a mistake in it, refused by its name and the place."""
    right, wrong, said = mistake
    text = axes.FILE.read_text()
    assert right in text
    file = folder / "axes.toml"
    file.write_text(text.replace(right, wrong, 1))
    with pytest.raises(DataFileError, match=said) as raised:
        axes.load(file)
    assert str(raised.value).startswith(str(file))
