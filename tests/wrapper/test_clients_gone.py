"""What was begun for a client ends when it is gone, on real SDKs and real TorchServe.

The one place that there is (MAX_CONCURRENT_REQUESTS) is free again only when all has been given up.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import time
from collections.abc import Iterator

import grpc
import psutil
import pytest
import requests
from kserve_conformance import tensors
from tritonclient.grpc import service_pb2_grpc

from fixtures.torchserve import Instance
from matrix.running.launch import RunningWrapper
from matrix.running.scrape import Scrape
from matrix.running.timing import seconds_until
from tests import lending
from tests.wrapper.registering import registered
from tests.wrapper.running import RELEASES, wrapper

pytestmark = pytest.mark.integration

# Seconds: far longer than any test waits.
_SLEEP = 600
_SLOW = {"name": "sleep", "shape": [1], "datatype": "FP32", "data": [_SLEEP]}
_V2 = {"inputs": [_SLOW]}
# Seconds within which all is given up. The wrapper looks each 0.1 s; other tests run beside.
_WITHIN = 3.0
# Seconds, of which an end that waits for nobody takes a part.
_GRACE = 30


@pytest.fixture(scope="module")
def torchserve() -> Iterator[Instance]:
    """A model that answers nobody: its one worker sleeps, the rest is queued behind.

    Without an envelope it reads V1 and V2.
    """
    with registered(lending.instance("none"), "contract") as instance:
        yield instance


_BARE = "--bare-sdk"
_WAYS = [
    (release, *way) for release in RELEASES for way in (("v2", ""), ("grpc-v2", ""), ("v2", _BARE))
]


@pytest.fixture(scope="module", params=_WAYS, ids="-".join)
def subject(
    request: pytest.FixtureRequest,
    torchserve: Instance,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[RunningWrapper]:
    """The wrapper on one SDK, by one transport towards TorchServe; by the SDK's own routes, too."""
    release, protocol, flags = request.param
    folder = tmp_path_factory.mktemp("wrapper")
    more = {"MAX_CONCURRENT_REQUESTS": "1", "SHUTDOWN_GRACE_PERIOD": str(_GRACE)}
    with wrapper(release, torchserve, folder, protocol=protocol, flags=flags, more=more) as running:
        yield running


def _has_grpc(subject: RunningWrapper) -> bool:
    return "KServe SDK 0.9" not in subject.log()


def _message(model: str) -> bytes:
    return _post(f"/v2/models/{model}/infer", _V2)


def _post(path: str, request: object) -> bytes:
    body = json.dumps(request).encode()
    # The SDK's own routes want the type, too.
    said = f"Host: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return f"POST {path} HTTP/1.1\r\n{said}".encode() + body


@contextlib.contextmanager
def _connected(subject: RunningWrapper) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", subject.http_port), timeout=30) as client:
        yield client


def _closes(subject: RunningWrapper, model: str) -> None:
    with _connected(subject) as client:
        client.sendall(_message(model))
        _until_begun(subject, model)


def _closes_in_v1(subject: RunningWrapper, model: str) -> None:
    with _connected(subject) as client:
        client.sendall(_post(f"/v1/models/{model}:predict", {"instances": [{"sleep": _SLEEP}]}))
        _until_begun(subject, model)


def _resets(subject: RunningWrapper, model: str) -> None:
    with _connected(subject) as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        client.sendall(_message(model))
        _until_begun(subject, model)


def _closes_its_half(subject: RunningWrapper, model: str) -> None:
    with _connected(subject) as client:
        client.sendall(_message(model))
        _until_begun(subject, model)
        client.shutdown(socket.SHUT_WR)
        # Every server takes that for the end, and closes the other half.
        assert client.recv(1) == b""


def _closes_a_kept_connection(subject: RunningWrapper, model: str) -> None:
    with _connected(subject) as client:
        client.sendall(b"GET /v2/health/live HTTP/1.1\r\nHost: x\r\n\r\n")
        assert client.recv(65536).startswith(b"HTTP/1.1 200")
        client.sendall(_message(model))
        _until_begun(subject, model)


def _closes_with_another_request_behind(subject: RunningWrapper, model: str) -> None:
    with _connected(subject) as client:
        client.sendall(_message(model) + b"GET /v2/health/live HTTP/1.1\r\nHost: x\r\n\r\n")
        _until_begun(subject, model)


def _cancels(subject: RunningWrapper, model: str) -> None:
    with grpc.insecure_channel(f"127.0.0.1:{subject.grpc_port}") as channel:
        call = _call(channel, model)
        _until_begun(subject, model)
        call.cancel()


def _closes_its_channel(subject: RunningWrapper, model: str) -> None:
    with grpc.insecure_channel(f"127.0.0.1:{subject.grpc_port}") as channel:
        call = _call(channel, model)
        _until_begun(subject, model)
        assert not call.done()


def _call(channel: grpc.Channel, model: str) -> grpc.Future:
    stub = service_pb2_grpc.GRPCInferenceServiceStub(channel)
    return stub.ModelInfer.future(tensors.request(model, _V2))


_BY_REST = (
    _closes,
    _closes_in_v1,
    _resets,
    _closes_its_half,
    _closes_a_kept_connection,
    _closes_with_another_request_behind,
)
_BY_GRPC = (_cancels, _closes_its_channel)


def _scrape(subject: RunningWrapper) -> Scrape:
    return Scrape(requests.get(f"{subject.url}/metrics", timeout=30).text)


# Readiness holds a connection, which tells whether TorchServe is awake.
_HELD = 1


def _in_flight(subject: RunningWrapper, model: str) -> float:
    return _scrape(subject).total("torchserve_wrapper_requests_in_flight", model=model)


def _until_begun(subject: RunningWrapper, model: str) -> None:
    seconds_until(lambda: _in_flight(subject, model) == 1, 30)
    # One that takes its time is another case than one that has just begun.
    time.sleep(0.3)


def _connections(subject: RunningWrapper, torchserve: Instance) -> int:
    """Count those to TorchServe's REST server for inference."""
    server = psutil.Process(subject.process_group)
    return sum(
        connection.raddr.port == torchserve.endpoints.inference
        and connection.status == psutil.CONN_ESTABLISHED
        for process in (server, *server.children(recursive=True))
        for connection in process.net_connections("tcp")
        if connection.raddr
    )


def _left(subject: RunningWrapper, model: str) -> tuple[float, float]:
    scrape, name = _scrape(subject), "torchserve_wrapper_requests_total"
    by_rest = scrape.total(name, model=model, status="499")
    by_grpc = scrape.total(name, model=model, protocol="grpc-v2", status="CANCELLED")
    assert scrape.total(name, model=model) == by_rest + by_grpc
    return by_rest, by_grpc


def test_all_is_given_up(subject: RunningWrapper, torchserve: Instance) -> None:
    (model,) = torchserve.models
    by_grpc = _BY_GRPC if _has_grpc(subject) else ()
    for goes in (*_BY_REST, *by_grpc):
        goes(subject, model)
        what = f"the end of one that {goes.__name__}"
        seconds_until(lambda: _in_flight(subject, model) == 0, _WITHIN, what)
        # Before the next one comes, which would be refused if anything were held.
        seconds_until(lambda: _connections(subject, torchserve) <= _HELD, _WITHIN, what)
    assert _left(subject, model) == (len(_BY_REST), len(by_grpc))
    assert "Traceback" not in subject.log()


def test_one_that_goes_while_its_body_comes_holds_nothing(
    subject: RunningWrapper, torchserve: Instance
) -> None:
    (model,) = torchserve.models
    before = _left(subject, model)
    with _connected(subject) as client:
        client.sendall(_message(model)[:-10])
        time.sleep(0.3)
    _closes(subject, model)
    seconds_until(lambda: _in_flight(subject, model) == 0, _WITHIN)
    assert _left(subject, model) == (before[0] + 1, before[1])


# The last of each subject.
def test_an_end_does_not_wait_for_it(subject: RunningWrapper, torchserve: Instance) -> None:
    (model,) = torchserve.models
    with _connected(subject) as client:
        client.sendall(_message(model))
        _until_begun(subject, model)
        os.kill(subject._process.pid, signal.SIGTERM)
        time.sleep(1)
        assert subject.exit_code() is None
    began = time.monotonic()
    subject._process.wait(timeout=2 * _GRACE)
    assert time.monotonic() - began < _GRACE / 2
    assert subject.exit_code() == 0
    assert "grace period" not in subject.log()
