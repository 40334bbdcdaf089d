"""What a run tells while it goes: how far it is, what it makes, and how long it will still take."""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any

import pytest
from kserve_conformance.results.record import Record
from kserve_conformance.results.verdict import Verdict
from rich.console import Console

from matrix.commands import live as module
from matrix.commands.live import Live
from matrix.commands.progress import roughly
from matrix.planning import options
from matrix.planning.cells import Cell
from matrix.planning.plan import Plan
from matrix.running import starting
from matrix.running.spans import Activity, TimeSpent, Work

CHECK = "starts"


@dataclass
class Shown:
    """A display with a clock of its own, and what it has told."""

    plan: Plan
    live: Live
    text: io.StringIO
    clock: SimpleNamespace
    lines: list[str] = field(default_factory=list)

    def told(self) -> list[str]:
        """Give the lines since the last time that this was asked."""
        every = self.text.getvalue().splitlines()
        new, self.lines = every[len(self.lines) :], every
        return new

    def after(self, seconds: float) -> list[str]:
        """Let time go by, and give what is told then."""
        self.clock.now += seconds
        self.live.show()
        return self.told()

    def enter(self, cell: Cell) -> None:
        """Begin a cell."""
        self.live.pytest_matrix_cell_entered(cell)

    def end(self, cell: Cell, seconds: float, made: float = 0.0, **members: Any) -> None:
        """Make the only check of a cell, and before it the environment."""
        spent: dict[str, float] = {Activity.CHECK: seconds}
        if made:
            spent[Activity.ENVIRONMENT] = made
        work = Work("gw0", cell, CHECK, TimeSpent(self.clock.now, spent))
        self.live.pytest_matrix_worked(work)
        self.live.pytest_matrix_record(record(cell, **members))


def record(cell: Cell, **members: Any) -> Record:
    passed = Record(
        cell.id, cell.axes(), CHECK, Verdict.PASSED, Verdict.PASSED, "", None, None, 1.0, {}
    )
    return replace(passed, attempt=cell.attempt, **members)


@pytest.fixture
def show(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Shown]]:
    """Give what begins to show a run of four cells, where the output is no terminal."""
    # It shows when the test says so, not by itself.
    monkeypatch.setattr(module, "_SHOW_EVERY", 1000)
    begun: list[Live] = []

    def begin(repeat: int = 1) -> Shown:
        wanted = replace(
            options.parsed(),
            runtime="process",
            kserve=("0.9.0", "0.13.1"),
            protocol=("empty",),
            check=(CHECK,),
            repeat=repeat,
        )
        text, clock = io.StringIO(), SimpleNamespace(now=1000.0)
        live = Live(Console(width=300, file=text), 1, lambda: float(clock.now))
        begun.append(live)
        plan = starting.make_plan(wanted, "process")
        live.pytest_matrix_planned(plan)
        return Shown(plan, live, text, clock)

    yield begin
    for live in begun:
        live.pytest_unconfigure()


def test_a_line_is_told_each_30_seconds_at_most(show: Callable[..., Shown]) -> None:
    shown = show()
    assert shown.told() == ["4 cells, 4 checks"]
    assert shown.after(29) == []
    assert shown.after(1) == ["0 of 4 cells done, 0 not as expected; running: none"]
    first, second, *_ = shown.plan.cells
    shown.enter(first)
    assert shown.after(29) == []
    shown.end(first, 29)
    shown.enter(second)
    assert shown.told() == []
    assert shown.after(1) == [f"1 of 4 cells done, 0 not as expected; running: {second.id}"]


def test_the_time_that_is_left_is_told_once_it_is_known(show: Callable[..., Shown]) -> None:
    shown = show()
    shown.told()
    *over, last = shown.plan.cells
    for cell in over:
        shown.enter(cell)
        shown.clock.now += 60
        shown.end(cell, 60)
    shown.enter(last)
    done = "3 of 4 cells done, 0 not as expected"
    assert shown.after(5) == [f"{done}; about 60 s left; running: {last.id}"]
    assert shown.after(30) == [f"{done}; about 30 s left; running: {last.id}"]
    # It should have ended: who knows when it will.
    assert shown.after(30) == [f"{done}; running: {last.id}"]
    shown.end(last, 70)
    assert shown.after(30) == ["4 of 4 cells done, 0 not as expected; running: none"]


def test_making_environments_is_a_part_of_the_progress(show: Callable[..., Shown]) -> None:
    shown = show()
    shown.live.pytest_matrix_environments_lacking(["0.9.0", "0.13.1"])
    shown.told()
    first, second, third, _ = shown.plan.cells
    assert (first.kserve, third.kserve) == ("0.9.0", "0.13.1")
    shown.enter(first)
    done = "0 of 4 cells done, 0 not as expected"
    assert shown.after(30) == [
        f"{done}; making the environment of KServe 0.9.0 (1 of 2); running: none"
    ]
    shown.end(first, 1, made=30)
    shown.enter(second)
    assert shown.after(30) == [f"1 of 4 cells done, 0 not as expected; running: {second.id}"]
    shown.enter(third)
    (line,) = shown.after(30)
    assert "; making the environment of KServe 0.13.1 (2 of 2); " in line


def test_an_environment_that_no_check_asked_for_is_not_being_made(
    show: Callable[..., Shown],
) -> None:
    shown = show()
    shown.live.pytest_matrix_environments_lacking(["0.9.0"])
    shown.enter(shown.plan.cells[0])
    shown.end(shown.plan.cells[0], 1)
    assert "making" not in shown.after(30)[-1]


def test_only_what_nobody_expects_is_told_at_once(show: Callable[..., Shown]) -> None:
    shown = show(repeat=2)
    shown.told()
    first, again, *_ = shown.plan.visits()
    assert (again.id, again.attempt) == (first.id, 2)
    shown.end(first, 1, verdict=Verdict.FAILED, message="why", binding=False)
    assert shown.told() == []
    shown.end(again, 1, verdict=Verdict.FAILED, message="why")
    assert shown.told() == [f"failed: {first.id}: {CHECK}: why"]
    assert shown.after(30) == ["1 of 4 cells done, 1 not as expected; running: none"]


def test_a_run_that_is_cut_short_says_how_far_it_came(show: Callable[..., Shown]) -> None:
    shown = show()
    shown.end(shown.plan.cells[0], 1)
    shown.told()
    shown.live.pytest_unconfigure()
    assert shown.told() == ["the run was cut short after 1 of 4 cells"]


def test_time_goes_on_while_nothing_is_reported(
    show: Callable[..., Shown], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_SHOW_EVERY", 0.01)
    monkeypatch.setattr(module, "_LINE_EVERY", 0)
    text = io.StringIO()
    shown = show()
    assert not text.getvalue()
    deadline = time.monotonic() + 60
    while shown.text.getvalue().count("0 of 4 cells done") < 3:
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.1, "10 s"), (10, "10 s"), (41, "50 s"), (100, "100 s"), (101, "2 min"),
        (121, "3 min"), (3541, "1 h 0 min"), (7300, "2 h 2 min"),
    ],
)  # fmt: skip
def test_an_estimate_is_told_no_finer_than_it_is(seconds: float, words: str) -> None:
    assert roughly(seconds) == words
