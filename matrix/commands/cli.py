"""``python -m matrix``: its commands, and what it says of a user's mistake."""

from __future__ import annotations

import argparse
import importlib
import sys
import traceback
from collections.abc import Sequence
from types import ModuleType

from kserve_conformance.errors import ExitCode, WrongUsage

from matrix.commands.output import fail, prepare
from matrix.errors import NOT_KNOWN

# Each is a module beside this one. It adds itself to the parser, and sets ``command`` to the
# function that takes the parsed arguments and gives the exit code.
_COMMANDS = (
    "run",
    "up",
    "plan",
    "replay",
    "reproduce",
    "summary",
    "gate",
    "report",
    "diff",
    "bisect",
    "can-i-upgrade",
    "merge",
    "lock",
    "peers",
    "doctor",
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
    words = sys.argv[1:] if argv is None else argv
    for name in _needed(words):
        module(name).register(commands)
    arguments = parser.parse_args(words)
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


def module(name: str) -> ModuleType:
    """Import the module of a command."""
    return importlib.import_module(f"matrix.commands.{name.replace('-', '_')}")


def _needed(words: Sequence[str]) -> Sequence[str]:
    """Give the command that is named, which spares the import of what others need, or all."""
    return words[:1] if words and words[0] in _COMMANDS else _COMMANDS
