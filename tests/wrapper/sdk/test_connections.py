"""What addresses a wrapper is reached at, and how long a connection to it may rest."""

from __future__ import annotations

import contextlib
import http.client
import time
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from tritonclient.grpc import service_pb2, service_pb2_grpc

from matrix.planning.subject import OURS_COMMAND
from matrix.running.launch import RunningWrapper
from matrix.running.timing import seconds_until
from tests.wrapper.running import NOBODY, is_alive, wrapper

pytestmark = pytest.mark.integration

# Each way in which a generation of the SDK listens.
WAYS = [
    ("0.9.0", 2),
    ("0.10.0", 2),
    ("0.13.1", 1),
    ("0.13.1", 2),
    ("0.14.1", 1),
    ("0.21.0", 1),
    ("0.21.0", 2),
]
# Seconds. uvicorn's own default is 5.
RESTS = 8

WITHOUT_IPV6 = "{python} {repository}/tests/wrapper/sdk/without_ipv6.py wrapper"


@contextlib.contextmanager
def _running(
    release: str, folder: Path, flags: str, command: str = OURS_COMMAND
) -> Iterator[RunningWrapper]:
    with wrapper(release, NOBODY, folder, flags=flags, wait=False, command=command) as subject:
        seconds_until(lambda: is_alive(subject.url), 120)
        yield subject


def _is_live_by_grpc(address: str) -> bool:
    with grpc.insecure_channel(address) as channel:
        live = service_pb2_grpc.GRPCInferenceServiceStub(channel).ServerLive
        answer = live(service_pb2.ServerLiveRequest(), timeout=60, wait_for_ready=True)
        return bool(answer.live)


def _status(connection: http.client.HTTPConnection) -> int:
    connection.request("GET", "/v2/health/live")
    answer = connection.getresponse()
    answer.read()
    return answer.status


@pytest.mark.parametrize(("release", "workers"), WAYS)
def test_both_families_reach_it_and_may_rest(release: str, workers: int, tmp_path: Path) -> None:
    with _running(release, tmp_path, f"--workers {workers}") as subject:
        connections = [
            http.client.HTTPConnection(host, subject.http_port, timeout=30)
            for host in ("127.0.0.1", "::1") * workers
        ]
        assert {_status(each) for each in connections} == {200}
        if release != "0.9.0":
            for address in ("127.0.0.1", "[::1]"):
                assert _is_live_by_grpc(f"{address}:{subject.grpc_port}")
        assert "::ffff:" not in subject.log()
        sockets = [each.sock for each in connections]
        time.sleep(RESTS)
        assert {_status(each) for each in connections} == {200}
        # A client that finds its connection closed makes another by itself.
        assert [each.sock for each in connections] == sockets


@pytest.mark.parametrize("release", ["0.9.0", "0.13.1", "0.21.0"])
def test_without_ipv6_it_serves_ipv4(release: str, tmp_path: Path) -> None:
    with _running(release, tmp_path, "--timeout-keep-alive 1", command=WITHOUT_IPV6) as subject:
        connection = http.client.HTTPConnection("127.0.0.1", subject.http_port, timeout=60)
        assert _status(connection) == 200
        if release != "0.9.0":
            assert _is_live_by_grpc(f"127.0.0.1:{subject.grpc_port}")
        # It is as short as it was told.
        assert connection.sock.recv(1) == b""
