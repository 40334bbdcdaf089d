"""A run as it is begun in this process, whichever command asks for it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest

from fixtures.torchserve import Runtime
from matrix.planning import axes, expectations, plan, policy
from matrix.planning.options import RunOptions
from matrix.planning.plan import Plan
from matrix.planning.subject import REPOSITORY
from matrix.running import data_files

_SUITE = Path(__file__).parents[1]

Say = Callable[[str], None]


def make_plan(wanted: RunOptions, runtime: Runtime | None = None) -> Plan:
    """Make the plan of a run; made before pytest starts, it refuses what can't be run.

    Args:
        runtime: the one that TorchServe runs on, where it has been looked for.

    Raises:
        DataFileError: when a data file can't be used.
        PlanError: when a selected word isn't on its axis, or nothing is left to run.
        SubjectError: when the wrapper's command is none, or can't be started as is wanted.
    """
    subject = wanted.subject()
    every, expected = axes.load(), expectations.load()
    data_files.check(every, expected)
    return plan.make(
        every,
        expected,
        wanted,
        runtime or ("container" if wanted.runtime == "auto" else wanted.runtime),
        constructor_known=subject.constructor is not None,
        policy=policy.load(wanted.policy),
    )


def start(wanted: RunOptions, jobs: int, *plugins: object) -> int:
    """Run, and give the exit code; the plugins are what listens and tells."""
    workers = ["-n", str(jobs), "--dist", "loadscope"] if jobs > 1 else ["-n", "0"]
    arguments = [
        str(_SUITE),
        f"--rootdir={REPOSITORY}",
        f"--config-file={REPOSITORY / 'pyproject.toml'}",
        # The plugins are what shows; addopts hold options of what is switched off here.
        *("-p", "no:terminal", "-o", "addopts="),
        # pytest's own folders outlive a run.
        *("-p", "no:cacheprovider", "-p", "no:tmpdir"),
        *workers,
        *wanted.arguments(),
    ]
    return int(pytest.main(arguments, plugins=plugins))


def interrupt(*_: object) -> NoReturn:
    """Handle a signal as Ctrl-C is: pytest ends what was started."""
    raise KeyboardInterrupt


class Notices:
    """A pytest plugin that says what a run notices, and what pytest's terminal plugin would."""

    def __init__(self, say: Say) -> None:
        self.say = say

    def pytest_matrix_notice(self, sentence: str) -> None:
        """Say it."""
        self.say(sentence)

    def pytest_internalerror(self, excrepr: object) -> None:
        """Tell a fault of the harness."""
        self.say(f"the harness failed:\n{excrepr}")

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Tell a check that can't be read."""
        if report.failed:
            self.say(f"the checks can't be read:\n{report.longreprtext}")
