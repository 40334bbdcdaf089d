"""Workers are replaced where TorchServe can't replace them itself, and nowhere else."""

from __future__ import annotations

import contextlib
import itertools
import json
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import requests

from fixtures import models
from fixtures import torchserve as torchserves
from fixtures.torchserve import TorchServe, configuration
from matrix.running.timing import seconds_until
from tests.wrapper.running import wrapper
from tests.wrapper.torchserve import by_grpc
from wrapper.names import Target
from wrapper.torchserve import messages
from wrapper.torchserve.description import Description
from wrapper.torchserve.management_errors import ManagementError
from wrapper.torchserve.recovery import Recovery

ONE, OTHER = Target("m", "1.0"), Target("m", "2.0")


class Scaled:
    """Writes down how a model is scaled; refuses as often as the test says."""

    def __init__(self, release: str = "0.9.0") -> None:
        self.said = release
        self.asked: list[tuple[int, int]] = []
        self.targets: list[Target] = []
        self.refuses: list[tuple[int, int]] = []

    def release(self) -> str:
        """Give what the test says."""
        return self.said

    def scale(self, target: Target, least: int, most: int) -> None:
        """Write it down."""
        if (least, most) in self.refuses:
            self.refuses.remove((least, most))
            raise ManagementError("no", 500)
        self.asked.append((least, most))
        self.targets.append(target)


def _told(state: str, *processes: int, least: int = 1, most: int = 1) -> Description:
    return Description.of(
        {
            "minWorkers": least,
            "maxWorkers": most,
            "workers": [{"status": state, "pid": each} for each in processes],
        }
    )


def _seen(scaled: Scaled, *told: Description) -> Recovery:
    recovery = Recovery(scaled)
    for each in told:
        recovery.see(ONE, each)
    return recovery


def test_workers_whose_successors_arent_ready_are_replaced_by_as_many() -> None:
    ready, lost = (_told(state, 1, 2, least=2, most=3) for state in ("READY", "UNLOADING"))
    scaled = Scaled()
    _seen(scaled, ready, lost, _told("UNLOADING", 3, 2, least=2, most=3))
    assert scaled.asked == [(0, 0), (2, 3)]


@pytest.mark.parametrize(
    "told",
    [
        pytest.param([_told("UNLOADING", 1), _told("READY", 1)], id="starting"),
        pytest.param([_told("UNLOADING", -1), _told("UNLOADING", 1)], id="about to start"),
        pytest.param([_told("UNLOADING", 1), _told("UNLOADING", 1, 2)], id="several start"),
        pytest.param([_told("READY", 1), _told("UNLOADING", 1)], id="no successor yet"),
        pytest.param([_told("READY", 1), _told("READY", 2)], id="replaced by TorchServe"),
        pytest.param([_told("READY", 1), _told("READY")], id="scaled to none by somebody"),
    ],
)
def test_workers_that_may_still_come_are_left_alone(told: list[Description]) -> None:
    scaled = Scaled()
    _seen(scaled, *told)
    assert scaled.asked == []


@pytest.mark.parametrize("release", ["0.7.1", "0.10.0", "0.12.0", "1.0.0", ""])
def test_other_releases_are_left_to_themselves(release: str) -> None:
    scaled = Scaled(release)
    _seen(scaled, _told("READY", 1), _told("UNLOADING", 2))
    assert scaled.asked == []


def test_a_version_is_replaced_by_its_name_and_the_others_are_left_alone() -> None:
    scaled = Scaled()
    recovery = Recovery(scaled)
    for target in (ONE, OTHER):
        recovery.see(target, _told("READY", 1))
    recovery.see(ONE, _told("READY", 1))
    recovery.see(OTHER, _told("UNLOADING", 2))
    assert scaled.asked == [(0, 0), (1, 1)]
    assert scaled.targets == [OTHER, OTHER]


def test_a_model_that_ends_its_workers_is_tried_more_and_more_seldom() -> None:
    scaled, now = Scaled(), 0.0
    recovery = Recovery(scaled, lambda: now)
    times = []
    for now in range(200):
        before = len(scaled.asked)
        recovery.see(ONE, _told("UNLOADING", now + 1))
        if len(scaled.asked) > before:
            times.append(now)
    pauses = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert pauses[:4] == sorted(pauses[:4])
    assert (pauses[0] < 10, pauses[-1] >= 60, len(times) < 10) == (True, True, True)


def test_a_model_gets_its_workers_back_though_torchserve_refuses_once() -> None:
    scaled = Scaled()
    recovery = _seen(scaled, _told("READY", 1))
    scaled.refuses = [(1, 1)]
    with pytest.raises(ManagementError):
        recovery.see(ONE, _told("UNLOADING", 2))
    recovery.see(ONE, _told("UNLOADING"))
    assert scaled.asked == [(0, 0), (1, 1)]


@pytest.fixture(scope="module")
def old_torchserve() -> Iterator[TorchServe]:
    """The TorchServe that KServe 0.12 to 0.20 run, with one port as in KServe's examples."""
    with torchserves.start(
        "process",
        release="0.9.0",
        envelope="kserve",
        models=[models.archive("misbehaving")],
        stored=[models.archive("misbehaving", "2.0")],
        config={"management_address": configuration.SHARED},
        timeout=300,
    ) as running:
        yield running


def _status(url: str) -> int | None:
    with contextlib.suppress(requests.ConnectionError):
        return requests.get(url, timeout=30).status_code
    return None


def _worker(torchserve: TorchServe, version: str = "1.0") -> tuple[str, int]:
    asked = messages.DescribeModelRequest(model_name="misbehaving", model_version=version)
    told = json.loads(by_grpc.ask(torchserve.instance, messages.DESCRIBE_MODEL, asked))
    ((worker,),) = [each["workers"] for each in told]
    return worker["status"], worker["pid"]


# Both in this order: what the first one breaks the wrapper of the second one mends.
@pytest.mark.integration
def test_torchserve_0_9_0_by_itself_loses_a_model_whose_worker_dies(
    old_torchserve: TorchServe,
) -> None:
    _, killed = _worker(old_torchserve)
    psutil.Process(killed).kill()
    died = [killed]

    def has_lost_three() -> bool:
        state, process = _worker(old_torchserve)
        if process not in died:
            assert state != "READY"
            died.append(process)
        return len(died) > 3

    seconds_until(has_lost_three, 120)
    assert "Auto recovery failed again" in old_torchserve.logs()


@pytest.mark.integration
def test_the_wrapper_has_such_a_model_ready_again(
    old_torchserve: TorchServe, tmp_path: Path
) -> None:
    with wrapper("0.12.1", old_torchserve.instance, tmp_path, wait=False) as subject:
        url = f"{subject.url}/v1/models/misbehaving"
        # Until TorchServe starts another successor that is lost, more than half a minute.
        seconds_until(lambda: _status(url) == 200, 300)
        beside = f"{subject.url}/v2/models/misbehaving/versions/2.0/ready"
        registering = messages.RegisterModelRequest(
            url=models.archive("misbehaving", "2.0").name, initial_workers=1, synchronous=True
        )
        by_grpc.ask(old_torchserve.instance, messages.REGISTER_MODEL, registering)
        seconds_until(lambda: _status(beside) == 200, 120)
        for version, ready in (("1.0", url), ("2.0", beside)):
            psutil.Process(_worker(old_torchserve, version)[1]).kill()
            seconds_until(lambda ready=ready: _status(ready) == 503, 30)  # type: ignore[misc]
            seconds_until(lambda ready=ready: _status(ready) == 200, 120)  # type: ignore[misc]
            assert _status(url) == 200
            answer = requests.post(f"{url}:predict", json={"instances": [{"echo": 1}]}, timeout=30)
            assert answer.json() == {"predictions": [1]}
        assert "pytorch/serve#2746" in subject.log()
