"""The termination message: what Kubernetes shows of a container that has ended."""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path
from typing import NoReturn

_PATH = "/dev/termination-log"
# Kubernetes shows no more of it, and of a longer one the end.
_LONGEST = 4096
_USAGE_ERROR = 2


def refuse(line: str) -> NoReturn:
    """End a start that can't be, with exit code 2 and one line that says why."""
    sys.stderr.write(line + "\n")
    leave(line)
    sys.exit(_USAGE_ERROR)


def leave(line: str, last_lines: str = "") -> None:
    """Leave a line, and as much of the end of the last lines as Kubernetes shows beside it."""
    head = line.encode()[: _LONGEST - 1] + b"\n"
    room = _LONGEST - len(head)
    tail = last_lines.encode()
    path = Path(os.environ.get("TERMINATION_LOG_PATH") or _PATH)
    with contextlib.suppress(OSError):
        path.write_bytes(head + tail[max(0, len(tail) - room) :])
