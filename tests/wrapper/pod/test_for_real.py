"""The pod with a real TorchServe and a real SDK: what is in flight at its end, and who ended it."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable

import psutil
import pytest

from tests.wrapper.pod.load import Load
from tests.wrapper.pod.running import ATTEMPTS, WITHIN, RunningPod, real_pod

pytestmark = pytest.mark.integration


def _wait_ready(pod: RunningPod) -> None:
    pod.wait_ready("contract")
    pod.wait_ready("echo")


@pytest.mark.parametrize("release", ["0.9.0", "0.13.1", "0.21.0"])
def test_nothing_in_flight_is_lost(release: str) -> None:
    # Longer than a machine that is busy with other things takes for six requests.
    patient = {"SHUTDOWN_GRACE_PERIOD": "120"}
    with real_pod(release, "kserve", "contract", "echo", more=patient) as pod:
        _wait_ready(pod)
        everyone = pod.processes()
        # One worker answers the slow ones one after another.
        with (
            Load(pod.url, "contract", clients=6, seconds=0.3) as slow,
            Load(pod.url, "echo", clients=4) as quick,
        ):
            pod.wait_for(lambda: slow.right() > 2 and quick.right() > 2)
            stopped = time.monotonic()
            assert pod.end() == 0, pod.log
            ended = time.monotonic()
        for load in (slow, quick):
            sent = [each for each in load.requests if each.sent < stopped]
            assert [each for each in sent if not each.is_right] == [], pod.log
            # Who comes later is answered rightly, or not at all.
            late = [each for each in load.requests if each.sent >= stopped]
            assert [each for each in late if not (each.is_right or each.is_unheard)] == []
            assert all(each.is_unheard for each in late if each.sent > ended)
        # All of the six, but for who was between two requests.
        assert sum(each.sent < stopped < each.answered for each in slow.requests) >= 4
        assert psutil.wait_procs(everyone, 30)[1] == []
        assert pod.log.endswith("pod        | both have ended\n")


def _java(pod: RunningPod) -> psutil.Process:
    (found,) = pod.processes("org.pytorch.serve.ModelServer")
    return found


def _wrapper(pod: RunningPod) -> psutil.Process:
    (found,) = pod.processes("-m wrapper --http_port")
    return found


@pytest.mark.parametrize(("name", "victim"), [("torchserve", _java), ("wrapper", _wrapper)])
def test_a_kill_of_either_ends_it(
    name: str, victim: Callable[[RunningPod], psutil.Process]
) -> None:
    assert any(_seconds_to_end(name, victim) < WITHIN for _ in range(ATTEMPTS))


def _seconds_to_end(name: str, victim: Callable[[RunningPod], psutil.Process]) -> float:
    """Kill one of the two, and give how long it took until the container had ended as it should."""
    with real_pod("0.13.1", "kserve", "contract", "echo") as pod:
        _wait_ready(pod)
        everyone = pod.processes()
        victim(pod).kill()
        killed = time.monotonic()
        assert pod.process.wait(60) == 128 + signal.SIGKILL
        took = time.monotonic() - killed
        line = f"the container ends with exit code 137, since {name} was ended by SIGKILL"
        first, *last = pod.termination_message.splitlines()
        assert first.startswith(line)
        # Its own lines, as they stand in the log.
        assert last
        assert all(f"{name:<10} | {each[:100]}" in pod.log for each in last[1:])
        assert psutil.wait_procs(everyone, 30)[1] == []
    return took
