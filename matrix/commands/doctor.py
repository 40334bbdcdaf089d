"""``python -m matrix doctor``: what this machine has and lacks for a run."""

from __future__ import annotations

import argparse

from kserve_conformance.errors import ExitCode

from matrix.commands.output import put
from matrix.doctor import examining
from matrix.planning import axes
from matrix.running import data_files


def register(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``doctor`` to the commands of ``python -m matrix``."""
    parser = commands.add_parser(
        "doctor",
        help="say what this machine has and lacks",
        description="Say what this machine has and lacks for a run of the default profile. "
        "Exits 0 when it can run, 3 when it can't. Changes nothing.",
    )
    parser.set_defaults(command=_main)


def _main(_: argparse.Namespace) -> int:
    known = axes.load()
    data_files.check_fixtures(known)
    lacking = []
    for finding in examining.examine(known):
        put(f"{finding}\n")
        lacking += [finding.subject] if finding.needed and not finding.has else []
    if lacking:
        put(f"The default profile can't run: it lacks {', '.join(lacking)}.\n")
        return ExitCode.NOT_KNOWN
    put("The default profile can run: python -m matrix run\n")
    return ExitCode.AS_EXPECTED
