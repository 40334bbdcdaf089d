"""SIGTERM lets requests in flight finish, within the grace time, with exit code 0."""

from __future__ import annotations

import contextlib
import ctypes
import http.client
import json
import os
import signal
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import grpc
import pytest
import requests
from tritonclient.grpc import service_pb2, service_pb2_grpc

from fixtures.torchserve import Instance
from matrix.running.launch import RunningWrapper
from tests.wrapper import http2
from tests.wrapper.running import RELEASES, start_torchserve, wrapper

pytestmark = pytest.mark.integration

RELEASES_AND_MORE = (*RELEASES, "0.10.0", "0.14.1")
# Seconds, many times what it takes.
WITHIN = 60


@pytest.fixture(scope="module")
def torchserve() -> Iterator[Instance]:
    """A TorchServe whose model takes the time that it is told."""
    with start_torchserve("kserve", "misbehaving") as running:
        yield running.instance


@pytest.fixture(scope="module")
def torchserve_v2() -> Iterator[Instance]:
    """The same, whose envelope reads V2."""
    with start_torchserve("kservev2", "misbehaving") as running:
        yield running.instance


class _InFlight(threading.Thread):
    """A request whose answer takes its time."""

    def __init__(self, subject: RunningWrapper, seconds: float) -> None:
        super().__init__(daemon=True)
        self._url = f"{subject.url}/v1/models/misbehaving:predict"
        self._body = {"instances": [{"sleep": seconds}]}
        self.outcome: Any = None
        self.connection: str | None = None
        self.start()
        # Long enough to be in flight when the signal comes.
        time.sleep(0.5)

    def run(self) -> None:
        try:
            answer = requests.post(self._url, json=self._body, timeout=30)
            self.outcome = answer.status_code
            self.connection = answer.headers.get("connection")
        except requests.RequestException as error:
            self.outcome = type(error).__name__


class _Asking(threading.Thread):
    """A client that asks again and again on a connection that it keeps, and makes another when it
    is told that this one ends, until it is refused.

    Attributes:
        answered: how many of its requests were.
        ended_by: the error that did.
    """

    def __init__(self, subject: RunningWrapper) -> None:
        super().__init__(daemon=True)
        self._connection = _connection(subject)
        self.answered = 0
        self.ended_by: Exception | None = None
        self.start()

    def run(self) -> None:
        try:
            while True:
                self._connection.request("GET", "/v2/health/live")
                answer = self._connection.getresponse()
                answer.read()
                assert answer.status == 200
                self.answered += 1
        except Exception as error:
            self.ended_by = error


def _terminate(subject: RunningWrapper) -> None:
    os.kill(subject._process.pid, signal.SIGTERM)
    subject._process.wait(timeout=WITHIN)


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("release", RELEASES_AND_MORE)
def test_what_is_in_flight_is_answered_and_nobody_is_left_hanging(
    release: str, workers: int, torchserve: Instance, tmp_path: Path
) -> None:
    with (
        wrapper(release, torchserve, tmp_path, flags=f"--workers {workers}") as subject,
        contextlib.closing(_connection(subject)) as idle,
        contextlib.ExitStack() as stack,
    ):
        idle.request("GET", "/v2/health/live")
        idle.getresponse().read()
        ports = [subject.http_port]
        if release != "0.9.0":
            ports.append(subject.grpc_port)
            by_grpc = stack.enter_context(_greeted(subject.grpc_port))
        asking = [_Asking(subject) for _ in range(8)]
        request = _InFlight(subject, 3)
        subject.terminate()
        # Each of them long before the request in flight is answered.
        for each in asking:
            each.join(WITHIN)
        ends = Counter(type(each.ended_by) for each in asking)
        # The kernel resets who comes between the last look at who waits and the close of the port.
        assert ends[ConnectionRefusedError] >= len(asking) - 1, [each.ended_by for each in asking]
        assert ends.keys() <= {ConnectionRefusedError, ConnectionResetError}, ends
        assert min(each.answered for each in asking) > 0
        assert idle.sock.recv(1) == b""
        if release != "0.9.0":
            while http2.read_frame(by_grpc)[0] != http2.GOAWAY:
                pass
            # A client of gRPC's own answers the ping that comes with it; without that the server
            # waits for 20 s.
            stack.close()
        for port in ports:
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection(("127.0.0.1", port), timeout=WITHIN)
        assert request.is_alive()
        assert subject._process.wait(WITHIN) == 0
        request.join(WITHIN)
        assert (request.outcome, request.connection) == (200, "close")
        assert "grace period" not in subject.log()


@contextlib.contextmanager
def _greeted(port: int) -> Iterator[BinaryIO]:
    """Give what comes on a connection of HTTP/2 that has no stream."""
    with socket.create_connection(("127.0.0.1", port), timeout=WITHIN) as client:
        client.sendall(http2.greeting())
        with client.makefile("rb") as stream:
            http2.read_frame(stream)
            yield stream


@pytest.mark.parametrize("workers", [1, 2])
def test_what_was_sent_and_not_read_is_answered(
    workers: int, torchserve: Instance, tmp_path: Path
) -> None:
    # Tornado's; uvicorn's has a test of its own, `tests.wrapper.sdk.test_uvicorn_shutdown`.
    with (
        wrapper("0.9.0", torchserve, tmp_path, flags=f"--workers {workers}") as subject,
        contextlib.closing(_connection(subject)) as kept,
        contextlib.closing(_connection(subject)) as fresh,
    ):
        kept.request("GET", "/v1/models")
        kept.getresponse().read()
        # While none of its processes runs, all that comes to it waits to be read.
        os.killpg(subject._process.pid, signal.SIGSTOP)
        for connection in (kept, fresh):
            connection.request("GET", "/v1/models")
        _terminate_main_thread(subject._process.pid)
        # Long enough for the server to look for a signal as the first thing that it does.
        time.sleep(0.5)
        os.killpg(subject._process.pid, signal.SIGCONT)
        for connection in (kept, fresh):
            answer = connection.getresponse()
            assert (answer.status, answer.read()) == (200, b'{"models":["misbehaving"]}')
        assert subject._process.wait(timeout=120) == 0


def _terminate_main_thread(pid: int) -> None:
    """Send SIGTERM to the thread that gets it unless the process is stopped: then any may."""
    assert ctypes.CDLL(None, use_errno=True).tgkill(pid, pid, signal.SIGTERM) == 0


def _connection(subject: RunningWrapper) -> http.client.HTTPConnection:
    return http.client.HTTPConnection("127.0.0.1", subject.http_port, timeout=30)


@pytest.mark.parametrize("release", RELEASES)
def test_the_grace_time_ends_it(release: str, torchserve: Instance, tmp_path: Path) -> None:
    more = {"SHUTDOWN_GRACE_PERIOD": "1"}
    with wrapper(release, torchserve, tmp_path, more=more) as subject:
        # Longer, so that it isn't answered, and no longer than the model may sleep.
        request = _InFlight(subject, 6)
        _terminate(subject)
        assert subject.exit_code() == 0
        request.join(30)
        assert request.outcome == "ConnectionError"
        assert "grace period of 1 s is over" in subject.log()
    # The model goes on until it has slept, whoever asked.
    time.sleep(4.5)


@pytest.mark.parametrize("release", RELEASES[1:])
def test_a_grpc_call_in_flight_is_answered(
    release: str, torchserve_v2: Instance, tmp_path: Path
) -> None:
    with (
        wrapper(release, torchserve_v2, tmp_path, protocol="v2") as subject,
        grpc.insecure_channel(f"127.0.0.1:{subject.grpc_port}") as channel,
    ):
        request = service_pb2.ModelInferRequest(model_name="misbehaving")
        tensor = request.inputs.add(name="x", datatype="BYTES", shape=[1])
        tensor.contents.bytes_contents.append(json.dumps({"sleep": 2}).encode())
        call = service_pb2_grpc.GRPCInferenceServiceStub(channel).ModelInfer.future(request)
        time.sleep(0.5)
        _terminate(subject)
        assert subject.exit_code() == 0
        assert call.result(timeout=30).outputs[0].contents.bytes_contents[0] == b"2"
