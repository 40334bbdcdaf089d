"""A model that comes, fails in every way, goes and comes back, in a real TorchServe."""

from __future__ import annotations

import contextlib
import json
import signal
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from kserve_conformance import tensors
from kserve_conformance.asking.grpc_client import CallFailed
from kserve_conformance.asking.http_client import Answer
from kserve_conformance.expect import reading
from kserve_conformance.results.exhibit import Exhibit

from matrix.planning.cells import Cell
from matrix.running.clients import GrpcClient, RestClient
from matrix.running.late_model import SEEN_WITHIN, LateModel
from matrix.running.spans import Activity, during
from matrix.running.timing import seconds_until
from matrix.running.worker import Stage

# A worker of TorchServe starts in 2 to 5 s; a machine that is busy takes longer.
_WORKER_WITHIN = 60.0
# By then another worker may serve: who has not been seen unready so far, isn't any more.
_UNREADY_SOUGHT = 3.0
# More than one worker and a queue of two (misbehaving/model-config.yaml) can hold.
_CROWD = 8
# Where it hasn't arrived by then, nothing is in flight and the check fails.
_ARRIVED_AFTER = 0.7
_TOO_LARGE = "x" * 6_600_000  # bytes; TorchServe's max_request_size is 6553500
_INTERNALS = (
    "127.0.0.1",
    "localhost",
    "://",
    "Traceback",
    "org.pytorch",
    "/home",
    "/tmp",
    "secret",
)


@pytest.fixture
def late(stage: Stage, cell: Cell, rest: RestClient) -> LateModel:
    """Give the cell's own model, in TorchServe and called ready by the wrapper."""
    model = stage.late_model(cell)
    model.bring()
    _wait_ready(rest, model)
    return model


def test_late_model(stage: Stage, cell: Cell, rest: RestClient, exhibit: Exhibit) -> None:
    model = stage.late_model(cell)
    exhibit.equal(_is_ready(rest, model), False, "readiness before TorchServe has it")
    model.bring()
    _wait_ready(rest, model)
    told = rest.get(f"/v1/models/{model.name}").json()
    exhibit.equal(told, {"name": model.name, "ready": True}, "readiness in V1")
    server = rest.get("/v2/health/ready")
    exhibit.equal(server.status, 200, "status of the server's readiness: every model is there")
    exhibit.equal(server.json(), {"live": True, "ready": True}, "the server's readiness")
    _expect_service(rest, cell, model, exhibit)


def test_worker_death(
    stage: Stage, rest: RestClient, cell: Cell, late: LateModel, exhibit: Exhibit
) -> None:
    def until_unready() -> float:
        answer = _ask(rest, cell, late, {"signal": signal.SIGKILL})
        exhibit.equal(answer.status, 503, "status of a request whose worker is killed")
        _check_sentence(answer.sentence())
        died = time.monotonic()
        with contextlib.suppress(AssertionError):
            seconds_until(lambda: not _is_ready(rest, late), _UNREADY_SOUGHT)
        seconds = time.monotonic() - died
        exhibit.equal(rest.get("/v2/health/live").status, 200, "status of liveness meanwhile")
        _wait_ready(rest, late)
        _expect_service(rest, cell, late, exhibit)
        return seconds

    took = stage.quiet.worst(until_unready, SEEN_WITHIN)
    what = "readiness going down with the worker"
    exhibit.expected, exhibit.observed = f"{what} within {SEEN_WITHIN} s", took.told()
    within = f"{SEEN_WITHIN:g} s"
    assert took.decisive <= SEEN_WITHIN, f"{what} did not happen within {within}"


def test_model_failures(rest: RestClient, cell: Cell, late: LateModel, exhibit: Exhibit) -> None:
    orders: list[tuple[dict[str, Any], int, str]] = [
        ({"raise": "secret"}, 500, "failed"),
        ({"refuse": 400}, 400, "this handler refuses it"),
        ({"exhaust": 1}, 503, "memory"),
        ({"echo": _TOO_LARGE}, 413, "max_request_size is 6553500 bytes"),
    ]
    if cell.envelope == "kserve":
        orders += [
            ({"answer": "nan"}, 500, "NaN"),
            # A status of the handler's own choice.
            ({"refuse": 418}, 418, "this handler refuses it"),
            # Last, since TorchServe ends its worker; by gRPC test_grpc_failures asks for it.
            ({"sleep": 6}, 504, "within 4 s"),
        ]
    else:
        # Last, too: it may be the request's fault.
        orders.append(({"die": 1}, 502, "max_response_size"))
    for order, status, words in orders:
        answer = _ask(rest, cell, late, order)
        shown = str(order)[:40]
        exhibit.equal(answer.status, status, f"status for {shown}")
        sentence = answer.sentence()
        _check_sentence(sentence)
        assert words in sentence, f"the sentence for {shown} doesn't say {words!r}: {sentence}"
    seconds_until(lambda: _ask(rest, cell, late, {"echo": 1}).status == 200, _WORKER_WITHIN)


def test_full_queue(
    stage: Stage, rest: RestClient, cell: Cell, late: LateModel, exhibit: Exhibit
) -> None:
    stage.quiet.again(lambda: _fill_queue(rest, cell, late, exhibit), exhibit)


def _fill_queue(rest: RestClient, cell: Cell, late: LateModel, exhibit: Exhibit) -> None:
    with during(Activity.WAITING), ThreadPoolExecutor(_CROWD) as pool:
        asked = [pool.submit(_ask, rest, cell, late, {"sleep": 0.5}) for _ in range(_CROWD)]
        answers = [each.result() for each in asked]
    refused = [answer for answer in answers if answer.status != 200]
    exhibit.equal(bool(refused), True, f"refusal of some of {_CROWD} requests at once")
    for answer in refused:
        exhibit.equal(answer.status, 503, "status while the queue is full")
        exhibit.equal(answer.headers.get("retry-after"), "1", "header Retry-After")
        _check_sentence(answer.sentence())


def test_grpc_failures(grpc_client: GrpcClient, late: LateModel, exhibit: Exhibit) -> None:
    orders: list[tuple[Mapping[str, Any], str]] = [
        ({"echo": 1}, "OK"),
        ({"raise": "secret"}, "INTERNAL"),
        ({"refuse": 400}, "INVALID_ARGUMENT"),
        ({"exhaust": 1}, "UNAVAILABLE"),
        ({"echo": _TOO_LARGE}, "RESOURCE_EXHAUSTED"),
        ({"sleep": 6}, "DEADLINE_EXCEEDED"),
    ]
    for order, code in orders:
        shown = str(order)[:40]
        exhibit.equal(_code(grpc_client, late, order), code, f"status for {shown}")
    seconds_until(lambda: _code(grpc_client, late, {"echo": 1}) == "OK", _WORKER_WITHIN)


def test_repository(rest: RestClient, cell: Cell, late: LateModel, exhibit: Exhibit) -> None:
    base = f"/v2/repository/models/{late.name}"
    with during(Activity.WAITING):
        unloaded = rest.post(f"{base}/unload", {})
    exhibit.equal(unloaded.status, 200, f"status of unload: {unloaded.body[:300]!r}")
    exhibit.equal(unloaded.json(), {"name": late.name, "unload": True}, "answer to unload")
    exhibit.equal(_state(rest, late), "UNAVAILABLE", "state in the index after unload")
    exhibit.equal(_ask(rest, cell, late, {"echo": 1}).status, 404, "status after unload")
    exhibit.equal(rest.get("/v2/health/ready").status, 200, "readiness of the others' server")
    with during(Activity.WAITING):
        loaded = rest.post(f"{base}/load", {})
    exhibit.equal(loaded.status, 200, f"status of load: {loaded.body[:300]!r}")
    exhibit.equal(loaded.json(), {"name": late.name, "load": True}, "answer to load")
    _wait_ready(rest, late)
    exhibit.equal(_state(rest, late), "READY", "state in the index after load")
    _expect_service(rest, cell, late, exhibit)


def test_drains(stage: Stage, cell: Cell, late: LateModel, exhibit: Exhibit) -> None:
    stage.quiet.again(lambda: _drain(stage, cell, late, exhibit), exhibit)


def _drain(stage: Stage, cell: Cell, late: LateModel, exhibit: Exhibit) -> None:
    wrapper = stage.another_wrapper(cell, [late.name])
    try:
        own = Exhibit()  # a thread's exchanges would come in between
        with during(Activity.WAITING), ThreadPoolExecutor(1) as pool:
            asked = pool.submit(_ask, RestClient(wrapper, own), cell, late, {"sleep": 1.5})
            time.sleep(_ARRIVED_AFTER)
            wrapper.terminate()
            answer = asked.result()
        exhibit.told += own.told
        exhibit.equal(answer.status, 200, "status of a request in flight at SIGTERM")
        seconds_until(lambda: wrapper.exit_code() is not None, 20, "the end of the process")
        exhibit.equal(wrapper.exit_code(), 0, "exit code")
    finally:
        stage.end(wrapper)


def _is_ready(rest: RestClient, model: LateModel) -> bool:
    return rest.get(f"/v2/models/{model.name}/ready").status == 200


def _wait_ready(rest: RestClient, model: LateModel) -> None:
    seconds_until(lambda: _is_ready(rest, model), model.ready_within, f"readiness of {model.name}")


def _expect_service(rest: RestClient, cell: Cell, model: LateModel, exhibit: Exhibit) -> None:
    exhibit.equal(_ask(rest, cell, model, {"echo": 1}).status, 200, "status of inference")


@during(Activity.WAITING)
def _ask(rest: RestClient, cell: Cell, model: LateModel, order: Mapping[str, Any]) -> Answer:
    if cell.envelope == "kserve":
        return rest.post(f"/v1/models/{model.name}:predict", {"instances": [order]})
    return rest.post(f"/v2/models/{model.name}/infer", _tensors(order))


def _tensors(order: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "inputs": [
            {"name": "order", "shape": [1], "datatype": "BYTES", "data": [json.dumps(order)]}
        ]
    }


@during(Activity.WAITING)
def _code(client: GrpcClient, model: LateModel, order: Mapping[str, Any]) -> str:
    try:
        client.infer(tensors.request(model.name, _tensors(order)))
    except CallFailed as refusal:
        _check_sentence(refusal.details)
        return refusal.code
    return "OK"


def _state(rest: RestClient, model: LateModel) -> Any:
    with reading("the repository's index"):
        entries = rest.post("/v2/repository/index", {}).json()
        return {entry["name"]: entry["state"] for entry in entries}.get(model.name)


def _check_sentence(sentence: str) -> None:
    told = [internal for internal in _INTERNALS if internal in sentence]
    assert not told, f"an error tells what is inside the pod ({', '.join(told)}): {sentence}"
