"""``python -m matrix bisect``: the first release on which a check comes to something else."""

from __future__ import annotations

import argparse
import functools
from pathlib import Path

from matrix.bisect import answering, bisection
from matrix.bisect.task import GIVEN, HANDED_ON, Task
from matrix.commands import given_results
from matrix.commands.output import make_console, say
from matrix.planning import axes
from matrix.planning.axis_table import RELEASE_AXES
from matrix.planning.options import RUNTIMES
from matrix.running import interrupts


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the subcommand ``bisect``."""
    parser = subparsers.add_parser(
        "bisect",
        help="Find the first release on which a check comes to something else.",
        description="Runs one check in one cell on releases between two, by binary search, until "
        "two neighbours differ in its verdict or in what was said. Runs both twice more, and each "
        "KServe beside the other's packages, which tells KServe's own change from a dependency's.",
        epilog="Exit codes: 0 the change was found, 1 both ends come to the same, 2 wrong usage, "
        "3 it wasn't found: a release can't be judged, the check is flaky, or the harness failed.",
    )
    required = parser.add_argument_group("what to look for")
    required.add_argument("--check", required=True, metavar="ID", help="The check, or statement.")
    required.add_argument("--good", required=True, metavar="RELEASE", help="The end to start from.")
    required.add_argument(
        "--bad", required=True, metavar="RELEASE", help="The other end; may be the older one."
    )
    parser.add_argument(
        "--axis", choices=RELEASE_AXES, default="kserve", help="Whose releases they are."
    )
    cell = parser.add_argument_group("the cell")
    cell.add_argument("--cell", metavar="ID", help="A cell that has all other axes right.")
    for axis in GIVEN:
        cell.add_argument(f"--{axis.name}", help=axis.searching)
    parser.add_argument(
        "--results",
        action="append",
        type=Path,
        default=[],
        metavar="FILE",
        help="Run nothing, and look into these results, or their folder; may be repeated.",
    )
    as_of_run = parser.add_argument_group("as of `run`")
    as_of_run.add_argument("--runtime", choices=RUNTIMES, default="auto")
    for name, metavar in HANDED_ON.items():
        kind = float if metavar == "SECONDS" else str
        as_of_run.add_argument(f"--{name.replace('_', '-')}", metavar=metavar, type=kind)
    as_of_run.add_argument("--with", dest="with_", metavar="PACKAGE", action="append")
    parser.set_defaults(command=_main)


def _main(arguments: argparse.Namespace) -> int:
    known = axes.load()
    runs = [each.run for each in given_results.together(arguments.results)]
    task = Task.of(arguments, known, runs)
    interrupts.heed()
    found = answering.answer(task, runs, known, functools.partial(say, make_console()))
    return bisection.exit_code(found)
