"""The two ways in which a bisection learns what a check comes to: by running it, from results."""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType

import pytest
from kserve_conformance.errors import NotKnown
from kserve_conformance.results.record import Record, Run, by_key
from kserve_conformance.results.results_file import read
from kserve_conformance.results.verdict import Unprovisioned, Verdict
from rich.console import Console

from matrix.bisect.bisection import Outcome, Seen
from matrix.commands import given_results, run
from matrix.commands.live import Notices
from matrix.commands.output import say
from matrix.environments import provision
from matrix.planning.axes import Axes
from matrix.planning.cells import Cell
from matrix.planning.options import RunOptions
from matrix.running.instances import Instances

FURTHER_ATTEMPTS = 2
# Packages that don't suit one another can leave a wrapper hanging, which was ready within
# seconds beside its own.
_HYBRID_READY_WITHIN = 30.0

CellOf = Callable[[str], Cell]


class Interrupted(NotKnown):
    """A run that was broken off by Ctrl-C, or by a signal like it."""


class FromResults:
    """Reads what a check came to in results that are there, and runs nothing.

    Args:
        cell_of: the cell of each release.
    """

    def __init__(self, runs: Sequence[Run], check: str, cell_of: CellOf) -> None:
        self._records = by_key(
            record for each in runs for record in each.records if record.check == check
        )
        self._check = check
        self._cell_of = cell_of

    def look(self, release: str) -> Seen:
        """Give the first attempt."""
        found = self._found(release)
        if found:
            return Seen(release, (Outcome(found[0]),))
        return Seen(release, (lacking(self._cell_of(release), self._check, "not in the results"),))

    def again(self, release: str) -> tuple[Outcome, ...]:
        """Give the further attempts, of a run with --repeat."""
        return tuple(Outcome(record) for record in self._found(release)[1:])

    def _found(self, release: str) -> list[Record]:
        cell = self._cell_of(release)
        return self._records.get((cell.id, cell.runtime, self._check), [])


class ByRunning:
    """Runs the check, as `python -m matrix run` does, on one TorchServe for all of them.

    Use as a context manager, which ends TorchServe.

    Args:
        options: of all runs; which cell and check is set here.
        cell_of: the cell of each release.
    """

    def __init__(
        self,
        options: RunOptions,
        check: str,
        cell_of: CellOf,
        axes: Axes,
        console: Console,
    ) -> None:
        self._options = options
        self._check = check
        self._cell_of = cell_of
        self._axes = axes
        self._console = console
        self._torchserve = _Lender(console)

    def __enter__(self) -> ByRunning:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._torchserve.instances.stop()

    def look(self, release: str) -> Seen:
        """Run the check once.

        Raises:
            Interrupted: when it was broken off.
        """
        return Seen(release, self._run(self._cell_of(release), attempts=1))

    def again(self, release: str) -> tuple[Outcome, ...]:
        """Run it twice, each time with a wrapper of its own.

        Raises:
            Interrupted: when it was broken off.
        """
        return self._run(self._cell_of(release), attempts=FURTHER_ATTEMPTS)

    def with_lock(self, release: str, lock: Path) -> Seen:
        """Run the check once in the environment of another lock.

        Raises:
            Interrupted: when it was broken off.
        """
        return Seen(release, self._run(self._cell_of(release), attempts=1, lock=lock))

    def _run(self, cell: Cell, attempts: int, lock: Path | None = None) -> tuple[Outcome, ...]:
        if lock is None and not self._is_made(cell.kserve):
            say(self._console, f"making the environment of KServe {cell.kserve}")
        patience = _HYBRID_READY_WITHIN if lock else self._options.start_timeout
        with tempfile.TemporaryDirectory(prefix="bisect-") as folder:
            wanted = dataclasses.replace(
                self._options,
                cell=(cell.id,),
                check=(self._check,),
                lock=(str(lock),) if lock else (),
                start_timeout=min(patience, self._options.start_timeout),
                repeat=attempts,
                out=Path(folder),
            )
            code = pytest.main(run.pytest_arguments(wanted, 1), plugins=[self._torchserve])
            file = Path(folder, given_results.FILE_NAME)
            found = read(file) if file.is_file() else None
        if found is None or found.cut_short:
            raise Interrupted(f"the run of {cell.id} ended early (exit code {int(code)})")
        records = [record for record in found.records if record.check == self._check]
        return tuple(map(Outcome, records)) or (
            lacking(cell, self._check, "the run has no record"),
        )

    def _is_made(self, release: str) -> bool:
        try:
            return provision.is_made(self._axes.release(release))
        except Unprovisioned:
            return True  # The run tells what is wrong.


class _Lender(Notices):
    """Gives all runs the same TorchServe."""

    def __init__(self, console: Console) -> None:
        super().__init__(console)
        self.instances = Instances()
        self._said: set[str] = set()

    @pytest.hookimpl
    def pytest_matrix_instances(self) -> Instances:
        return self.instances

    def pytest_matrix_notice(self, sentence: str) -> None:
        """Print it once."""
        # Each run would say the same of the TorchServe that they share.
        if sentence not in self._said:
            self._said.add(sentence)
            super().pytest_matrix_notice(sentence)


def lacking(cell: Cell, check: str, why: str) -> Outcome:
    """Give the outcome of a check that could not be made."""
    axes: Mapping[str, str] = cell.axes()
    unprovisioned = Verdict.UNPROVISIONED
    return Outcome(
        Record(cell.id, axes, check, unprovisioned, Verdict.PASSED, why, None, None, 0.0)
    )
