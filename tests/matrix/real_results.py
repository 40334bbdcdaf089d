"""Results of real runs, kept packed beside the tests; CONTRIBUTING.md tells how they are made."""

from __future__ import annotations

import lzma
import tempfile
from functools import cache
from pathlib import Path

_PACKED = Path(__file__).with_name("results")


@cache
def path(name: str) -> Path:
    """Give a results file, unpacked once for all tests of this process.

    Args:
        name: ``default``, ``process``, ``unfixed`` or ``mutant``.
    """
    packed = _PACKED / f"{name}.jsonl.xz"
    unpacked = _folder() / f"{name}.jsonl"
    unpacked.write_bytes(lzma.decompress(packed.read_bytes()))
    return unpacked


def remove() -> None:
    """Remove what was unpacked. A forked process, as of a mutation run, ends without that."""
    path.cache_clear()
    _folder.cache_clear()
    while _kept:
        _kept.pop().cleanup()


@cache
def _folder() -> Path:
    folder = tempfile.TemporaryDirectory(prefix="real-results-")
    _kept.append(folder)
    return Path(folder.name)


# Removed when the process ends.
_kept: list[tempfile.TemporaryDirectory[str]] = []
