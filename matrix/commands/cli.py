"""``python -m matrix``: its commands, and what it says of a user's mistake."""

from __future__ import annotations

import argparse
import traceback
from collections.abc import Sequence

from kserve_conformance.results.merging import Disagreement, MergeError
from kserve_conformance.results.results_file import ResultsError
from kserve_conformance.results.verdict import SubjectFailed, Unprovisioned

from fixtures.torchserve import RuntimeUnavailable
from matrix.bisect.bisection import Unjudged
from matrix.commands import (
    bisect,
    can_i_upgrade,
    diff,
    doctor,
    gate,
    lock,
    merge,
    peers,
    plan,
    replay,
    report,
    reproduce,
    run,
    summary,
)
from matrix.commands.bisect import BisectError
from matrix.commands.output import fail, prepare
from matrix.commands.probers import Interrupted
from matrix.diff.comparison import ComparisonError
from matrix.environments.locking import LockError
from matrix.environments.roster import RosterError
from matrix.gate.deciding import GateError
from matrix.planning.axes import AxesError
from matrix.planning.expectations import ExpectationsError
from matrix.planning.plan import PlanError
from matrix.planning.policy import PolicyError
from matrix.planning.subject import SubjectError
from matrix.replay.replaying import ReplayError
from matrix.running.ports import PortError
from matrix.upgrade.answering import UpgradeError

# What a user's own words or files are to blame for, whatever the command.
_WRONG_USAGE = (
    AxesError,
    BisectError,
    ComparisonError,
    ExpectationsError,
    GateError,
    MergeError,
    PlanError,
    PolicyError,
    ReplayError,
    ResultsError,
    RosterError,
    SubjectError,
    UpgradeError,
)

# What keeps a command from finding out, such as parts of a run of which each gives another answer.
_NOT_KNOWN = (
    Disagreement,
    Interrupted,
    LockError,
    OSError,
    PortError,
    RuntimeUnavailable,
    SubjectFailed,
    Unjudged,
    Unprovisioned,
)

# Each module of a command adds it to the parser, and sets ``command`` to the function that
# takes the parsed arguments and gives the exit code.
_COMMANDS = (
    run,
    plan,
    replay,
    reproduce,
    summary,
    gate,
    report,
    diff,
    bisect,
    can_i_upgrade,
    merge,
    lock,
    peers,
    doctor,
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and give its exit code.

    0: all as expected; 1: a verdict against what was checked; 2: wrong usage; 3: the
    harness or its environment failed.
    """
    parser = argparse.ArgumentParser(
        prog="python -m matrix",
        description="Runs a wrapper on every KServe SDK release against real TorchServe.",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for module in _COMMANDS:
        module.register(commands)
    arguments = parser.parse_args(argv)
    prepare()
    try:
        code: int = arguments.command(arguments)
    except _WRONG_USAGE as error:
        return fail(error, 2)
    except _NOT_KNOWN as error:
        return fail(error, 3)
    except KeyboardInterrupt:
        return fail("interrupted", 3)
    except Exception:
        # Python's own 1 would say that the wrapper fails.
        traceback.print_exc()
        return 3
    return code
