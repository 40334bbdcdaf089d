"""What happens around a wrapper: nothing at all, a full disk, a clock that is set."""

from __future__ import annotations

import time
from collections.abc import Mapping

from drill import clock
from drill.faults.inference import kill_worker
from drill.faults.registry import fault
from drill.judging import Figure
from drill.scene import Scene
from fixtures.torchserve.process import ProcessTorchServe


@fault
def stay_idle(scene: Scene) -> Mapping[str, Figure]:
    """Do nothing for ``seconds`` with the wrapper, and then for ``own_seconds`` without it."""
    seconds, own_seconds = scene.options["seconds"], scene.options["own_seconds"]
    # A start is not idle.
    time.sleep(scene.options["settle"])
    lines, share = _written_and_used(scene.pod.torchserve, seconds)

    def without() -> Mapping[str, Figure]:
        scene.pod.end_wrapper()
        own_lines, own_share = _written_and_used(scene.pod.torchserve, own_seconds)
        return {
            "lines_in_10_s": 10 * max(0.0, lines / seconds - own_lines / own_seconds),
            "own_cpu_percent": 100 * own_share,
            "more_cpu_percent": 100 * max(0.0, share - own_share),
        }

    scene.afterwards.append(without)
    return {"cpu_percent": 100 * share}


@fault
def log_to_full_disk(scene: Scene) -> Mapping[str, Figure]:
    """Kill the worker, which a wrapper has much to say of, while nothing can be written."""
    return kill_worker(scene)


@fault
def jump_clock(scene: Scene) -> Mapping[str, Figure]:
    """Set the wrapper's clock an hour ahead, then an hour back, each for ``seconds``."""
    for ahead in (3600.0, -3600.0):
        clock.put_ahead(scene.pod.clock, ahead)
        time.sleep(scene.options["seconds"])
    clock.put_ahead(scene.pod.clock, 0)
    return {}


def _written_and_used(running: ProcessTorchServe, seconds: float) -> tuple[int, float]:
    """Count the lines that TorchServe logs, and give the share of a processor that its JVM uses."""
    (java,) = running.java()
    lines, used = running.logs().count("\n"), java.cpu_times()
    began = time.monotonic()
    time.sleep(seconds)
    later, waited = java.cpu_times(), time.monotonic() - began
    share = (later.user + later.system - used.user - used.system) / waited
    return running.logs().count("\n") - lines, share
