"""``python -m drill``: its commands, and what it says of a user's mistake."""

from __future__ import annotations

import argparse
import signal
import sys
import traceback
from collections.abc import Sequence

from kserve_conformance.errors import ExitCode, WrongUsage
from kserve_conformance.text.visible import printable

from drill.commands import page, run, soak
from matrix.errors import NOT_KNOWN

_COMMANDS = (run, soak, page)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and give its exit code.

    0: each row is as wanted; 1: one isn't; 2: wrong usage; 3: the drill or what surrounds it
    failed.
    """
    parser = argparse.ArgumentParser(
        prog="python -m drill",
        description="Breaks things around a wrapper that serves, and tells what clients see.",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for each in _COMMANDS:
        each.register(commands)
    arguments = parser.parse_args(argv)
    # What was started is ended also where a job is cancelled, or a shell runs this behind itself.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    try:
        code: int = arguments.command(arguments)
    except WrongUsage as error:
        return _fail(error, ExitCode.WRONG_USAGE)
    except NOT_KNOWN as error:
        return _fail(error, ExitCode.NOT_KNOWN)
    except KeyboardInterrupt:
        return _fail("interrupted", ExitCode.NOT_KNOWN)
    except Exception:
        # Python's own 1 would say that a row isn't as wanted.
        traceback.print_exc()
        return ExitCode.NOT_KNOWN
    return code


def _fail(sentence: object, code: ExitCode) -> ExitCode:
    sys.stderr.write(printable(f"error: {sentence}\n"))
    return code
