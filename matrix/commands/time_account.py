"""What ``run --timings`` tells at the end of a run: where the time went, and what it hung on."""

from __future__ import annotations

import time
from collections.abc import Iterator

import psutil
import pytest
from rich import box
from rich.console import Console
from rich.table import Table

from matrix.commands.output import say
from matrix.planning.counted import many
from matrix.reports.timings import duration
from matrix.reports.worker_time import Path, WorkerTime
from matrix.running.spans import Work

_MOST_LINKS = 12
_MOST_ITEMS = 5


class TimeAccount:
    """A pytest plugin that listens to the hooks of `matrix.running.hookspecs`.

    Args:
        jobs: how many workers the run has.
    """

    def __init__(self, console: Console, jobs: int) -> None:
        self._console = console
        self._jobs = jobs
        # A run begins with its process: what that imports is a part of what people wait for.
        self._began = psutil.Process().create_time()
        self._workers_began: float | None = None
        self._works: list[Work] = []

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_setupnodes(self) -> None:
        """See that the workers are about to be started."""
        self._workers_began = time.time()

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection(self) -> None:
        """See that this process is about to collect the checks, where it is the only worker."""
        self._workers_began = self._workers_began or time.time()

    def pytest_matrix_worked(self, work: Work) -> None:
        """Take what a worker did."""
        self._works.append(work)

    @pytest.hookimpl(trylast=True)
    def pytest_matrix_finished(self) -> None:
        """Tell it, below the summary."""
        ended = time.time()
        moments = (self._began, self._workers_began or ended, ended)
        account = WorkerTime(self._works, moments, self._jobs)
        show(account, self._console)


def show(account: WorkerTime, console: Console) -> None:
    """Print the table of what the time went to, and the chain of work that decided the end."""
    console.print(_table(account))
    for sentence in _sentences(account):
        say(console, sentence)


def _table(account: WorkerTime) -> Table:
    workers = many(account.jobs, "worker")
    table = Table(
        title=f"where the time went: {workers}, {duration(account.seconds)} each",
        box=box.SIMPLE_HEAD,
    )
    table.add_column("", no_wrap=True)
    for column in ("worker-seconds", "share", "times"):
        table.add_column(column, justify="right", no_wrap=True)
    whole = account.jobs * account.seconds
    for each in account.shares():
        times = "" if each.times is None else f"{each.times:,}"
        table.add_row(each.name, f"{each.seconds:.1f}", f"{each.seconds / whole:.1%}", times)
    return table


def _sentences(account: WorkerTime) -> Iterator[str]:
    path = account.critical_path(_MOST_ITEMS)
    if path is None:
        return
    yield from _in_words(path)
    cell, seconds = account.longest_cell()
    yield f"the longest cell: {cell}, {duration(seconds)}"
    jobs = [account.jobs * times for times in (1, 2, 4)]
    told = (f"{duration(account.at_best(each))} with {many(each, 'job')}" for each in jobs)
    yield f"at best, each check as fast as here: {', '.join(told)}"


def _in_words(path: Path) -> Iterator[str]:
    worker = path.worker or "the only worker"
    yield f"the critical path is that of {worker}: start-up {duration(path.start_up)}"
    order = sorted(range(len(path.links)), key=lambda place: -path.links[place].seconds)
    for place in sorted(order[:_MOST_LINKS]):
        link = path.links[place]
        yield f"  {link.cell}: {_time(link.seconds, link.waiting)}"
    if order[_MOST_LINKS:]:
        others = sum(path.links[place].seconds for place in order[_MOST_LINKS:])
        yield f"  {many(len(order) - _MOST_LINKS, 'shorter cell')}: {duration(others)}"
    yield f"  without work: {duration(path.idle)}"
    yield "its longest checks:"
    for item in path.longest:
        yield f"  {item.check} in {item.cell.visit}: {_time(item.seconds, item.waiting)}"


def _time(seconds: float, waiting: float) -> str:
    of_it = f", {duration(waiting)} of it waiting" if waiting else ""
    return f"{duration(seconds)}{of_it}"
