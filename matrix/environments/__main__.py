"""``python -m matrix.environments``: makes what a run needs and runs nothing, as for an image.

It takes the options of ``python -m matrix run``; afterwards the run needs no network. It imports no
more than what environments are made of, so that an image's layer of them lasts.
"""

from __future__ import annotations

import argparse
import sys

from kserve_conformance.errors import ExitCode, NotKnown, WrongUsage
from kserve_conformance.results.verdict import Unprovisioned

from fixtures import torchserve
from fixtures.torchserve import TorchServeError
from matrix.environments import given_locks, own_requirements, provision
from matrix.planning import axes, expectations, options, plan
from matrix.planning.options import RunOptions


def main() -> ExitCode:
    """Make all, tell each in a line, and give the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m matrix.environments",
        description="Makes the environments of a run's KServe releases, and what its TorchServe "
        "releases run from. It takes the options of `python -m matrix run`.",
        epilog="Exit codes: 0 all is there; 2 wrong usage; 3 something can't be made here.",
    )
    options.add(parser.add_argument)
    wanted = RunOptions.of(parser.parse_args())
    try:
        _make(wanted)
    except WrongUsage as error:
        return _failed(error, ExitCode.WRONG_USAGE)
    except (NotKnown, TorchServeError, OSError) as error:
        return _failed(error, ExitCode.NOT_KNOWN)
    return ExitCode.AS_EXPECTED


def _make(wanted: RunOptions) -> None:
    runtime = torchserve.available_runtime(wanted.runtime)
    known = axes.load()
    cells = plan.make(known, expectations.load(), wanted, runtime, constructor_known=True).cells
    releases = dict.fromkeys(cell.kserve for cell in cells)
    locks = given_locks.of_run(wanted.lock, known, releases)
    resolved = own_requirements.beside(locks, wanted.subject().requirements)
    for lock in resolved.found.values():
        _say(f"{lock.release}: {provision.of_lock(lock).python}")
    for release in dict.fromkeys(cell.torchserve for cell in cells):
        _say(f"TorchServe {release}: {torchserve.provide(runtime, release, wanted.image)}")
    if resolved.lacking:
        raise Unprovisioned("; ".join(resolved.lacking.values()))


def _say(sentence: str) -> None:
    sys.stdout.write(f"{sentence}\n")
    sys.stdout.flush()


def _failed(error: Exception, code: ExitCode) -> ExitCode:
    sys.stderr.write(f"error: {error}\n")
    return code


if __name__ == "__main__":
    sys.exit(main())
