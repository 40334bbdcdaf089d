"""Clients that do what servers don't hope for."""

from __future__ import annotations

import contextlib
import json
import resource
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import grpc
from kserve_conformance.errors import NotKnown
from tritonclient.grpc import service_pb2, service_pb2_grpc

from drill import asking, bodies, torchserve, wire
from drill.asking import HOST, Address, RestClient
from drill.faults.registry import fault
from drill.heartbeat import Heartbeat
from drill.judging import Figure
from drill.load import Load
from drill.outcomes import TIMEOUT
from drill.scene import Scene

# Seconds that a wrapper may take to let go of what a client has left.
_LETS_GO_WITHIN = 2.0
_DRAINS_WITHIN = 40.0
_MEGABYTE = 1e6


class TooFewFiles(NotKnown):
    """A limit of this process's open files that is too low for a row."""


@fault
def give_up(scene: Scene) -> Mapping[str, Figure]:
    """Have ``count`` clients send an order each and leave ``seconds`` later.

    Where gRPC is served, every other one calls by it and cancels its call.
    """
    wrapper, count = scene.pod.wrapper, int(scene.options["count"])
    order = {"sleep": scene.options["sleep"], "mark": 1.0}
    ports = scene.pod.torchserve.instance.endpoints
    connected = wrapper.connections_to(ports.inference)
    marked = _marked(scene)
    over_grpc = count // 2 if scene.address.grpc is not None else 0
    leave = [_sent(scene.address, order) for _ in range(count - over_grpc)]
    channel = grpc.insecure_channel(f"{HOST}:{scene.address.grpc}")
    leave += [_called(channel, order) for _ in range(over_grpc)]
    time.sleep(scene.options["seconds"])
    for each in leave:
        each()
    channel.close()
    time.sleep(_LETS_GO_WITHIN)
    held = wrapper.connections_to(ports.inference) - connected

    def ended() -> Mapping[str, Figure]:
        ran = _marked(scene) - marked
        began = time.monotonic()
        wrapper.running.terminate()
        is_ended = wrapper.ends_within(_DRAINS_WITHIN)
        seconds = time.monotonic() - began
        return {"seconds_to_stop": seconds if is_ended else None, "dead_requests_run": ran}

    scene.afterwards.append(ended)
    return {"left": float(count), "held": float(max(0, held))}


@fault
def unload_with_queue(scene: Scene) -> Mapping[str, Figure]:
    """Unload a model while it works on a request of ``sleep`` seconds and two wait behind it."""
    base, address = f"/v2/repository/models/{torchserve.NARROW}", scene.address
    narrow = Address(address.http, address.grpc, torchserve.NARROW)
    protocols = ("V1", "V2", narrow.protocols[-1])
    clients = [asking.client(protocol, narrow) for protocol in protocols]
    with ThreadPoolExecutor(len(clients)) as pool:
        asked = []
        for client in clients:
            asked.append(pool.submit(client.ask, {"sleep": scene.options["sleep"]}))
            # One after another, so that the first is the one that is worked on.
            time.sleep(0.2)
        unloaded = time.monotonic()
        status = wire.post(address, f"{base}/unload", b"{}")
        outcomes = [each.result() for each in asked]
    for client in clients:
        client.close()
    wire.post(address, f"{base}/load", b"{}")
    torchserve.wait_until_ready(scene.pod.torchserve)
    scene.heal()
    late = [each for each in outcomes if each.result == TIMEOUT]
    return {
        "unload_status": status,
        "queued_results": sorted({each.result for each in outcomes}),
        "never_answered": float(len(late)),
        "seconds_to_last_answer": max(each.ended for each in outcomes) - unloaded,
    }


@fault
def send_large_bodies(scene: Scene) -> Mapping[str, Figure]:
    """Post ``count`` bodies of ``megabytes`` at once, of a told length and in chunks; then JSON."""
    address, wrapper = scene.address, scene.pod.wrapper
    size, count = int(scene.options["megabytes"] * _MEGABYTE), int(scene.options["count"])
    expected = bodies.expecting(address, size)
    with Heartbeat(address.http) as heartbeat:
        rest = wrapper.memory()
        bodies.forget_peaks(wrapper)
        told = bodies.post_at_once(address, size, count, in_chunks=False)
        in_chunks = bodies.post_at_once(address, size, count, in_chunks=True)
        grown = (bodies.peaks(wrapper) - rest) / _MEGABYTE
        valid = bodies.post_valid(address, int(scene.options["valid_megabytes"] * _MEGABYTE))
    return {
        "answer_before_body": expected,
        "large_results": sorted({*told, *in_chunks}),
        "memory_megabytes": grown,
        "valid_result": valid,
        "longest_stall_ms": heartbeat.longest * 1000,
    }


@fault
def fill_queue(scene: Scene) -> Mapping[str, Figure]:
    """Ask the model with the short queue by 32 clients for ``seconds``."""
    address, log = scene.address, scene.pod.torchserve.logs
    logged = len(log())
    narrow = Address(address.http, address.grpc, torchserve.NARROW)
    with Load(narrow, clients=32, order={"sleep": 0.02}) as load:
        time.sleep(scene.options["seconds"])
    refused = [each for each in load.outcomes if not each.is_well]
    questions = sum(
        " ACCESS_LOG - " in line
        and "/models" in line
        and ":predict" not in line
        and "/infer" not in line
        for line in log()[logged:].splitlines()
    )
    over_rest = [each for each in refused if each.protocol != "gRPC"]
    return {
        "refusals": float(len(refused)),
        "refusal_results": sorted({each.result for each in refused}),
        "without_retry_after": float(sum(not each.may_retry for each in over_rest)),
        "questions_per_refusal": questions / max(1, len(refused)),
        "refusal_ms": _median([each.seconds for each in refused]) * 1000,
    }


@fault
def send_slowly(scene: Scene) -> Mapping[str, Figure]:
    """Have ``count`` clients send their requests by one byte in 100 ms."""
    address = scene.address
    request = wire.request(address, {})
    connections = [wire.connected(address) for _ in range(int(scene.options["count"]))]
    results: Counter[str] = Counter()
    for place in range(len(request)):
        began = time.monotonic()
        for connection in connections:
            with contextlib.suppress(OSError):
                connection.sendall(request[place : place + 1])
        time.sleep(max(0.0, 0.1 - (time.monotonic() - began)))
    for connection in connections:
        results[wire.status(connection)] += 1
        connection.close()
    return {"slow_results": sorted(results)}


@fault
def open_connections(scene: Scene) -> Mapping[str, Figure]:
    """Open ``count`` connections, ask once over each, and hold them for ``seconds``."""
    count, wrapper = int(scene.options["count"]), scene.pod.wrapper
    _allow_files(2 * count + 200)
    files = wrapper.open_files()
    connections, refused = [], 0
    for _ in range(count):
        try:
            connections.append(wire.connected(scene.address))
        except OSError:
            refused += 1
    held = [each for each in connections if wire.is_answered(each)]
    time.sleep(scene.options["seconds"])
    lasted = sum(wire.is_answered(each) for each in held)
    for each in connections:
        each.close()
    scene.heal()
    time.sleep(_LETS_GO_WITHIN)
    return {
        "refused_connections": float(refused),
        "answered_connections": float(lasted),
        "files_left": float(max(0, wrapper.open_files() - files)),
    }


@fault
def rest_and_ask(scene: Scene) -> Mapping[str, Figure]:
    """Ask over ``count`` connections that rested for about ``seconds``, each a while longer."""
    count, seconds = int(scene.options["count"]), scene.options["seconds"]
    results: Counter[str] = Counter()

    def ask(place: int) -> None:
        client = RestClient("V1", scene.address)
        results["first " + client.ask({}).result] += 1
        # From a little before to a little after, so that some meet the very moment.
        time.sleep(seconds + 0.2 * (place / count - 0.5))
        results[client.ask({}).result] += 1
        client.close()

    threads = [threading.Thread(target=ask, args=(place,)) for place in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return {"rested_results": sorted(each for each in results if not each.startswith("first"))}


def _marked(scene: Scene) -> float:
    """Ask the model how many marked orders it has obeyed."""
    client = RestClient("V1", scene.address, patience=60)
    body = asking.request_body("V1", {"number": asking.next_number(), "marked": 1})
    status, _, answer = client.send(body)
    client.close()
    return float(json.loads(answer)["predictions"][0]["marked"]) if status == "200" else 0.0


def _sent(address: Address, order: Mapping[str, float]) -> Callable[[], object]:
    """Send an order; give what leaves before it is answered."""
    connection = wire.connected(address)
    connection.sendall(wire.request(address, order))
    return connection.close


def _called(channel: grpc.Channel, order: Mapping[str, float]) -> Callable[[], object]:
    request = service_pb2.ModelInferRequest(model_name=torchserve.LOADED)
    for name, value in {"number": float(asking.next_number()), **order}.items():
        tensor = request.inputs.add(name=name, datatype="FP64", shape=[1])
        tensor.contents.fp64_contents.append(value)
    ask = service_pb2_grpc.GRPCInferenceServiceStub(channel).ModelInfer
    call: grpc.Future = ask.future(request, timeout=60)
    return lambda: call.cancel()


def _median(values: Sequence[float]) -> float:
    return sorted(values)[len(values) // 2] if values else 0.0


def _allow_files(count: int) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < count:
        if hard != resource.RLIM_INFINITY and hard < count:
            raise TooFewFiles(
                f"{count} open files are needed, and `ulimit -Hn` is {hard}: raise it"
            )
        resource.setrlimit(resource.RLIMIT_NOFILE, (count, hard))
