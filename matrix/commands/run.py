"""``python -m matrix run``: the person's face of the matrix."""

from __future__ import annotations

import argparse
import os
import signal
from pathlib import Path
from typing import NoReturn

import pytest
from kserve_conformance.errors import ExitCode

from matrix.commands.live import Live
from matrix.commands.output import make_console, put
from matrix.planning import axes, expectations, options, plan, policy
from matrix.planning.options import RunOptions
from matrix.planning.subject import REPOSITORY, Subject
from matrix.running import data_files

_SUITE = Path(__file__).parents[1]


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the subcommand ``run``."""
    parser = subparsers.add_parser(
        "run",
        help="Run the matrix.",
        epilog="Exit codes: 0 all as expected, 1 a verdict against the wrapper, 2 wrong usage, "
        "3 the harness or its environment failed, or fewer cells ran than planned.",
    )
    options.add(parser.add_argument)
    parser.add_argument(
        "--jobs",
        type=options.positive,
        default=min(2, os.cpu_count() or 1),
        help="How many SDK releases run side by side (default: 2, or the number of processors).",
    )
    parser.add_argument("--list", action="store_true", help="Print the cells and run nothing.")
    parser.set_defaults(command=_main)


def _main(arguments: argparse.Namespace) -> int:
    console = make_console()
    wanted = RunOptions.of(arguments)
    planned = make_plan(wanted)
    if arguments.list:
        put("".join(f"{cell.id}\n" for cell in planned.cells))
        return ExitCode.AS_EXPECTED
    signal.signal(signal.SIGTERM, interrupt)
    jobs = min(arguments.jobs, len({cell.kserve for cell in planned.cells}))
    return int(pytest.main(pytest_arguments(wanted, jobs), plugins=[Live(console)]))


def make_plan(wanted: RunOptions) -> plan.Plan:
    """Make the plan of a run, to refuse what can't be run before pytest starts.

    Raises:
        DataFileError: when a data file can't be used.
        PlanError: when a selected word isn't on its axis, or nothing is left to run.
        SubjectError: when the wrapper's command is none.
    """
    subject = Subject.described(wanted.wrapper, wanted.wrapper_name, wanted.constructor)
    runtime = "container" if wanted.runtime == "auto" else wanted.runtime
    known = subject.constructor is not None
    every, expected = axes.load(), expectations.load()
    data_files.check(every, expected)
    return plan.make(
        every,
        expected,
        wanted,
        runtime,
        constructor_known=known,
        policy=policy.load(wanted.policy),
    )


def pytest_arguments(wanted: RunOptions, jobs: int) -> list[str]:
    """Give the arguments of `pytest.main` for a run."""
    workers = ["-n", str(jobs), "--dist", "loadscope"] if jobs > 1 else ["-n", "0"]
    return [
        str(_SUITE),
        f"--rootdir={REPOSITORY}",
        f"--config-file={REPOSITORY / 'pyproject.toml'}",
        # `Live` is what is shown; addopts hold options of what is switched off here.
        *("-p", "no:terminal", "-o", "addopts="),
        # pytest's own folders outlive a run.
        *("-p", "no:cacheprovider", "-p", "no:tmpdir"),
        *workers,
        *wanted.arguments(),
    ]


def interrupt(*_: object) -> NoReturn:
    """Handle a signal as Ctrl-C is: pytest ends what was started."""
    raise KeyboardInterrupt
