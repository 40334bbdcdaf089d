"""``python -m drill page``: writes docs/drill.md anew from the results in the repository."""

from __future__ import annotations

import argparse
from pathlib import Path

from drill import page
from matrix.planning.subject import REPOSITORY


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the subcommand ``page``."""
    parser = subparsers.add_parser("page", help="Write docs/drill.md anew, measure nothing.")
    parser.add_argument("--docs", type=Path, default=REPOSITORY / "docs", help="default: docs")
    parser.set_defaults(command=_main)


def _main(arguments: argparse.Namespace) -> int:
    page.write(arguments.docs)
    return 0
