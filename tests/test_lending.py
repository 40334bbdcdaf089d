"""A TorchServe that is shared is started once, and one that doesn't start says why."""

from __future__ import annotations

from typing import Any

import pytest

from fixtures import torchserve
from fixtures.torchserve import Endpoints, Instance, TorchServeError
from tests import lending


class _Running:
    def __init__(self, instance: Instance) -> None:
        self.instance = instance
        self.is_stopped = False

    def stop(self) -> None:
        self.is_stopped = True


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[_Running]:
    """What was started in the place of TorchServe; nothing with an envelope that fails."""
    monkeypatch.setenv(lending._LENDER, "that of the session")
    running: list[_Running] = []

    def start(runtime: Any, *, envelope: Any, release: str, models: Any, **_: Any) -> _Running:
        if envelope == "kservev2":
            raise TorchServeError("it ended while it started")
        endpoints = Endpoints("127.0.0.1", 1, 2, 3, 4, 5)
        names = tuple(each.stem for each in models)
        running.append(_Running(Instance(release, envelope, runtime, endpoints, names, "none")))
        return running[-1]

    monkeypatch.setattr(torchserve, "start", start)
    return running


def test_it_is_started_once_for_each_envelope_and_ends_with_the_session(
    started: list[_Running],
) -> None:
    with lending.shared():
        assert started == []
        borrowed = [lending.instance("kserve"), lending.instance("kserve")]
        assert borrowed == [started[0].instance] * 2
        assert lending.instance("kserve", "echo").models == ("echo",)
        assert lending.instance("kserve_faithful").envelope == "kserve_faithful"
        assert [each.is_stopped for each in started] == [False, False]
    assert [each.is_stopped for each in started] == [True, True]


def test_one_that_doesnt_start_says_why(started: list[_Running]) -> None:
    with (
        lending.shared(),
        pytest.raises(TorchServeError, match=r"it ended while it started$"),
    ):
        lending.instance("kservev2")
