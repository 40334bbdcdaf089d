"""What clients see when a real TorchServe, or a model in it, fails; on three SDKs."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import psutil
import pytest
import requests
from tritonclient.grpc import service_pb2, service_pb2_grpc

from fixtures.torchserve import Envelope
from fixtures.torchserve.process import ProcessTorchServe
from matrix.launch import RunningWrapper
from matrix.patience import seconds_until
from tests.wrapper.running import RELEASES, start_torchserve, wrapper

pytestmark = pytest.mark.integration

_CONFIG = {"max_request_size": "200000"}
# The wrapper is told as TorchServe's own environment would tell it.
_LIMIT = {"TS_MAX_REQUEST_SIZE": _CONFIG["max_request_size"]}
_LEAKS = ("127.0.0.1", "localhost", "org.pytorch", "Traceback", "http://", "/tmp")


def _start(envelope: Envelope) -> ProcessTorchServe:
    return start_torchserve(envelope, "misbehaving", **_CONFIG)


@pytest.fixture(scope="module")
def torchserve() -> Iterator[ProcessTorchServe]:
    """A TorchServe whose envelope reads V1."""
    with _start("kserve") as running:
        yield running


@pytest.fixture(scope="module")
def torchserve_v2() -> Iterator[ProcessTorchServe]:
    """A TorchServe whose envelope reads V2."""
    with _start("kservev2") as running:
        yield running


@pytest.fixture(scope="module", params=RELEASES)
def subject(
    request: pytest.FixtureRequest,
    torchserve: ProcessTorchServe,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[RunningWrapper]:
    """The wrapper on one SDK."""
    folder = tmp_path_factory.mktemp("wrapper")
    with wrapper(str(request.param), torchserve.instance, folder, more=_LIMIT) as running:
        yield running


def _predict(subject: RunningWrapper, order: dict[str, Any]) -> requests.Response:
    url = f"{subject.url}/v1/models/misbehaving:predict"
    return requests.post(url, json={"instances": [order]}, timeout=30)


def _ready(subject: RunningWrapper, path: str = "/v2/health/ready") -> bool:
    return requests.get(subject.url + path, timeout=5).status_code == 200


def _settled(subject: RunningWrapper) -> None:
    seconds_until(lambda: _ready(subject), 30)


@pytest.mark.parametrize(
    ("order", "status", "said"),
    [
        ({"raise": "secret"}, 500, "The model failed on this request"),
        ({"refuse": 418}, 418, "this handler refuses it"),
        ({"refuse": 400}, 400, "this handler refuses it"),
        ({"exhaust": 1}, 503, "ran out of memory"),
        ({"answer": "nan"}, 500, "NaN"),
        ({"echo": "x" * 300000}, 413, "max_request_size is 200000 bytes"),
        ({"sleep": 3}, 504, "within 2 s (TorchServe's default_response_timeout)"),
        ({"die": 1}, 503, "worker died"),
    ],
)
def test_a_failure_keeps_its_meaning_over_rest(
    subject: RunningWrapper, order: dict[str, Any], status: int, said: str
) -> None:
    _settled(subject)
    answer = _predict(subject, order)
    assert answer.status_code == status
    assert said in answer.json()["error"]
    assert "secret" not in answer.text
    assert not [leak for leak in _LEAKS if leak in answer.text]
    # TorchServe starts another worker where the failure ended one; readiness tells it in between.
    seconds_until(lambda: _predict(subject, {"echo": 1}).json() == {"predictions": [1]}, 30)


def test_a_full_queue_is_503_and_says_when_to_come_again(subject: RunningWrapper) -> None:
    _settled(subject)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: _predict(subject, {"sleep": 0.5}), range(8)))
    refused = [answer for answer in answers if answer.status_code != 200]
    assert len(refused) >= 4
    for answer in refused:
        assert answer.status_code == 503
        assert "queue is full" in answer.json()["error"]
        assert answer.headers["Retry-After"] == "1"


def test_a_dead_worker_is_seen_within_a_second_and_its_successor_too(
    subject: RunningWrapper, torchserve: ProcessTorchServe
) -> None:
    _settled(subject)
    endpoints = torchserve.instance.endpoints
    url = f"http://{endpoints.host}:{endpoints.management}/models/misbehaving"
    described = requests.get(url, timeout=5).json()
    psutil.Process(described[0]["workers"][0]["pid"]).send_signal(signal.SIGKILL)
    assert seconds_until(lambda: not _ready(subject), 5) < 1
    assert requests.get(f"{subject.url}/v2/health/live", timeout=5).status_code == 200
    assert not _ready(subject, "/v1/models/misbehaving") or _ready(subject)
    assert _predict(subject, {"echo": 1}).status_code in (200, 503)
    _settled(subject)


@pytest.mark.parametrize("release", RELEASES)
def test_a_dead_torchserve_is_seen_within_a_second_and_its_return_too(
    release: str, tmp_path: Path
) -> None:
    with _start("kserve") as torchserve, wrapper(release, torchserve.instance, tmp_path) as subject:
        torchserve.kill()
        assert seconds_until(lambda: not _ready(subject), 5) < 1
        for path in ("/v1/models/misbehaving", "/v2/models/misbehaving/ready"):
            assert requests.get(subject.url + path, timeout=5).status_code == 503
        assert requests.get(f"{subject.url}/v2/health/live", timeout=5).status_code == 200
        assert requests.get(f"{subject.url}/", timeout=5).status_code == 200
        refused = _predict(subject, {"echo": 1})
        assert (refused.status_code, bool(refused.json()["error"])) == (503, True)
        torchserve.start_again()
        seconds_until(lambda: _ready(subject), 60)
        assert _predict(subject, {"echo": 1}).status_code == 200


def _infer(channel: grpc.Channel, order: dict[str, Any], model: str = "misbehaving") -> str:
    request = service_pb2.ModelInferRequest(model_name=model)
    tensor = request.inputs.add(name="x", datatype="BYTES", shape=[1])
    tensor.contents.bytes_contents.append(json.dumps(order).encode())
    try:
        service_pb2_grpc.GRPCInferenceServiceStub(channel).ModelInfer(request, timeout=20)
    except grpc.RpcError as error:
        details = str(error.details())
        assert not [leak for leak in (*_LEAKS, "secret") if leak in details], details
        return f"{error.code().name} {details}"
    return "OK"


@pytest.mark.parametrize("protocol", ["v2", "grpc-v2"])
@pytest.mark.parametrize("release", RELEASES[1:])
def test_a_failure_keeps_its_meaning_over_grpc(
    release: str, protocol: str, torchserve_v2: ProcessTorchServe, tmp_path: Path
) -> None:
    with (
        wrapper(
            release, torchserve_v2.instance, tmp_path, protocol=protocol, more=_LIMIT
        ) as subject,
        grpc.insecure_channel(f"127.0.0.1:{subject.grpc_port}") as channel,
    ):
        assert _infer(channel, {"echo": 1}) == "OK"
        assert _infer(channel, {"echo": 1}, "unknown").startswith("NOT_FOUND Model with name unk")
        assert _infer(channel, {"raise": "secret"}).startswith("INTERNAL The model failed on")
        assert _infer(channel, {"refuse": 400}).startswith("INVALID_ARGUMENT TorchServe refuses")
        assert _infer(channel, {"exhaust": 1}).startswith("UNAVAILABLE The model ran out of")
        too_large = _infer(channel, {"echo": "x" * 300000})
        assert too_large.startswith("RESOURCE_EXHAUSTED The request is larger"), too_large
        with ThreadPoolExecutor(8) as pool:
            told = set(pool.map(lambda _: _infer(channel, {"sleep": 0.5}), range(8)))
        assert {each.split()[0] for each in told} == {"OK", "RESOURCE_EXHAUSTED"}, told
        assert _infer(channel, {"sleep": 3}).startswith("DEADLINE_EXCEEDED")
        # TorchServe starts another worker for the slow one.
        seconds_until(lambda: _infer(channel, {"echo": 1}) == "OK", 30)
        # A request that waited in TorchServe's queue is answered before readiness is asked again.
        _settled(subject)
        assert _infer(channel, {"die": 1}).startswith("UNAVAILABLE The model's worker died")
        _settled(subject)
