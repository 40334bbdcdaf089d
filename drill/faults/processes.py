"""What happens to the wrapper's own processes: several of them, their ends and their starts."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

import psutil

from drill import asking, torchserve, wire
from drill.asking import Address
from drill.faults.registry import fault
from drill.judging import Figure
from drill.outcomes import CONNECT, RESET, TIMEOUT, Outcome
from drill.scene import Scene

# Seconds. A new connection that isn't answered within these is left hanging.
_ANSWERS_WITHIN = 2.0
# Beyond the grace period of 30 s that requests in flight have.
_ENDS_WITHIN = 40.0
# That a request in flight at SIGTERM takes, so that there is something to drain.
_IN_FLIGHT = 2.0
# How often is asked where each of several processes may answer.
_TIMES = 40
# After SIGTERM, what a server needs to take notice.
_NOTICES_WITHIN = 0.2


@fault
def terminate_under_load(scene: Scene) -> Mapping[str, Figure]:
    """Send SIGTERM to the first process; try a new connection every 50 ms until it has ended.

    What is in flight then has to be answered, and what goes on over kept connections has to be told
    to go elsewhere.
    """
    wrapper, address = scene.pod.wrapper, scene.address
    with ThreadPoolExecutor(4) as pool, ThreadPoolExecutor(64) as trying:
        in_flight = [pool.submit(_ask_long, protocol, address) for protocol in address.protocols]
        time.sleep(_IN_FLIGHT / 4)
        began = time.monotonic()
        wrapper.running.terminate()
        tries = []
        while not wrapper.has_ended and time.monotonic() < began + _ENDS_WITHIN:
            live = (address.http, "/v2/health/live", _ANSWERS_WITHIN)
            tries.append(trying.submit(asking.get, *live))
            time.sleep(0.05)
        seconds = time.monotonic() - began
        told = [each.result() for each in tries]
        lost = [each.result() for each in in_flight if not each.result().is_well]
    code = wrapper.running.exit_code()
    kept = scene.load.outcomes if scene.load else []
    later = [each for each in kept if each.began > began + _NOTICES_WITHIN]
    over_rest = [each for each in later if each.protocol != "gRPC"]
    return {
        "exit_code": "none" if code is None else str(code),
        "seconds_to_stop": seconds if code is not None else None,
        "lost_in_flight": float(len(lost)),
        "hanging_connections": float(told.count(TIMEOUT)),
        "reset_connections": float(told.count(RESET)),
        "answers_without_close": float(sum(each.is_well and not each.closes for each in over_rest)),
        "resets": float(sum(each.result == RESET for each in kept if each.ended > began)),
        "processes_left": float(len(wrapper.processes())),
    }


@fault
def terminate_while_starting(scene: Scene) -> Mapping[str, Figure]:
    """Start a wrapper ``tries`` times, and send it SIGTERM while its processes start."""
    orphaned = hanging = 0
    tries = int(scene.options["tries"])
    for number in range(tries):
        scene.pod.start(scene.pod.wrapper.setup)
        wrapper = scene.pod.wrapper
        deadline = time.monotonic() + _ENDS_WITHIN
        while len(wrapper.processes()) < 2 and time.monotonic() < deadline:
            if wrapper.has_ended:
                break
            time.sleep(0.01)
        # From the moment at which the first is there to one at which all may serve, most of the
        # tries near the beginning: a process that is forked is there within moments.
        time.sleep(scene.options["seconds"] * (2**number - 1) / (2**tries - 1))
        wrapper.running.terminate()
        is_ended = wrapper.ends_within(scene.options["within"])
        hanging += not is_ended
        if is_ended:
            time.sleep(1.0)
            orphaned += bool(wrapper.processes())
    return {"never_ended": float(hanging), "orphaned": float(orphaned)}


@fault
def unload_once(scene: Scene) -> Mapping[str, Figure]:
    """Unload a model; ask 40 times, each over a connection of its own; load it and ask again.

    The server is ready all the while: what is unloaded on purpose isn't waited for.
    """
    address, model = scene.address, torchserve.QUIET
    ready: dict[str, int] = {}
    for verb in ("unload", "load"):
        wire.post(address, f"/v2/repository/models/{model}/{verb}", b"{}")
        if verb == "load":
            torchserve.wait_until_ready(scene.pod.torchserve, model)
        # That each process knows it.
        time.sleep(1.0)
        for what, path in (("model", f"/v2/models/{model}/ready"), ("server", "/v2/health/ready")):
            told = [asking.get(address.http, path, _ANSWERS_WITHIN) for _ in range(_TIMES)]
            ready[f"{what} {verb}"] = told.count("200")
    return {
        "ready_when_unloaded": float(ready["model unload"]),
        "not_ready_when_loaded": float(_TIMES - ready["model load"]),
        "server_not_ready_when_unloaded": float(_TIMES - ready["server unload"]),
        "server_not_ready_when_loaded": float(_TIMES - ready["server load"]),
    }


@fault
def restart_after_unload(scene: Scene) -> Mapping[str, Figure]:
    """Unload a model, and start another wrapper in the place of this one; then load the model."""
    model, within = torchserve.QUIET, scene.options["within"]
    wire.post(scene.address, f"/v2/repository/models/{model}/unload", b"{}")
    scene.pod.start(scene.pod.wrapper.setup)
    http = scene.address.http
    _seconds_until_well(http, "/v2/health/live", _ENDS_WITHIN)
    ready = _seconds_until_well(http, "/v2/health/ready", within)
    unloaded = asking.get(http, f"/v2/models/{model}/ready", _ANSWERS_WITHIN)
    wire.post(scene.address, f"/v2/repository/models/{model}/load", b"{}")
    torchserve.wait_until_ready(scene.pod.torchserve, model)
    return {
        "server_ready_after_seconds": ready,
        "unloaded_model": unloaded,
        "model_ready_after_seconds": _seconds_until_well(http, f"/v2/models/{model}/ready", within),
    }


@fault
def kill_child(scene: Scene) -> Mapping[str, Figure]:
    """Kill one of the processes that serve; then, where it isn't replaced, the rest of them."""
    wrapper = scene.pod.wrapper
    children = wrapper.serving()
    _kill(children[:1])
    became = _wait_for_successor(scene, len(children))
    if became == "missing":
        _kill(wrapper.serving())
        time.sleep(2.0)
    tries = [asking.get(scene.address.http, "/v2/health/live", _ANSWERS_WITHIN) for _ in range(5)]
    return {
        "children": float(len(children)),
        "child_became": became,
        "hanging_connections": float(tries.count(TIMEOUT)),
        "answers_afterwards": sorted(set(tries) - {CONNECT}) or [CONNECT],
    }


def _ask_long(protocol: str, address: Address) -> Outcome:
    client = asking.client(protocol, address, patience=60)
    with contextlib.closing(client):
        return client.ask({"sleep": _IN_FLIGHT / 3})


def _seconds_until_well(port: int, path: str, within: float) -> float | None:
    """Give how long it takes until a path is answered 200, None where it isn't within its time."""
    began = time.monotonic()
    while time.monotonic() < began + within:
        if asking.get(port, path, _ANSWERS_WITHIN) == "200":
            return time.monotonic() - began
        time.sleep(0.05)
    return None


def _kill(processes: list[psutil.Process]) -> None:
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()


def _wait_for_successor(scene: Scene, count: int) -> str:
    """Say what became of a child: the pod ends with it, it is replaced, or it is missing."""
    deadline = time.monotonic() + scene.options["within"]
    while time.monotonic() < deadline:
        if scene.pod.wrapper.has_ended:
            return "ended"
        if len(scene.pod.wrapper.serving()) >= count:
            return "replaced"
        time.sleep(0.1)
    return "missing"
