"""Which cell a worker is handed next; the workers are pytest-xdist's in all but their processes."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from matrix.planning.cells import Cell
from matrix.running.distribution import ByCell

CHECKS = ("starts", "model-ready", "v1-predict", "conformance")
RELEASES = ("0.9.0", "0.10.2", "0.13.1", "0.21.0")


def cells(repeat: int = 1) -> list[Cell]:
    return [
        Cell(release, protocol, "kserve", "0.12.0", "process", attempt)
        for release in RELEASES
        for protocol in ("unset", "v1")
        for attempt in range(1, repeat + 1)
    ]


class Worker:
    """Takes what it is sent, and runs it when it is told to."""

    def __init__(self, scheduler: ByCell, collection: list[str]) -> None:
        self.shutting_down = False
        self.sent: list[int] = []
        self.gateway = SimpleNamespace(id="gw")
        self.scheduler, self._collection = scheduler, collection
        scheduler.add_node(self)
        scheduler.add_node_collection(self, collection)

    def send_runtest_some(self, indices: list[int]) -> None:
        self.sent += indices

    def shutdown(self) -> None:
        self.shutting_down = True

    def releases(self) -> list[str]:
        """List the releases of what it has to do."""
        names = (self._collection[index].partition("kserve")[2] for index in self.sent)
        return list(dict.fromkeys(name.partition("-")[0] for name in names))

    def runs(self, checks: int = 1) -> None:
        for _ in range(checks):
            self.scheduler.mark_test_complete(self, self.sent.pop(0))


def workers(count: int, *unmade: str, repeat: int = 1) -> list[Worker]:
    visits = {cell.visit: cell for cell in cells(repeat)}
    config: Any = SimpleNamespace(
        getvalue=lambda _: ["popen"] * count, option=SimpleNamespace(loadscopereorder=True)
    )
    log = SimpleNamespace(loadscopesched=lambda *_: None)
    scheduler = ByCell(config, log, visits, unmade)
    collection = [f"suite::test_{check}[{visit}]" for visit in visits for check in CHECKS]
    made = [Worker(scheduler, collection) for _ in range(count)]
    scheduler.schedule()
    return made


@pytest.fixture(autouse=True)
def _two_processors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 2)


def test_the_cells_of_one_release_go_to_whoever_is_free() -> None:
    assert [each.releases() for each in workers(2)] == [["0.9.0"], ["0.9.0"]]


def test_attempts_at_one_cell_stay_together() -> None:
    first, second = workers(2, repeat=2)
    assert (first.sent, second.sent) == ([*range(8)], [*range(8, 16)])


def test_as_many_environments_are_made_at_once_as_there_are_processors() -> None:
    making, also, waiting = workers(3, *RELEASES[1:])
    assert making.releases() == ["0.10.2"]
    assert also.releases() == ["0.13.1"]
    # It doesn't wait: this release needs nothing made.
    assert waiting.releases() == ["0.9.0"]
    making.runs(2)
    # Its environment is there, and the next one is begun.
    assert making.releases() == ["0.10.2", "0.21.0"]
    waiting.runs(2)
    assert waiting.releases() == ["0.9.0"]


def test_where_all_are_still_to_be_made_nobody_is_left_without_work() -> None:
    assert [each.releases() for each in workers(3, *RELEASES)] == [["0.9.0"], ["0.10.2"], ["0.9.0"]]


def test_an_environment_whose_maker_dies_is_made_by_another() -> None:
    making, _, other = workers(3, *RELEASES[1:])
    scheduler = making.scheduler
    first = "kserve0.10.2-unset-kserve-torchserve0.12.0"
    assert scheduler.remove_node(making) == f"suite::test_starts[{first}]"
    other.runs(2)
    assert other.releases()[-1] == "0.10.2"
