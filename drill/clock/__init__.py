"""A clock of a wrapper that can be set; see `sitecustomize` beside this, which it is run with."""

from __future__ import annotations

import struct
from pathlib import Path

VARIABLE = "DRILL_CLOCK"
# On the path of the wrapper's process.
FOLDER = Path(__file__).parent


def put_ahead(file: Path, seconds: float) -> None:
    """Put the clocks of the processes that have this file ahead, or behind, of what is right."""
    with file.open("r+b" if file.exists() else "wb") as opened:
        opened.write(struct.pack("d", seconds))
