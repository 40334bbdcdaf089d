"""A subject for a test: tells all that the way of its start can change, and ends as it is asked."""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import signal
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kserve


def main() -> None:
    """Tell, and end."""
    Path("told.json").write_text(json.dumps(_told()))
    atexit.register(_write, sys.stdout, "at exit")
    _write(sys.stdout, "to stdout")
    _write(sys.stderr, "to stderr")
    end = sys.argv[1]
    if end == "exit":
        sys.exit(7)
    if end == "text":
        sys.exit("an exit with a text")
    if end == "raise":
        raise ValueError("raised")
    if end == "interrupt":
        os.kill(os.getpid(), signal.SIGINT)
    if end == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if end == "sleep":
        signal.pause()


def _write(stream: Any, text: str) -> None:
    stream.write(f"{text}\n")


def _told() -> dict[str, Any]:
    main = vars(sys.modules["__main__"])
    models = Path("/mnt/models/config")
    streams = (sys.stdin, sys.stdout, sys.stderr)
    return {
        "environment": dict(os.environ),
        "folder": str(Path.cwd()),
        "arguments": sys.argv,
        "original arguments": getattr(sys, "orig_argv", None),
        "path": sys.path,
        "flags": repr(sys.flags),
        "executable": sys.executable,
        "main": [main["__name__"], main["__file__"], main["__spec__"].name, main["__package__"]],
        "names of main": sorted(name for name in main if name[:2] == "__"),
        "modules": sorted(n for n in sys.modules if n.partition(".")[0] in ("kserve", "wrapper")),
        "SDK": kserve.__file__,
        "files": sorted(_files()),
        "handlers": {
            int(number): repr(signal.getsignal(number)).partition(" at 0x")[0]
            for number in signal.valid_signals()
        },
        "mask": [int(number) for number in signal.pthread_sigmask(signal.SIG_BLOCK, ())],
        "threads": [thread.name for thread in threading.enumerate()],
        "streams": [[s.name, s.encoding, s.errors, s.line_buffering, s.isatty()] for s in streams],
        "leads its group and session": [os.getpid() == os.getpgid(0), os.getpid() == os.getsid(0)],
        "models": models.read_text() if models.is_file() else None,
        "umask": os.umask(0o22),
        "excepthook": sys.excepthook is sys.__excepthook__,
    }


def _files() -> Iterator[tuple[int, str]]:
    for each in Path("/proc/self/fd").iterdir():
        # That of the listing itself is gone.
        with contextlib.suppress(OSError):
            yield int(each.name), str(each.readlink()).partition(":[")[0]


if __name__ == "__main__":
    main()
