"""``python -m matrix provision``: what a run needs, made before it, as in an image or a cache."""

from __future__ import annotations

import argparse

from kserve_conformance.errors import ExitCode
from kserve_conformance.results.verdict import Unprovisioned

from fixtures import torchserve
from matrix.commands.output import fail, put
from matrix.environments import given_locks, locking, provision
from matrix.planning import axes, options
from matrix.planning.options import RunOptions
from matrix.running import starting


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the subcommand ``provision``."""
    parser = subparsers.add_parser(
        "provision",
        help="Make what a run needs, and run nothing.",
        description="Makes the environments of a run's KServe releases, and what its TorchServe "
        "releases run from, as the run itself would: afterwards it needs no network. It takes the "
        "options of `run`.",
        epilog="Exit codes: 0 all is there; 2 wrong usage; 3 something can't be made here.",
    )
    options.add(parser.add_argument)
    parser.set_defaults(command=_main)


def _main(arguments: argparse.Namespace) -> int:
    wanted = RunOptions.of(arguments)
    runtime = torchserve.available_runtime(wanted.runtime)
    cells = starting.make_plan(wanted, runtime).cells
    known, code = axes.load(), ExitCode.AS_EXPECTED
    releases = dict.fromkeys(cell.kserve for cell in cells)
    given = given_locks.by_release(wanted.lock, known, releases)
    for release in releases:
        lock = given.get(release) or locking.find(known.release(release))
        try:
            put(f"{lock.release}: {provision.of_lock(lock).python}\n")
        except Unprovisioned as error:
            code = fail(error, ExitCode.NOT_KNOWN)
    for release in dict.fromkeys(cell.torchserve for cell in cells):
        put(f"TorchServe {release}: {torchserve.provide(runtime, release, wanted.image)}\n")
    return code
