"""The account of a run's time: all of it is told, and so is what decided when the run ended."""

from __future__ import annotations

import io

from rich.console import Console

from matrix.commands import time_account
from matrix.planning.cells import Cell
from matrix.reports.worker_time import Item, Link, Path, Share, WorkerTime
from matrix.running.spans import TimeSpent, Work

# The run begins at 100, is about to start its workers at 104, and ends at 200.
MOMENTS = (100.0, 104.0, 200.0)


def cell(kserve: str, protocol: str = "v1") -> Cell:
    return Cell(kserve, protocol, "kserve", "0.12.0", "process")


def work(worker: str, made: Cell, check: str, ended: float, **spent: float) -> Work:
    names = {"waiting": "waiting for TorchServe", "forked": "forked starts"}
    seconds = {names.get(name, name): each for name, each in spent.items()}
    return Work(worker, made, check, TimeSpent(ended, seconds, dict.fromkeys(seconds, 1)))


OLD, NEW, NEWEST = cell("0.9.0"), cell("0.13.1"), cell("0.21.0")
WORKS = [
    work("gw0", OLD, "starts", 120, forked=8, checks=2),
    work("gw1", NEW, "starts", 121, forked=6, checks=1),
    work("gw1", NEW, "drains", 130, checks=1, waiting=8),
    work("gw1", cell("0.13.1", "v2"), "drains", 150, checks=20),
    # gw1 had no work from 150 to 160.
    work("gw1", NEWEST, "repository", 190, checks=5, waiting=25),
]


def account(jobs: int = 2, works: list[Work] = WORKS) -> WorkerTime:
    return WorkerTime(works, MOMENTS, jobs)


def test_every_worker_second_is_told_once() -> None:
    shares = account().shares()
    assert shares == [
        # gw0: from 120 on, gw1: 110 to 114, 150 to 160, 190 to 200.
        Share("idle", 104, None),
        Share("waiting for TorchServe", 33, 2),
        Share("checks", 29, None),
        Share("forked starts", 14, 2),
        Share("start-up of its workers", 12, None),
        Share("start-up of the run", 8, None),
    ]
    assert sum(share.seconds for share in shares) == 2 * 100


def test_a_worker_that_was_given_nothing_has_been_idle() -> None:
    idle = {share.name: share.seconds for share in account(jobs=3).shares()}["idle"]
    assert idle == 104 + 90


def test_the_critical_path_is_that_of_the_worker_that_ended_last() -> None:
    assert account().critical_path(2) == Path(
        "gw1",
        start_up=14,
        links=[
            Link(NEW.id, 16, 8),
            Link(cell("0.13.1", "v2").id, 20, 0),
            Link(NEWEST.id, 30, 25),
        ],
        idle=20,
        longest=[
            Item(NEWEST, "repository", 30, 25),
            Item(cell("0.13.1", "v2"), "drains", 20, 0),
        ],
    )


def test_no_run_is_faster_than_its_longest_cell() -> None:
    told = account()
    assert told.longest_cell() == (NEWEST.id, 30)
    assert told.at_best(1) == 10 + 76
    assert told.at_best(2) == 10 + 38
    assert told.at_best(4) == 10 + 30


def test_a_run_that_made_no_check_was_start_up() -> None:
    nothing = account(works=[])
    assert nothing.critical_path(1) is None
    assert {share.name: share.seconds for share in nothing.shares()} == {
        "start-up of its workers": 192,
        "start-up of the run": 8,
        "idle": 0,
    }
    assert said(nothing)[-1] == "idle 0.0 0.0%"


def test_in_words() -> None:
    lines = said(account())
    assert lines[0] == "where the time went: 2 workers, 1 min 40 s each"
    assert "forked starts 14.0 7.0% 2" in lines
    assert lines[lines.index("start-up of the run 8.0 4.0%") + 1 :] == [
        "the critical path is that of gw1: start-up 14 s",
        f"{NEW.id}: 16 s, 8.00 s of it waiting",
        f"{cell('0.13.1', 'v2').id}: 20 s",
        f"{NEWEST.id}: 30 s, 25 s of it waiting",
        "without work: 20 s",
        "its longest checks:",
        f"repository in {NEWEST.id}: 30 s, 25 s of it waiting",
        f"drains in {cell('0.13.1', 'v2').id}: 20 s",
        f"drains in {NEW.id}: 9.00 s, 8.00 s of it waiting",
        f"starts in {NEW.id}: 7.00 s",
        f"the longest cell: {NEWEST.id}, 30 s",
        "at best, each check as fast as here: 48 s with 2 jobs, 40 s with 4 jobs, 40 s with 8 jobs",
    ]


def test_of_many_links_the_longest_are_told_in_their_order() -> None:
    works = [work("", cell(f"0.{n}.0"), "starts", 110 + n, checks=n / 10) for n in range(1, 15)]
    lines = said(account(1, works))
    told = [line for line in lines if line.startswith("kserve")]
    assert [line.partition(":")[0] for line in told] == [cell(f"0.{n}.0").id for n in range(3, 15)]
    assert "2 shorter cells: 0.30 s" in lines
    assert "the critical path is that of the only worker: start-up 10 s" not in lines
    assert any(line.startswith("the critical path is that of the only worker") for line in lines)


def said(told: WorkerTime) -> list[str]:
    shown = io.StringIO()
    time_account.show(told, Console(width=120, file=shown))
    lines = (" ".join(line.split()) for line in shown.getvalue().splitlines())
    return [line for line in lines if line.strip("─ ")]
