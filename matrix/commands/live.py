"""Shows a run as it goes: cells done, running and failed; at the end the summary."""

from __future__ import annotations

import functools
import time
from collections import Counter

from kserve_conformance.results.record import Record, Run
from rich.console import Console, Group
from rich.live import Live as LiveDisplay
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from matrix.commands import summary
from matrix.commands.output import say
from matrix.planning.cells import Cell
from matrix.planning.plan import Plan
from matrix.results import judging, states, steady_text
from matrix.results.states import UNEXPECTED
from matrix.running.starting import Notices

# A log file gets a line now and then instead of a display that moves.
_LINE_EVERY = 15.0


class Live(Notices):
    """A pytest plugin that listens to the hooks of `matrix.running.hookspecs`."""

    def __init__(self, console: Console) -> None:
        super().__init__(functools.partial(say, console))
        self._console = console
        self._progress = Progress(
            TextColumn("cells"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
        )
        self._display = LiveDisplay(console=console, refresh_per_second=4, transient=True)
        self._left: Counter[str] = Counter()
        self._running: dict[str, None] = {}
        self._failed: dict[str, None] = {}
        self._planned = 0
        self._told = time.monotonic()
        self._ended = False

    def pytest_matrix_planned(self, plan: Plan) -> None:
        """Take what is to come."""
        self._planned = len(plan.cells)
        self._left.update({cell: plan.repeat * len(checks) for cell, checks in plan.checks.items()})
        self._task = self._progress.add_task("cells", total=self._planned)
        self.say(f"{self._planned} cells, {plan.planned_checks} checks")
        if self._console.is_terminal:
            self._display.start()

    def pytest_matrix_cell_entered(self, cell: Cell) -> None:
        """Show the cell as running."""
        self._running[cell.id] = None
        self._show()

    def pytest_matrix_record(self, record: Record) -> None:
        """Count the check; show what is not as expected at once."""
        if states.of(record) in UNEXPECTED and record.cell not in self._failed:
            self._failed[record.cell] = None
            cause = steady_text.short_cause(record)
            self.say(f"{record.verdict}: {record.cell}: {record.check}: {cause}")
        self._left[record.cell] -= 1
        if self._left[record.cell] == 0:
            self._running.pop(record.cell, None)
            self._progress.advance(self._task)
        self._show()

    def pytest_matrix_finished(self, run: Run) -> None:
        """Print the summary."""
        self._ended = True
        self._display.stop()
        summary.show(judging.by_today([run]), self._console)

    def pytest_unconfigure(self) -> None:
        """Leave the terminal as it was, whatever happened."""
        self._display.stop()
        if self._planned and not self._ended:
            self.say(f"the run was cut short after {self._done()} of {self._planned} cells")

    def _done(self) -> int:
        return sum(left == 0 for left in self._left.values())

    def _state(self) -> str:
        running = ", ".join(self._running) or "none"
        return (
            f"{self._done()} of {self._planned} cells done, {len(self._failed)} not as expected; "
            f"running: {running}"
        )

    def _show(self) -> None:
        if self._console.is_terminal:
            self._display.update(Group(self._progress, Text(self._state())))
        elif time.monotonic() - self._told > _LINE_EVERY:
            self._told = time.monotonic()
            self.say(self._state())
