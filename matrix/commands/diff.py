"""``python -m matrix diff``: what changed between two results."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from matrix.commands import given_results
from matrix.commands.output import put
from matrix.diff import changes, comparison
from matrix.diff.changes import Compared
from matrix.planning import expectations
from matrix.running import files

_FORMATS: Mapping[str, Callable[[Compared, bool], Iterable[str]]] = {
    "text": changes.text,
    "markdown": changes.markdown,
    "json": lambda compared, _: [json.dumps(changes.document(compared), indent=2)],
}


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the subcommand ``diff``."""
    parser = subparsers.add_parser(
        "diff",
        help="Compare two results: what regressed, what is fixed, what else changed.",
        description="Compares two results, check by check in the same cell on the same backend. "
        "Ports, times, ids and folders of a run make no difference. Results of other wrappers, "
        "suites or locks are compared, too, and that they are others is said.",
        epilog="Exit codes: 0 nothing regressed; 1 something did; 2 results that can't be read, or "
        "that share no check; 3 nothing that is known regressed, and something that OLD judged is "
        "not known in NEW, or NEW was cut short.",
    )
    for name, what in (("old", "The earlier"), ("new", "The later")):
        parser.add_argument(
            name,
            type=Path,
            metavar=name.upper(),
            help=f"{what} results: a file, or the folder of its {files.RESULTS}.",
        )
    parser.add_argument(
        "--common",
        action="store_true",
        help="Leave aside what only one of the two planned, such as where NEW is a run of a few "
        "cells.",
    )
    parser.add_argument(
        "--format",
        choices=tuple(_FORMATS),
        default="text",
        help="How to tell it (default: text).",
    )
    parser.add_argument(
        "--all", action="store_true", help="Tell every finding, however many there are."
    )
    parser.set_defaults(command=_main)


def _main(arguments: argparse.Namespace) -> int:
    old, new = given_results.one(arguments.old), given_results.one(arguments.new)
    found = comparison.compare(old.run, new.run, common=arguments.common)
    compared = Compared(old, new, found, expectations.load())
    put("".join(f"{line}\n" for line in _FORMATS[arguments.format](compared, arguments.all)))
    return found.exit_code()
