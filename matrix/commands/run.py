"""``python -m matrix run``: the person's face of the matrix."""

from __future__ import annotations

import argparse

from kserve_conformance.errors import ExitCode

from matrix.commands import planned_shard
from matrix.commands.live import Live
from matrix.commands.output import make_lasting_console, put
from matrix.commands.time_account import TimeAccount
from matrix.planning import options
from matrix.planning.options import RunOptions
from matrix.planning.plan import PlanError
from matrix.planning.shards import SIDE_BY_SIDE, jobs_here
from matrix.running import interrupts, starting


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the subcommand ``run``."""
    parser = subparsers.add_parser(
        "run",
        help="Run the matrix.",
        epilog="Exit codes: 0 all as expected, 1 a verdict against the wrapper, 2 wrong usage, "
        "3 the harness or its environment failed, or fewer cells ran than planned.",
    )
    planned_shard.add(parser)
    _add_options(parser)
    parser.set_defaults(command=_main)


def _add_options(parser: argparse.ArgumentParser) -> None:
    options.add(parser.add_argument)
    parser.add_argument(
        "--jobs",
        type=options.positive,
        help="How many cells run side by side, each of which waits for TorchServe most of its time "
        f"(default: {SIDE_BY_SIDE} for each processor).",
    )
    parser.add_argument(
        "--timings",
        action="store_true",
        help="Tell at the end what the workers spent their time on, and which of their work "
        "decided when the run ended.",
    )
    parser.add_argument("--list", action="store_true", help="Print the cells and run nothing.")


def _main(arguments: argparse.Namespace) -> int:
    file, shard = arguments.plan, planned_shard.named(arguments)
    if shard is not None:
        name = f"shard {shard.shard} of {file}"
        parser = argparse.ArgumentParser(prog=name, usage=argparse.SUPPRESS, add_help=False)
        _add_options(parser)
        arguments = planned_shard.arguments_of(shard, arguments, parser.parse_args)
    wanted = RunOptions.of(arguments)
    planned = starting.make_plan(wanted)
    if shard is not None:
        planned_shard.refuse_other_cells(shard, planned, file)
    if arguments.list:
        put("".join(f"{cell.id}\n" for cell in planned.cells))
        return ExitCode.AS_EXPECTED
    interrupts.heed()
    jobs = min(_jobs(arguments.jobs, wanted), len(planned.cells))
    console = make_lasting_console()
    account = [TimeAccount(console, jobs)] if arguments.timings else []
    return starting.start(wanted, jobs, Live(console, jobs), *account)


def _jobs(given: int | None, wanted: RunOptions) -> int:
    """Say how many cells run side by side; of a wrapper that has its own ports, one.

    A pod of an image has a TorchServe of its own, so that there is one for each processor.

    Raises:
        PlanError: when more are asked for.
    """
    if wanted.subject_image is not None:
        return given or jobs_here() // SIDE_BY_SIDE
    if wanted.ports is None:
        return given or jobs_here()
    if given is not None and given > 1:
        raise PlanError(
            f"--jobs {given} and --ports {wanted.ports} contradict each other: only one wrapper at "
            "a time can open these ports"
        )
    return 1
