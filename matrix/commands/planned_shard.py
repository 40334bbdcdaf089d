"""A run of one shard of a plan, by the plan's file and a number, the same on every machine."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

from matrix.planning import options, plan_file
from matrix.planning.options import RunOptions
from matrix.planning.plan import Plan, PlanError
from matrix.planning.plan_file import PlannedShard

Parse = Callable[[Sequence[str]], argparse.Namespace]


def add(parser: argparse.ArgumentParser) -> None:
    """Add the options that name a shard."""
    group = parser.add_argument_group("a shard of a plan, instead of a selection")
    group.add_argument(
        "--plan",
        type=Path,
        metavar="FILE",
        help="Run a shard of this plan, which `plan --format json` wrote; only --out, "
        "--jobs, --timings and --list may be given beside it (default of --out: results/shard-N).",
    )
    which = group.add_mutually_exclusive_group()
    which.add_argument(
        "--shard", type=options.positive, metavar="N", help="Which one it is, from 1."
    )
    which.add_argument(
        "--index",
        type=_index,
        metavar="I",
        help="Which one it is, from 0, as JOB_COMPLETION_INDEX and strategy.job-index count.",
    )


def named(arguments: argparse.Namespace) -> PlannedShard | None:
    """Give the shard that is to be run; None where the options themselves say what is.

    Raises:
        DataFileError: when the plan can't be read.
        PlanError: when it has no such shard, or the options contradict it.
    """
    number = arguments.index + 1 if arguments.index is not None else arguments.shard
    if arguments.plan is None:
        if number is not None:
            raise PlanError("--shard and --index are of a plan: name its file with --plan")
        return None
    if number is None:
        raise PlanError("--plan: say which of its shards to run, with --shard or --index")
    wanted = RunOptions.of(arguments).given_names()
    if wanted:
        raise PlanError(
            f"--plan {arguments.plan} says what is run: leave out "
            f"{', '.join(wanted)}, or plan anew with it"
        )
    return plan_file.read(arguments.plan).numbered(number)


def arguments_of(
    shard: PlannedShard, given: argparse.Namespace, parse: Parse
) -> argparse.Namespace:
    """Give the arguments of a shard's run, read by ``parse``, as the command line changes them."""
    told = parse(shard.arguments)
    told.matrix_out = given.matrix_out
    if RunOptions.of(given).out == options.parsed().out:
        told.matrix_out = str(Path(given.matrix_out) / shard.folder)
    if told.matrix_runtime == "auto":
        # Machines that differ would choose differently, and their results aren't joined.
        told.matrix_runtime = shard.runtime
    told.jobs = given.jobs or told.jobs
    told.list, told.timings = given.list, given.timings
    return told


def refuse_other_cells(shard: PlannedShard, planned: Plan, file: Path) -> None:
    """Refuse to run what the plan doesn't mean.

    Raises:
        PlanError: when its arguments come to other cells here than where it was made.
    """
    if [cell.id for cell in planned.cells] != list(shard.cells):
        raise PlanError(
            f"{file}: the arguments of shard {shard.shard} come to other cells here: the plan was "
            "made by another version of the matrix; plan anew with this one"
        )


def _index(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 0 on")
    return int(text)
