"""``python -m matrix``: its commands, and what it says of a user's mistake."""

from __future__ import annotations

import argparse
import traceback
from collections.abc import Sequence

from kserve_conformance.errors import ExitCode, WrongUsage

from matrix.commands import (
    bisect,
    can_i_upgrade,
    diff,
    doctor,
    gate,
    lock,
    merge,
    peers,
    plan,
    replay,
    report,
    reproduce,
    run,
    summary,
)
from matrix.commands.output import fail, prepare
from matrix.errors import NOT_KNOWN

# Each module of a command adds it to the parser, and sets ``command`` to the function that
# takes the parsed arguments and gives the exit code.
_COMMANDS = (
    run,
    plan,
    replay,
    reproduce,
    summary,
    gate,
    report,
    diff,
    bisect,
    can_i_upgrade,
    merge,
    lock,
    peers,
    doctor,
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and give its exit code.

    0: all as expected; 1: a verdict against what was checked; 2: wrong usage; 3: the
    harness or its environment failed.
    """
    parser = argparse.ArgumentParser(
        prog="python -m matrix",
        description="Runs a wrapper on every KServe SDK release against real TorchServe.",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for module in _COMMANDS:
        module.register(commands)
    arguments = parser.parse_args(argv)
    prepare()
    try:
        code: int = arguments.command(arguments)
    except WrongUsage as error:
        return fail(error, ExitCode.WRONG_USAGE)
    except NOT_KNOWN as error:
        return fail(error, ExitCode.NOT_KNOWN)
    except KeyboardInterrupt:
        return fail("interrupted", ExitCode.NOT_KNOWN)
    except Exception:
        # Python's own 1 would say that the wrapper fails.
        traceback.print_exc()
        return ExitCode.NOT_KNOWN
    return code
