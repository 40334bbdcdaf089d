"""What commands print: as far as somebody reads, in any encoding, and only shown, not obeyed.

What is read no further, as behind ``| head``, changes nothing of what a command finds, or of its
exit code.
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
from collections.abc import Iterator
from typing import IO

from kserve_conformance.errors import ExitCode
from kserve_conformance.text.visible import printable
from rich.console import Console
from rich.text import Text

# Wide enough for the table where nobody says how wide it is.
_WIDTH = 120


class _Console(Console):
    def on_broken_pipe(self) -> None:
        # Rich's own ends the process with 1, which would say that the wrapper fails.
        _read_no_further(self.file)


def prepare() -> None:
    """Let a stream whose encoding lacks a sign of the text show its escape."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def make_console() -> Console:
    """Give a console on stdout."""
    console = _Console()
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = _WIDTH
    return console


def make_lasting_console() -> Console:
    """Give a console on what stdout is now, whatever becomes of stdout.

    pytest takes stdout away while a check runs in this process, and a thread of ours goes on
    telling.
    """
    console = make_console()
    with contextlib.suppress(OSError):  # where stdout is no file
        console.file = os.fdopen(
            os.dup(sys.stdout.fileno()),
            "w",
            encoding=sys.stdout.encoding,
            errors=sys.stdout.errors,
        )
    return console


def say(console: Console, sentence: str) -> None:
    """Print a sentence on one line however long, so that it can be searched for.

    What a terminal or a CI job would obey in it, such as in a server's answer, is only shown.
    """
    console.print(Text(printable(sentence)), soft_wrap=True)


def put(text: str) -> None:
    """Write text to stdout, for people or for other programs; see `say`."""
    with _as_far_as_read():
        sys.stdout.write(printable(text))
        sys.stdout.flush()


def fail(sentence: object, code: ExitCode) -> ExitCode:
    """Tell on stderr what is wrong, and give the exit code of it."""
    with _as_far_as_read():
        sys.stderr.write(printable(f"error: {sentence}\n"))
    return code


@contextlib.contextmanager
def _as_far_as_read() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        _read_no_further(sys.stdout)


def _read_no_further(stream: IO[str]) -> None:
    # What Python flushes when it ends goes nowhere, too.
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)
