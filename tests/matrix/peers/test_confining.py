"""A server that listens on every address is reached by loopback ports only, byte for byte."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from kserve_conformance.results.verdict import Unprovisioned

from matrix.peers import confining
from matrix.running import launch, ports

# Listens on every address once a file is there. Says "hello", gives back all of a request once that
# has ended, and closes; "reset" it answers with a reset, and "end" ends it with exit code 7.
SERVER = """\
import os, socket, struct, sys, time
port, file = int(sys.argv[1]), sys.argv[2]

def answer(connection):
    connection.sendall(b"hello ")
    received = b""
    while data := connection.recv(65536):
        received += data
        if received == b"reset":
            now = struct.pack("ii", 1, 0)
            return connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, now)
        if received == b"end":
            sys.exit(7)
    connection.sendall(received)

while not os.path.exists(file):
    time.sleep(0.01)
with socket.create_server(("0.0.0.0", port)) as server:
    while True:
        connection, _ = server.accept()
        with connection:
            try:
                answer(connection)
            except OSError:
                pass
"""


@pytest.fixture
def port(tmp_path: Path) -> Iterator[int]:
    """Give the port of a confined server, which listens from the start."""
    (tmp_path / "now").touch()
    with confined(tmp_path) as (_, port):
        wait_open(port)
        yield port


@contextlib.contextmanager
def confined(folder: Path) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    (port,) = ports.free(1)
    command = [sys.executable, "-c", SERVER, str(port), str(folder / "now")]
    argv, variables = confining.confined("Fake", command, (port,))
    process = launch.start_group(argv, {**os.environ, **variables}, folder, 1, 2)
    try:
        yield process, port
    finally:
        launch.end_group(process)
        ports.wait_free((port,), seconds=10)


def wait_open(port: int) -> None:
    deadline = time.monotonic() + 60
    while not ports.is_open(port):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def connect(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=30)


def all_of(connection: socket.socket) -> bytes:
    return b"".join(iter(lambda: connection.recv(65536), b""))


def test_bytes_pass_both_ways_and_each_way_ends_by_itself(port: int) -> None:
    sent = os.urandom(3_000_000)
    with connect(port) as connection:
        connection.sendall(sent)
        connection.shutdown(socket.SHUT_WR)
        assert all_of(connection) == b"hello " + sent


def test_nobody_reaches_it_by_another_address(port: int) -> None:
    # A socket that is bound to every address has this one, too.
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.2", port), timeout=5)


def test_a_connection_that_it_resets_is_broken_off(port: int) -> None:
    with connect(port) as connection:
        connection.sendall(b"reset")
        with contextlib.suppress(ConnectionResetError):
            assert all_of(connection) in (b"", b"hello ")


def test_a_client_that_breaks_off_holds_up_nobody(port: int) -> None:
    with connect(port) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    with connect(port) as connection:
        connection.shutdown(socket.SHUT_WR)
        assert all_of(connection) == b"hello "


def test_its_port_is_closed_until_it_listens_and_its_exit_code_is_its_own(tmp_path: Path) -> None:
    with confined(tmp_path) as (process, port):
        with pytest.raises(ConnectionRefusedError):
            connect(port)
        (tmp_path / "now").touch()
        wait_open(port)
        with connect(port) as connection:
            connection.sendall(b"end")
            assert process.wait(timeout=30) == 7


def test_it_ends_with_its_group(tmp_path: Path) -> None:
    (tmp_path / "now").touch()
    with confined(tmp_path) as (process, port):
        wait_open(port)
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(timeout=30)
        ports.wait_free((port,), seconds=10)


def test_where_there_can_be_no_such_network_it_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    why = "a network namespace: Operation not permitted"
    monkeypatch.setattr(
        confining, "_PROGRAM", [sys.executable, "-c", f"import sys; sys.exit({why!r})"]
    )
    confining._why_not.cache_clear()
    with pytest.raises(Unprovisioned) as raised:
        confining.confined("Fake", ["fake"], (1,))
    confining._why_not.cache_clear()
    assert str(raised.value) == (
        "Fake listens on every address of the machine, and can't be kept to a network of its own "
        f"here ({why}): run it as root, or where the kernel allows user namespaces"
    )


def test_a_network_of_its_own_can_be_had_here_by_anybody_whom_the_kernel_lets() -> None:
    assert confining._why_not() is None
