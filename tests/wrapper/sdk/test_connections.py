"""What addresses a wrapper is reached at, over how many connections, and how long one may rest."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import grpc
import psutil
import pytest
from tritonclient.grpc import service_pb2, service_pb2_grpc

from matrix.planning.subject import OURS_COMMAND
from matrix.running.launch import RunningWrapper
from matrix.running.timing import seconds_until
from tests import lending
from tests.wrapper.running import wrapper

pytestmark = pytest.mark.integration

# Each way in which a generation of the SDK listens.
WAYS = [
    ("0.9.0", 2),
    ("0.10.0", 2),
    ("0.12.1", 1),
    ("0.12.1", 2),
    ("0.14.1", 1),
    ("0.21.0", 1),
    ("0.21.0", 2),
]
# Seconds. uvicorn's own default is 5.
RESTS = 8
CROWD = 1000
# Clients beside them, and the seconds between two bytes that each of them sends.
SLOW, EACH_BYTE = 50, 0.1

WITHOUT_IPV6 = "{python} {repository}/tests/wrapper/sdk/without_ipv6.py wrapper"


@contextlib.contextmanager
def _running(
    release: str, folder: Path, flags: str, command: str = OURS_COMMAND
) -> Iterator[RunningWrapper]:
    instance = lending.instance("kserve", "contract")
    with wrapper(release, instance, folder, flags=flags, command=command) as subject:
        yield subject


def _is_live_by_grpc(address: str) -> bool:
    with grpc.insecure_channel(address) as channel:
        live = service_pb2_grpc.GRPCInferenceServiceStub(channel).ServerLive
        answer = live(service_pb2.ServerLiveRequest(), timeout=60, wait_for_ready=True)
        return bool(answer.live)


def _statuses(connections: list[http.client.HTTPConnection]) -> set[int]:
    """Ask over all of them at once."""
    for each in connections:
        each.request("GET", "/v2/models/contract/ready")
    answers = [each.getresponse() for each in connections]
    for answer in answers:
        answer.read()
    return {answer.status for answer in answers}


def _processes(subject: RunningWrapper) -> list[psutil.Process]:
    first = psutil.Process(subject.process_group)
    return [first, *first.children(recursive=True)]


def _open_files(subject: RunningWrapper) -> int:
    return sum(process.num_fds() for process in _processes(subject))


def _allow_files(subject: RunningWrapper) -> None:
    """Let this process and each of the wrapper's have so many connections open."""
    for process in (psutil.Process(), *_processes(subject)):
        soft, hard = process.rlimit(psutil.RLIMIT_NOFILE)
        process.rlimit(psutil.RLIMIT_NOFILE, (max(soft, min(2 * CROWD, hard)), hard))


def _send_slowly(clients: list[socket.socket]) -> None:
    """Send a request by each of them; the last bytes of it, which take as long as others rest."""
    body = json.dumps({"instances": ["sent slowly"]}).encode()
    head = f"POST /v1/models/contract:predict HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}"
    message = head.encode() + b"\r\n\r\n" + body
    at_once = len(message) - round(RESTS / EACH_BYTE)
    for part in (message[:at_once], *(bytes([each]) for each in message[at_once:])):
        for each in clients:
            each.sendall(part)
        time.sleep(EACH_BYTE)


@pytest.mark.parametrize(("release", "workers"), WAYS)
def test_a_crowd_of_both_families_may_rest(release: str, workers: int, tmp_path: Path) -> None:
    with (
        _running(release, tmp_path, f"--workers {workers}") as subject,
        contextlib.ExitStack() as stack,
    ):
        _allow_files(subject)
        files = _open_files(subject)
        connections = [
            stack.enter_context(
                contextlib.closing(http.client.HTTPConnection(host, subject.http_port, timeout=60))
            )
            for host in ("127.0.0.1", "::1") * (CROWD // 2)
        ]
        assert _statuses(connections) == {200}
        if release != "0.9.0":
            for address in ("127.0.0.1", "[::1]"):
                assert _is_live_by_grpc(f"{address}:{subject.grpc_port}")
        assert "::ffff:" not in subject.log()
        sockets = [each.sock for each in connections]
        slow = [
            stack.enter_context(socket.create_connection(("::1", subject.http_port), timeout=60))
            for _ in range(SLOW)
        ]
        _send_slowly(slow)
        assert {each.recv(12) for each in slow} == {b"HTTP/1.1 200"}
        assert _statuses(connections) == {200}
        # A client that finds its connection closed makes another by itself.
        assert [each.sock for each in connections] == sockets
        stack.close()
        # Some are for what was begun lazily, and one for each slow client stays, to TorchServe.
        few = CROWD / 5
        seconds_until(lambda: _open_files(subject) <= files + few, 30, "the end of what was open")


@pytest.mark.parametrize("release", ["0.9.0", "0.12.1", "0.21.0"])
def test_without_ipv6_it_serves_ipv4(release: str, tmp_path: Path) -> None:
    with _running(release, tmp_path, "--timeout-keep-alive 1", command=WITHOUT_IPV6) as subject:
        connection = http.client.HTTPConnection("127.0.0.1", subject.http_port, timeout=60)
        assert _statuses([connection]) == {200}
        if release != "0.9.0":
            assert _is_live_by_grpc(f"127.0.0.1:{subject.grpc_port}")
        # It is as short as it was told.
        assert connection.sock.recv(1) == b""
