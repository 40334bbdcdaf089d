"""A small file by which processes tell each other what is so now."""

from __future__ import annotations

import os
from pathlib import Path

# What tells a file from an earlier one in its place.
Stamp = tuple[int, int, int]


class News:
    """A file that is replaced as a whole, and read when it has been."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stamp: Stamp | None = None

    def read(self) -> bytes | None:
        """Give what is in it now, None where that is known or can't be read."""
        try:
            with self._path.open("rb") as file:
                stamp = stamp_of(os.fstat(file.fileno()))
                if stamp == self._stamp:
                    return None
                text = file.read()
        except OSError:
            return None
        self._stamp = stamp
        return text

    def write(self, text: bytes) -> None:
        """Put this in its place.

        Raises:
            OSError: when that can't be done.
        """
        written = self._path.with_name(f"{self._path.name}.{os.getpid()}")
        written.write_bytes(text)
        written.replace(self._path)


def stamp_of(status: os.stat_result) -> Stamp:
    """Give what tells a file from an earlier one in its place."""
    return status.st_ino, status.st_mtime_ns, status.st_size
