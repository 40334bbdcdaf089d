"""Faults of TorchServe: its workers, its JVM, its ports and its models."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from drill import asking, torchserve
from drill.faults.registry import fault
from drill.judging import Figure
from drill.load import USUAL_ORDER
from drill.outcomes import Outcome
from drill.scene import Scene

# Seconds that an order takes whose worker is killed.
_LONG = 1.0


@fault
def kill_worker(scene: Scene) -> Mapping[str, Figure]:
    """Send a ``signal`` to the worker while it works on an order; wait for its successor."""
    worker = torchserve.worker(scene.pod.torchserve)
    assert worker is not None, "the model under load has no worker"
    with _long_order(scene) as order:
        os.kill(worker, scene.options["signal"])
        torchserve.wait_for_worker(scene.pod.torchserve, worker)
    return {"order_result": order.result().result}


@fault
def answer_too_large(scene: Scene) -> Mapping[str, Figure]:
    """Ask once for an answer of more ``bytes`` than TorchServe takes from a worker, in V1."""
    return _end_worker_by(scene, {"size": scene.options["bytes"]})


@fault
def answer_garbage(scene: Scene) -> Mapping[str, Figure]:
    """Have the worker write ``bytes`` that are no answer, once."""
    return _end_worker_by(scene, {"garbage": scene.options["bytes"]})


@fault
def kill_torchserve(scene: Scene) -> Mapping[str, Figure]:
    """Kill the JVM while it has an order, start it again ``seconds`` later, wait for its models."""
    with _long_order(scene) as order:
        scene.pod.torchserve.kill()
    time.sleep(scene.options["seconds"])
    scene.pod.torchserve.start_again()
    torchserve.wait_until_ready(scene.pod.torchserve)
    return {"order_result": order.result().result}


@fault
def cut_connections(scene: Scene) -> Mapping[str, Figure]:
    """Cut all connections to the inference port, once, while TorchServe has an order."""
    with _long_order(scene) as order:
        scene.pod.proxy.cut()
    return {"order_result": order.result().result}


@fault
def stop_torchserve(scene: Scene) -> Mapping[str, Figure]:
    """Stop the JVM for ``seconds``: its ports accept, and nothing is answered.

    Newcomers ask ``lead`` seconds after its beginning: all that load there was waits by then.
    """
    processes = scene.pod.torchserve.java()
    for process in processes:
        process.send_signal(signal.SIGSTOP)
    try:
        newcomers = _ask_meanwhile(scene)
    finally:
        for process in processes:
            process.send_signal(signal.SIGCONT)
    return _told_to(newcomers)


@fault
def hang_inference(scene: Scene) -> Mapping[str, Figure]:
    """Have the inference port alone accept and say nothing for ``seconds``.

    Newcomers ask ``lead`` seconds after its beginning.
    """
    scene.pod.proxy.hang()
    try:
        newcomers = _ask_meanwhile(scene)
    finally:
        scene.pod.proxy.go_on()
    return _told_to(newcomers)


@fault
def serve_other_models(scene: Scene) -> Mapping[str, Figure]:
    """Put a TorchServe without the model under load in the place of this one, for ``seconds``."""
    running = scene.pod.torchserve
    others = [model for model in torchserve.MODELS if model != torchserve.LOADED]
    running.kill()
    running.start_again(others)
    torchserve.wait_until_ready(running, *others)
    replaced = time.monotonic()
    time.sleep(scene.options["seconds"])
    http = scene.address.http
    told = {
        asking.get(http, f"/v2/models/{torchserve.LOADED}/ready", 5),
        asking.get(http, f"/v1/models/{torchserve.LOADED}", 5),
    }
    well = scene.load.outcomes if scene.load else []
    answered = [each for each in well if each.is_well and each.began > replaced]
    running.kill()
    running.start_again(torchserve.MODELS)
    torchserve.wait_until_ready(running)
    return {"model_that_is_gone": sorted(told), "answered_without_model": float(len(answered))}


@contextlib.contextmanager
def _long_order(scene: Scene) -> Iterator[Future[Outcome]]:
    """Have an order that is worked on while the context lasts, and wait for its result."""
    with ThreadPoolExecutor(1) as pool:
        order = pool.submit(_ask_once, scene, {"sleep": _LONG})
        # It comes behind those that are queued, which take a few milliseconds each.
        time.sleep(_LONG / 2)
        yield order


def _ask_meanwhile(scene: Scene) -> list[Future[Outcome]]:
    """Let ``seconds`` pass, and ask once in each protocol when ``lead`` of them have."""
    lead = scene.options["lead"]
    time.sleep(lead)
    protocols = scene.address.protocols
    pool = ThreadPoolExecutor(len(protocols))
    newcomers = [pool.submit(_ask_once, scene, USUAL_ORDER, each) for each in protocols]
    pool.shutdown(wait=False)
    time.sleep(scene.options["seconds"] - lead)
    return newcomers


def _told_to(newcomers: Sequence[Future[Outcome]]) -> Mapping[str, Figure]:
    outcomes = [each.result() for each in newcomers]
    return {
        "newcomers": sorted({each.result for each in outcomes}),
        "newcomer_seconds": max(each.seconds for each in outcomes),
    }


def _ask_once(scene: Scene, order: Mapping[str, float], protocol: str = "V1") -> Outcome:
    with contextlib.closing(asking.client(protocol, scene.address)) as client:
        outcome = client.ask(order)
    scene.orders.append(outcome)
    return outcome


def _end_worker_by(scene: Scene, order: Mapping[str, float]) -> Mapping[str, Figure]:
    """Give an order that ends the worker, and wait for its successor."""
    worker = torchserve.worker(scene.pod.torchserve)
    outcome = _ask_once(scene, order)
    torchserve.wait_for_worker(scene.pod.torchserve, worker)
    return {"order_result": outcome.result, "order_seconds": outcome.seconds}
