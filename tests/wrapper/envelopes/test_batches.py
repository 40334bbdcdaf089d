"""Batches of TorchServe's with the faithful envelopes: to each request its own answer, or error.

The model ``contract`` tells how many instances or inputs it was asked about at once, so that a
test sees that a batch was one.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import numpy
import pytest
import requests
import tritonclient.grpc as triton_grpc
import tritonclient.http as triton_http
from kserve_conformance import tensors
from tritonclient.grpc import service_pb2_grpc

from fixtures.torchserve import batches
from fixtures.torchserve.process import ProcessTorchServe
from matrix.running.launch import RunningWrapper
from matrix.running.timing import seconds_until
from tests.wrapper.running import start_torchserve, wrapper

pytestmark = pytest.mark.integration

# The oldest SDK with gRPC, and the newest.
RELEASES = ("0.10.2", "0.21.0")
SIZES = (1, 4, 8)
MODELS = {f"contract-{size}": ("contract", size) for size in SIZES} | {
    # Its queue takes no more.
    "misbehaving-2": ("misbehaving", 2),
    "echo-4": ("echo", 4),
    "arrays-4": ("arrays", 4),
}
# Milliseconds. A batch that is full waits no longer; a machine may be slow to send what fills it.
DELAY = 60_000

_FAILED = "The model failed on this request; TorchServe's model log (MODEL_LOG) says why"


@dataclasses.dataclass(frozen=True)
class Order:
    """What one request asks of a model, in V1 and in V2.

    Attributes:
        headers: of a V1 request whose body is the instance itself.
    """

    instance: Any = None
    tensor: dict[str, Any] = dataclasses.field(default_factory=dict)
    verb: str = "predict"
    headers: dict[str, str] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Told:
    """What a client got.

    Attributes:
        status: the HTTP status, or the gRPC code in its place.
        said: predictions, explanations or outputs, or the sentence of an error.
    """

    status: int | grpc.StatusCode
    said: Any

    def received(self) -> tuple[int, int]:
        """Give what the model ``contract`` got, and beside how many it got it."""
        assert self.status in _FINE, self.said
        (told,) = self.said
        if "datatype" not in told:
            return told.get("received", told.get("explained")), told["count"]
        told = json.loads(told["data"][0])
        return told["data"][0], told["count"]


# Takes a model and an order for it.
Ask = Callable[[str, Order], Told]

_FINE = (200, grpc.StatusCode.OK)
# The gRPC code that means the same as an HTTP status here.
_CODES = {
    200: grpc.StatusCode.OK,
    400: grpc.StatusCode.INVALID_ARGUMENT,
    404: grpc.StatusCode.NOT_FOUND,
    500: grpc.StatusCode.INTERNAL,
    503: grpc.StatusCode.UNAVAILABLE,
}


@dataclasses.dataclass(frozen=True)
class Setting:
    """A wrapper before a TorchServe that makes batches, and the ways to ask it."""

    torchserve: ProcessTorchServe
    subject: RunningWrapper
    ways: dict[str, Ask]


@pytest.fixture(scope="module", params=["kserve_faithful", "kservev2_faithful"])
def torchserve(request: pytest.FixtureRequest) -> Iterator[ProcessTorchServe]:
    """A TorchServe with models that take batches."""
    archives = sorted({archive for archive, _ in MODELS.values()})
    with start_torchserve(request.param, *archives, enable_model_api="true") as running:
        running.instance = batches.register(running.instance, MODELS, DELAY)
        yield running


@pytest.fixture(scope="module", params=RELEASES)
def settings(
    request: pytest.FixtureRequest,
    torchserve: ProcessTorchServe,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[list[Setting]]:
    """One SDK, with each transport that the envelope's protocol has."""
    is_v2 = torchserve.instance.envelope == "kservev2_faithful"
    with contextlib.ExitStack() as stack:
        made = []
        for protocol in ("v2", "grpc-v2") if is_v2 else ("v1",):
            folder = tmp_path_factory.mktemp("wrapper")
            started = wrapper(request.param, torchserve.instance, folder, protocol=protocol)
            subject = stack.enter_context(started)
            ways = {"V2": _v2(subject), "gRPC": _grpc(subject)} if is_v2 else {"V1": _v1(subject)}
            made.append(Setting(torchserve, subject, ways))
        yield made


def _v1(subject: RunningWrapper) -> Ask:
    def ask(model: str, order: Order) -> Told:
        url = f"{subject.url}/v1/models/{model}:{order.verb}"
        body = order.instance if order.headers else json.dumps({"instances": [order.instance]})
        headers = order.headers or {"Content-Type": "application/json"}
        answer = requests.post(url, data=body, headers=headers, timeout=120)
        if answer.status_code != 200:
            return Told(answer.status_code, answer.json()["error"])
        (said,) = answer.json().values()
        return Told(200, said)

    return ask


def _v2(subject: RunningWrapper) -> Ask:
    def ask(model: str, order: Order) -> Told:
        body = {"id": str(order), "inputs": [order.tensor]}
        answer = requests.post(f"{subject.url}/v2/models/{model}/infer", json=body, timeout=120)
        if answer.status_code != 200:
            return Told(answer.status_code, answer.json()["error"])
        assert answer.json()["id"] == body["id"]
        return Told(200, answer.json()["outputs"])

    return ask


def _grpc(subject: RunningWrapper) -> Ask:
    def ask(model: str, order: Order) -> Told:
        message = tensors.request(model, {"id": str(order), "inputs": [order.tensor]})
        for name, value in order.tensor.get("parameters", {}).items():
            message.inputs[0].parameters[name].string_param = value
        with grpc.insecure_channel(f"127.0.0.1:{subject.grpc_port}") as channel:
            infer = service_pb2_grpc.GRPCInferenceServiceStub(channel).ModelInfer
            try:
                answer = infer(message, timeout=120)
            except grpc.RpcError as error:
                return Told(error.code(), error.details())
        assert answer.id == str(order)
        return Told(grpc.StatusCode.OK, tensors.outputs(answer))

    return ask


def _at_once(ask: Ask, model: str, orders: Sequence[Order]) -> list[Told]:
    together = threading.Barrier(len(orders))

    def ask_with_the_others(order: Order) -> Told:
        together.wait(60)
        return ask(model, order)

    with ThreadPoolExecutor(len(orders)) as pool:
        return list(pool.map(ask_with_the_others, orders))


def _number(number: int, verb: str = "predict") -> Order:
    tensor = {"name": "x", "shape": [1], "datatype": "INT64", "data": [number]}
    return Order(number, tensor, verb)


def _told_to(**order: Any) -> Order:
    tensor = {"name": "x", "shape": [1], "datatype": "BYTES", "data": [json.dumps(order)]}
    return Order(order, tensor)


_RAISES = Order({"raise": "it"}, {**_number(1).tensor, "name": "raise"})
_NO_BASE64 = {**_told_to().tensor, "data": ["!"], "parameters": {"content_type": "base64"}}


def _ways(settings: list[Setting]) -> Iterator[tuple[str, ProcessTorchServe, Ask]]:
    for setting in settings:
        for way, ask in setting.ways.items():
            yield way, setting.torchserve, ask


def _same(way: str, told: Told, status: int, said: Any) -> bool:
    """Tell whether an answer has the status, or its gRPC code, and what it says."""
    wanted = _CODES[status] if way == "gRPC" else status
    return told.status == wanted and said in told.said


@contextlib.contextmanager
def _failing_in_a_batch_of(size: int, torchserve: ProcessTorchServe) -> Iterator[None]:
    """Hold that what fails meanwhile is one request of a batch, as the envelope logs it."""
    line = f"of a batch of {size} failed"
    before = torchserve.logs().count(line)
    yield
    _wait_for_line(torchserve, line, before)


def _wait_for_line(torchserve: ProcessTorchServe, line: str, before: int = 0) -> None:
    # TorchServe logs what a worker says when it comes to it.
    seconds_until(lambda: torchserve.logs().count(line) > before, 60, f"a line {line!r}")


def test_each_request_of_a_batch_gets_its_own_answer(settings: list[Setting]) -> None:
    for _way, _torchserve, ask in _ways(settings):
        for size in SIZES:
            told = _at_once(ask, f"contract-{size}", [_number(each) for each in range(8)])
            assert [each.received() for each in told] == [(each, size) for each in range(8)]


def test_each_request_of_a_batch_gets_its_own_bytes(settings: list[Setting]) -> None:
    for setting in settings:
        if "V2" not in setting.ways:
            continue
        # Of whose answers the wrapper knows that the model reads bytes.
        _at_once(setting.ways["V2"], "arrays-4", [_number(each) for each in range(4)])

        def ask(seed: int, subject: RunningWrapper = setting.subject) -> bool:
            # So long each that an answer is none of another's.
            array = numpy.random.default_rng(seed).random(1000 + seed)
            triton, port = (
                (triton_http, subject.http_port) if seed % 2 else (triton_grpc, subject.grpc_port)
            )
            with triton.InferenceServerClient(f"127.0.0.1:{port}") as client:
                sent = triton.InferInput("x", list(array.shape), "FP64")
                sent.set_data_from_numpy(array)
                told = client.infer("arrays-4", [sent], request_id=str(seed))
            response = told.get_response()
            asked = response["id"] if seed % 2 else response.id
            return (asked, told.as_numpy("x").tobytes()) == (str(seed), array.tobytes())

        with ThreadPoolExecutor(8) as pool:
            assert all(pool.map(ask, range(8)))


def test_an_input_on_which_the_handler_raises_fails_alone(settings: list[Setting]) -> None:
    for way, torchserve, ask in _ways(settings):
        with _failing_in_a_batch_of(4, torchserve):
            told = _at_once(ask, "contract-4", [_number(0), _RAISES, _number(2), _number(3)])
        assert _same(way, told[1], 500, _FAILED)
        assert [told[place].received()[0] for place in (0, 2, 3)] == [0, 2, 3]


@pytest.mark.parametrize(
    ("order", "status", "said"),
    [
        ({"refuse": 404}, 404, "this handler refuses it"),
        ({"exhaust": 1}, 503, "The model ran out of memory"),
        ({"raise": "it"}, 500, _FAILED),
    ],
    ids=lambda each: next(iter(each)) if isinstance(each, dict) else "",
)
def test_an_error_of_a_request_keeps_its_meaning(
    settings: list[Setting], order: dict[str, Any], status: int, said: str
) -> None:
    for way, torchserve, ask in _ways(settings):
        with _failing_in_a_batch_of(2, torchserve):
            told = _at_once(ask, "misbehaving-2", [_told_to(**order), _told_to(echo=5)])
        assert _same(way, told[0], status, said)
        assert told[1].status in _FINE


def test_a_request_that_the_envelope_refuses_fails_alone(settings: list[Setting]) -> None:
    for way, torchserve, ask in _ways(settings):
        if way == "V1":
            form = {"Content-Type": "multipart/form-data; boundary=b"}
            field = 'Content-Disposition: form-data; name="x"'
            bad = Order(f"--b\r\n{field}\r\n\r\nabc\r\n--b--\r\n", headers=form)
        else:
            bad = Order(tensor=_NO_BASE64)
        with _failing_in_a_batch_of(4, torchserve):
            told = _at_once(ask, "contract-4", [_number(0), _number(1), bad, _number(3)])
        assert _same(way, told[2], 400, "data" if way == "V1" else "base64")
        assert [told[place].received() for place in (0, 1, 3)] == [(0, 3), (1, 3), (3, 3)]


def test_what_can_be_answered_only_alone_is_answered(settings: list[Setting]) -> None:
    for way, torchserve, ask in _ways(settings):
        if way == "V1":
            # Predictions and explanations are one queue to TorchServe.
            orders = [_number(each, ("predict", "explain")[each % 2]) for each in range(4)]
            told = _at_once(ask, "contract-4", orders)
            assert [each.received() for each in told] == [(each, 2) for each in range(4)]
            verbs = ["received" if "received" in each.said[0] else "explained" for each in told]
            assert verbs == ["received", "explained"] * 2
            text = {"Content-Type": "text/plain"}
            orders = [_number(0), Order("abc", headers=text), _number(2), _number(3)]
            told = _at_once(ask, "echo-4", orders)
            assert [each.said for each in told] == [[0], [3], [2], [3]]
        else:
            forms = ("one", "twice", "one", "twice")
            told = _at_once(ask, "echo-4", [_as(form) for form in forms])
            assert [len(each.said) for each in told] == [1, 2, 1, 2]
            _wait_for_line(torchserve, "A batch of 4 requests failed")


def _as(form: str) -> Order:
    return Order(tensor={**_number(1).tensor, "parameters": {"as": form}})


def test_a_model_tells_its_own_metadata(torchserve: ProcessTorchServe) -> None:
    endpoints = torchserve.instance.endpoints
    url = f"http://{endpoints.host}:{endpoints.management}/models/contract-4?customized=true"
    (told,) = requests.get(url, timeout=120).json()
    assert "received" in json.dumps(told["customizedMetadata"])
