"""``kserve-conformance``: its commands, and what it says of a user's mistake."""

from __future__ import annotations

import argparse
import io
import sys
import traceback
from collections.abc import Sequence

from kserve_conformance.commands import fuzz, issue, lookup, run
from kserve_conformance.errors import ExitCode, NotKnown, WrongUsage
from kserve_conformance.text.redaction import without_secrets
from kserve_conformance.text.visible import printable

_COMMANDS = (run, fuzz, issue, lookup)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and give its `ExitCode`."""
    parser = argparse.ArgumentParser(
        prog="kserve-conformance",
        description="Judges any KServe / Open Inference Protocol server by what it answers.",
    )
    subparsers = parser.add_subparsers(required=True, metavar="COMMAND")
    for module in _COMMANDS:
        module.register(subparsers)
    arguments, unknown = parser.parse_known_args(argv)
    if unknown:
        # A secret may be among them, where quotes were forgotten.
        headers = getattr(arguments, "header", None)
        which = "put all of --header's NAME: VALUE into quotes" if headers else " ".join(unknown)
        parser.error(f"unrecognized arguments: {which}")
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A server's answer may hold what this terminal's encoding doesn't have.
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        code: int = arguments.command(arguments)
    except WrongUsage as error:
        return _fail(error, ExitCode.WRONG_USAGE)
    except (NotKnown, OSError) as error:
        return _fail(error, ExitCode.NOT_KNOWN)
    except Exception:
        # Python's own 1 would say that the server departs.
        sys.stderr.write(without_secrets(traceback.format_exc()))
        return ExitCode.NOT_KNOWN
    return code


def _fail(error: Exception, code: ExitCode) -> int:
    sys.stderr.write(printable(without_secrets(f"error: {error}\n")))
    return code
