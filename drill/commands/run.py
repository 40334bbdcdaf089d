"""``python -m drill run``: breaks things, row by row, and tells what became of the requests."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from kserve_conformance.text.visible import printable

from drill import gateway, rows, running, tables
from drill.commands import progress, subject_options
from drill.results import Drill, Result
from drill.rows import Row
from drill.running import Tell

JSON, MARKDOWN = "drill.json", "drill.md"


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the subcommand ``run``."""
    parser = subparsers.add_parser(
        "run",
        help="Break things under load, and tell what clients see.",
        epilog="Exit codes: 0 each row is as wanted, 1 one isn't, 2 wrong usage, 3 the drill or "
        "what surrounds it failed.",
    )
    subject_options.add(parser)
    parser.add_argument(
        "--row",
        action="append",
        default=[],
        metavar="NAME",
        help="A row of drill/rows.toml; several may be named (default: all).",
    )
    parser.add_argument(
        "--short",
        action="store_true",
        help="Only the rows that have a short form, and those shorter: a minute on one release. "
        "One that isn't as wanted is run once more, since times are wanted of a busy machine, too.",
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("results/drill"),
        metavar="FOLDER",
        help=f"Where {JSON} and {MARKDOWN} go (default: results/drill).",
    )
    parser.add_argument(
        "--add",
        action="store_true",
        help=f"Keep what {JSON} there has of other rows and releases.",
    )
    parser.add_argument("--list", action="store_true", help="Print the rows and run nothing.")
    parser.set_defaults(command=_main)


def _main(arguments: argparse.Namespace) -> int:
    known = rows.load()
    # A mistake in it is told before minutes have gone by.
    gateway.load()
    chosen = rows.chosen(known, arguments.row, arguments.short)
    subject = subject_options.subject(arguments)
    releases = subject_options.releases(arguments)
    if arguments.list:
        sys.stdout.write("".join(f"{row.name:26} {row.title}\n" for row in chosen))
        return 0
    file = arguments.out / JSON
    form, tries = ("short", 2) if arguments.short else ("long", 1)
    earlier = Drill.read(file) if arguments.add else Drill(subject.command, form, [])
    results: list[Result] = []
    for result in running.run(subject, releases, chosen, _tell, tries):
        results.append(result)
        progress.say(tables.line(result))
        # What was found is kept, also where the run is broken off.
        drill = Drill(subject.command, form, results)
        drill.joined(earlier).write(file)
    drill = Drill(subject.command, form, results)
    told = f"{tables.outcome(drill, known)}\n{tables.counts(drill)}"
    (arguments.out / MARKDOWN).write_text(told, encoding="utf-8")
    sys.stdout.write(printable(f"{told}\n{tables.summed_up(drill)}\n"))
    return drill.exit_code


def _tell(row: Row, release: str) -> Tell:
    return lambda phase: progress.show(f"KServe {release}, {row.name}: {phase}")
