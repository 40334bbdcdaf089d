"""The options that say which wrapper is drilled, and on which releases of the SDK."""

from __future__ import annotations

import argparse

from matrix.planning import axes
from matrix.planning.subject import Subject

DEFAULT = ("0.13.1",)


def add(parser: argparse.ArgumentParser) -> None:
    """Add them."""
    parser.add_argument(
        "--kserve",
        action="append",
        metavar="RELEASE",
        help=f"A release of the KServe SDK, or newest; several may be named (default: "
        f"{', '.join(DEFAULT)}).",
    )
    parser.add_argument(
        "--wrapper",
        metavar="COMMAND",
        help="What starts the wrapper, as for `python -m matrix run` (default: this checkout's).",
    )


def subject(arguments: argparse.Namespace) -> Subject:
    """Give the wrapper that is named.

    Raises:
        SubjectError: when its command is none.
    """
    return Subject.described(arguments.wrapper, None, None)


def releases(arguments: argparse.Namespace) -> list[str]:
    """Give the releases that are named, each once.

    Raises:
        AxesError: when axes.toml doesn't have one of them.
    """
    known = axes.load()
    named = dict.fromkeys(known.resolved(arguments.kserve or DEFAULT))
    return [known.release(each).release for each in named]
