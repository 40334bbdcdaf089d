"""``kserve-conformance issue``: writes the text of an issue about one departure of a run."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from kserve_conformance import report_upstream
from kserve_conformance.errors import ExitCode
from kserve_conformance.text.visible import printable


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the subcommand ``issue``."""
    parser = subparsers.add_parser(
        "issue",
        help="Write the text of an issue for the project whose server departs.",
        epilog="Look for the fingerprint in its last line before it is reported: it is the same in "
        "each release.",
    )
    parser.add_argument(
        "claim", type=Path, metavar="CLAIM", help="What run left: its folder, or claim.md in that."
    )
    parser.add_argument("id", metavar="ID", help="The statement that the server departs from.")
    parser.set_defaults(command=_main)


def _main(arguments: argparse.Namespace) -> int:
    sys.stdout.write(printable(report_upstream.text(arguments.claim, arguments.id)))
    return ExitCode.AS_EXPECTED
