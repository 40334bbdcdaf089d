"""A run as it is begun in this process, whichever command asks for it."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from fixtures.torchserve import Runtime
from matrix.planning import axes, expectations, plan, policy
from matrix.planning.axes import Axes
from matrix.planning.axis_table import RELEASE_AXES
from matrix.planning.options import RunOptions
from matrix.planning.plan import Plan
from matrix.planning.subject import REPOSITORY
from matrix.running import data_files, interrupts

if TYPE_CHECKING:
    from matrix.running.image_contents import Contents

_SUITE = Path(__file__).parents[1]
_PYTESTS_OWN = "PYTEST_"
_NO_OTHERS = "PYTEST_DISABLE_PLUGIN_AUTOLOAD"

Say = Callable[[str], None]


def make_plan(wanted: RunOptions, runtime: Runtime | None = None) -> Plan:
    """Make the plan of a run; made before pytest starts, it refuses what can't be run.

    Args:
        runtime: the one that TorchServe runs on, where it has been looked for.

    Raises:
        DataFileError: when a data file can't be used.
        PlanError: when a selected word isn't on its axis, or nothing is left to run.
        SubjectError: when the wrapper's command is none, or can't be started as is wanted, and
            when an image has not what it is said to have, or nothing to test.
        RuntimeUnavailable: when an image can't be had.
    """
    subject = wanted.subject()
    every, expected = axes.load(), expectations.load()
    data_files.check(every, expected)
    found = contents(wanted, every)
    if found is not None:
        runtime = "container"
    return plan.make(
        every,
        expected,
        wanted,
        runtime or ("container" if wanted.runtime == "auto" else wanted.runtime),
        constructor_known=subject.constructor is not None,
        policy=policy.load(wanted.policy),
        own=None if found is None else found.points(every.offered["envelope"]),
    )


def contents(wanted: RunOptions, every: Axes) -> Contents | None:
    """Tell what the image under test has, None where a command is.

    Raises:
        SubjectError: when it has another release than is asked for, none or several.
        RuntimeUnavailable: when it can't be had.
    """
    if wanted.subject_image is None:
        return None
    # A client of the engine takes long to import.
    from matrix.running import image_contents

    named = {axis: every.resolved(getattr(wanted, axis), axis) for axis in RELEASE_AXES}
    return image_contents.of(wanted.subject_image).chosen(named)


def start(wanted: RunOptions, jobs: int, *plugins: object) -> int:
    """Run, and give the exit code; the plugins are what listens and tells.

    Raises:
        KeyboardInterrupt: when a signal that `interrupts` heeds came before.
    """
    interrupts.check()
    workers = ["-n", str(jobs), "--dist", "loadscope"] if jobs > 1 else ["-n", "0"]
    arguments = [
        str(_SUITE),
        f"--rootdir={REPOSITORY}",
        f"--config-file={REPOSITORY / 'pyproject.toml'}",
        # Of the plugins that happen to be installed, those that the checks are run by.
        *("-p", "xdist.plugin", "-p", "pytest_timeout"),
        # The plugins are what shows; addopts hold options of what is switched off here.
        *("-p", "no:terminal", "-o", "addopts="),
        # pytest's own folders outlive a run.
        *("-p", "no:cacheprovider", "-p", "no:tmpdir"),
        # They search all memory for what only the plugin of the terminal would tell.
        *("-p", "no:unraisableexception", "-p", "no:threadexception"),
        *workers,
        *wanted.arguments(),
    ]
    with _without_options_of_others():
        return int(pytest.main(arguments, plugins=[interrupts.Checks(), *plugins]))


@contextlib.contextmanager
def _without_options_of_others() -> Iterator[None]:
    """Set aside what pytest would read of the environment.

    Who runs tests sets it for these: PYTEST_ADDOPTS would be refused for what is switched off here,
    or choose among the cells. Nor are there plugins of others: one may shuffle the checks, and
    Schemathesis takes as long to import as all that a worker needs.
    """
    aside = {name: value for name, value in os.environ.items() if name.startswith(_PYTESTS_OWN)}
    for name in aside:
        del os.environ[name]
    os.environ[_NO_OTHERS] = "1"
    try:
        yield
    finally:
        del os.environ[_NO_OTHERS]
        os.environ.update(aside)


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
