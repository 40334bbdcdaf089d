"""Shows a run as it goes: cells done, running and failed, the time left; at the end the summary."""

from __future__ import annotations

import contextlib
import functools
import threading
import time
from collections.abc import Callable, Iterator, Sequence

from kserve_conformance.results.record import Record, Run
from rich.console import Console, Group
from rich.live import Live as LiveDisplay
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bar
from rich.text import Text

from matrix.commands import summary
from matrix.commands.output import say
from matrix.commands.progress import Progress
from matrix.planning.cells import Cell
from matrix.planning.plan import Plan
from matrix.results import judging, states, steady_text
from matrix.results.states import UNEXPECTED
from matrix.running.spans import Work
from matrix.running.starting import Notices

# A log file gets a line now and then instead of a display that moves.
_LINE_EVERY = 30.0
_SHOW_EVERY = 1.0


class Live(Notices):
    """A pytest plugin that listens to the hooks of `matrix.running.hookspecs`.

    Args:
        jobs: how many workers the run has.
        clock: gives the time in seconds.
    """

    def __init__(
        self, console: Console, jobs: int = 1, clock: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__(functools.partial(say, console))
        self._console = console
        self._jobs = jobs
        self._clock = clock
        self._bar = Bar(TextColumn("cells"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        self._display = LiveDisplay(console=console, refresh_per_second=4, transient=True)
        self._told = clock()
        # What is reported is shown by a thread of its own: time goes on also while nothing is.
        self._progress: Progress | None = None
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._shower = threading.Thread(target=self._show_on, daemon=True)

    def pytest_matrix_planned(self, plan: Plan) -> None:
        """Take what is to come."""
        self._progress = Progress(plan, self._jobs, self._clock)
        self.say(f"{self._progress.cells} cells, {plan.planned_checks} checks")
        self._task = self._bar.add_task("cells", total=self._progress.cells)
        if self._console.is_terminal:
            self._display.start()
        self._shower.start()

    def pytest_matrix_environments_lacking(self, releases: Sequence[str]) -> None:
        """Take what has to be made for it."""
        with self._reported() as progress:
            progress.lacks(releases)

    def pytest_matrix_cell_entered(self, cell: Cell) -> None:
        """Count the cell as running."""
        with self._reported() as progress:
            progress.entered(cell)

    def pytest_matrix_worked(self, work: Work) -> None:
        """Take what a worker did, which tells how long the rest will take."""
        with self._reported() as progress:
            progress.worked(work)

    def pytest_matrix_record(self, record: Record) -> None:
        """Count the check; show what is not as expected at once."""
        with self._reported() as progress:
            is_news = states.of(record) in UNEXPECTED and progress.failed(record)
            progress.made(record)
        if is_news:
            cause = steady_text.short_cause(record)
            self.say(f"{record.verdict}: {record.cell}: {record.check}: {cause}")

    def pytest_matrix_finished(self, run: Run) -> None:
        """Print the summary."""
        self._stop()
        self._progress = None
        summary.show(judging.by_today([run]), self._console)

    def pytest_unconfigure(self) -> None:
        """Leave the terminal as it was, whatever happened."""
        self._stop()
        if self._progress is not None:
            done, cells = self._progress.done, self._progress.cells
            self.say(f"the run was cut short after {done} of {cells} cells")

    def show(self) -> None:
        """Show how far the run is; where the output is no terminal, if that wasn't told lately."""
        if not self._console.is_terminal and self._clock() - self._told < _LINE_EVERY:
            return
        with self._reported() as progress:
            sentence, done = progress.sentence(), progress.done
        if self._console.is_terminal:
            self._bar.update(self._task, completed=done)
            self._display.update(Group(self._bar, Text(sentence)))
        else:
            self._told = self._clock()
            self.say(sentence)

    @contextlib.contextmanager
    def _reported(self) -> Iterator[Progress]:
        with self._lock:
            if self._progress is None:
                raise RuntimeError("the run has not been planned")
            yield self._progress

    def _show_on(self) -> None:
        while not self._over.wait(_SHOW_EVERY):
            self.show()

    def _stop(self) -> None:
        self._over.set()
        if self._shower.is_alive():
            self._shower.join()
        self._display.stop()
