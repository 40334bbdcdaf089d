"""Files that are there as a whole or not at all: who reads one meanwhile finds the one before."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path

from kserve_conformance.errors import ExitCode

# What no other name helps with: the disk is full, a limit is reached, or the device fails.
_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a file to write, which replaces ``path`` if all goes well; an `OSError` names it."""
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        yield unfinished
        unfinished.replace(path)
    except OSError as error:
        # That of a full disk names no file.
        raise OSError(error.errno, error.strerror, str(path)) from None
    finally:
        with contextlib.suppress(OSError):
            unfinished.unlink(missing_ok=True)


def exit_code(error: OSError) -> ExitCode:
    """Give the exit code for what can't be written: 3 where there is no room, else 2."""
    return ExitCode.NOT_KNOWN if error.errno in _NO_ROOM else ExitCode.WRONG_USAGE


def advice(error: OSError) -> str:
    """Say what to do about what can't be written, as the end of a sentence; empty for a name."""
    if error.errno not in _NO_ROOM:
        return ""
    return ": make room there, or name another folder with --out; what was there is as it was"
