"""The two ways in which a bisection learns what a check comes to: by running it, from results."""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Sequence
from pathlib import Path

import pytest
from kserve_conformance.errors import NotKnown
from kserve_conformance.results.record import Record, Run
from kserve_conformance.results.results_file import read
from kserve_conformance.results.verdict import Unprovisioned, Verdict

from matrix.bisect.bisection import Seen
from matrix.bisect.task import Task
from matrix.environments import own_requirements
from matrix.planning.axes import Axes
from matrix.results.attempts import Attempts
from matrix.running import files, starting
from matrix.running.instances import Instances
from matrix.running.starting import Notices, Say

FURTHER_ATTEMPTS = 2
# Packages that don't suit one another can leave a wrapper hanging, which was ready within
# seconds beside its own.
_HYBRID_READY_WITHIN = 30.0


class Interrupted(NotKnown):
    """A run that was broken off by Ctrl-C, or by a signal like it."""


class FromResults:
    """Reads what a check came to in results that are there, and runs nothing."""

    def __init__(self, task: Task, runs: Sequence[Run]) -> None:
        self._task = task
        self._records = [
            record for run in runs for record in run.records if record.check == task.check
        ]

    def look(self, release: str) -> Seen:
        """Give the first attempt."""
        return _seen(self._task, release, self._found(release)[:1], "not in the results")

    def again(self, release: str) -> list[Record]:
        """Give the further attempts, of a run with --repeat."""
        return self._found(release)[1:]

    def _found(self, release: str) -> list[Record]:
        cell = self._task.cells[release]
        return [each for each in self._records if each.place == (cell.id, cell.runtime)]


class ByRunning(Notices):
    """Runs the check, as `python -m matrix run` does, on one TorchServe for all of them.

    It is a pytest plugin of each run; `close` ends TorchServe.
    """

    def __init__(self, task: Task, axes: Axes, say: Say) -> None:
        super().__init__(say)
        self._task = task
        self._axes = axes
        self._instances = Instances()
        self._noticed: set[str] = set()

    def close(self) -> None:
        """End TorchServe."""
        self._instances.stop()

    def look(self, release: str, lock: Path | None = None) -> Seen:
        """Run the check once.

        Args:
            lock: that of the environment to run it in, instead of the release's own.

        Raises:
            Interrupted: when it was broken off.
        """
        if release in self._task.unplanned:
            return _seen(self._task, release, ())
        return self._run(release, 1, lock)

    def again(self, release: str) -> Sequence[Record]:
        """Run it twice, each time with a wrapper of its own.

        Raises:
            Interrupted: when it was broken off.
        """
        return self._run(release, FURTHER_ATTEMPTS).attempts.records

    def _run(self, release: str, attempts: int, lock: Path | None = None) -> Seen:
        task, cell = self._task, self._task.cells[release]
        if lock is None and not self._is_made(cell.kserve):
            self.say(f"making the environment of KServe {cell.kserve}")
        patience = task.options.start_timeout
        with tempfile.TemporaryDirectory(prefix="bisect-") as folder:
            wanted = dataclasses.replace(
                task.options,
                cell=(cell.id,),
                lock=(str(lock),) if lock else (),
                start_timeout=min(patience, _HYBRID_READY_WITHIN) if lock else patience,
                repeat=attempts,
                out=Path(folder),
            )
            code = starting.start(wanted, 1, self)
            file = Path(folder, files.RESULTS)
            found = read(file) if file.is_file() else None
        if found is None or found.cut_short:
            raise Interrupted(f"the run of {cell.id} ended early (exit code {code})")
        records = [record for record in found.records if record.check == task.check]
        return _seen(task, release, records, "the run has no record")

    def _is_made(self, release: str) -> bool:
        try:
            own = self._task.options.subject().requirements
            return own_requirements.is_made(self._axes.release(release), own)
        except Unprovisioned:
            return True  # The run tells what is wrong.

    @pytest.hookimpl
    def pytest_matrix_instances(self) -> Instances:
        """Lend each run the same TorchServe."""
        return self._instances

    def pytest_matrix_notice(self, sentence: str) -> None:
        """Say it once: each run would say the same of the TorchServe that they share."""
        if sentence not in self._noticed:
            self._noticed.add(sentence)
            self.say(sentence)


def _seen(task: Task, release: str, records: Sequence[Record], why_none: str = "") -> Seen:
    """Give what was seen of a release, a record that says why where there is none."""
    if release in task.unplanned:
        records, why_none = (), f"expectations.toml plans no {task.check} there"
    cell, unprovisioned = task.cells[release], Verdict.UNPROVISIONED
    lacking = Record(
        *(cell.id, cell.axes(), task.check, unprovisioned, Verdict.PASSED, why_none),
        *(None, None, 0.0),
    )
    return Seen(release, Attempts.of(records or [lacking]))
