"""``python -m drill soak``: many minutes of load with a fault in each."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from kserve_conformance.errors import ExitCode
from kserve_conformance.text.visible import printable

from drill import rows, soak, soak_results
from drill.commands import progress, subject_options
from matrix.planning.options import positive


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the subcommand ``soak``."""
    parser = subparsers.add_parser(
        "soak",
        help="Half of the best rate for many minutes, with a fault in each.",
        epilog="Exit codes: 0 nothing grows and all is right, 1 it isn't so, 2 wrong usage, 3 the "
        "drill or what surrounds it failed.",
    )
    subject_options.add(parser)
    parser.add_argument("--minutes", type=positive, default=20, help="default: 20")
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("results/drill"),
        metavar="FOLDER",
        help=f"Where {soak_results.FILE} goes (default: results/drill).",
    )
    parser.set_defaults(command=_main)


def _main(arguments: argparse.Namespace) -> int:
    subject = subject_options.subject(arguments)
    faults = [row.shortened() for row in rows.load().values() if row.soak]
    soaks = []
    for release in subject_options.releases(arguments):
        progress.say(f"KServe {release}, {arguments.minutes} minutes:")
        soaks.append(soak.run(subject, release, arguments.minutes, faults, progress.say))
    soak_results.write(arguments.out / soak_results.FILE, subject.command, soaks)
    sys.stdout.write(printable(soak_results.table([each.to_dict() for each in soaks])))
    unmet = [said for each in soaks for said in each.unmet]
    return ExitCode.AGAINST_SUBJECT if unmet else ExitCode.AS_EXPECTED
