"""Clients tell what became of a request, and take no answer for theirs that isn't."""

from __future__ import annotations

import contextlib
import http.client
import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from drill import asking
from drill.asking import Address, RestClient
from drill.load import Load, Probe
from drill.outcomes import CONNECT, RESET, TIMEOUT, WRONG
from drill.proxy import Proxy

Answer = Callable[[bytes], bytes]


def as_http(status: int, body: bytes, *lines: str) -> bytes:
    """Write an answer."""
    told = (f"HTTP/1.1 {status} X", f"Content-Length: {len(body)}", *lines)
    return "\r\n".join([*told, "", ""]).encode() + body


def right(request: bytes) -> bytes:
    """Answer with the number that was asked with."""
    return as_http(200, request)


def of_another(request: bytes) -> bytes:
    """Answer with another number."""
    return as_http(200, b'{"predictions": [{"number": 1}]}')


def full(request: bytes) -> bytes:
    """Refuse, say when to come again, and that the connection ends."""
    return as_http(503, b"{}", "Retry-After: 1", "Connection: close")


def nothing(request: bytes) -> bytes:
    """Close the connection in the place of an answer."""
    return b""


@contextlib.contextmanager
def serving(answer: Answer) -> Iterator[int]:
    """Give the port of a server that answers each request so, which it gets whole."""

    def serve(connection: socket.socket) -> None:
        with contextlib.suppress(OSError), connection, connection.makefile("rb") as sent:
            while sent.readline():
                headers = http.client.parse_headers(sent)
                told = answer(sent.read(int(headers["Content-Length"] or 0)))
                connection.sendall(told)
                if not told:
                    return

    def accept(listening: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listening.accept()
                threading.Thread(target=serve, args=(connection,), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=accept, args=(listening,), daemon=True).start()
        yield listening.getsockname()[1]
        listening.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize(
    ("answer", "result"), [(right, "200"), (of_another, WRONG), (full, "503"), (nothing, RESET)]
)
def test_a_result_is_what_a_client_sees(answer: Answer, result: str) -> None:
    with serving(answer) as port:
        outcome = RestClient("V1", Address(port, None)).ask({})
    assert outcome.result == result
    assert outcome.is_well == (answer is right)
    assert outcome.closes == outcome.may_retry == (answer is full)


def test_nobody_there_is_no_connection_over_both() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    address = Address(port, port)
    assert address.protocols == ("V1", "V2", "gRPC")
    for protocol in address.protocols:
        client = asking.client(protocol, address, patience=5)
        assert client.ask({}).result == CONNECT
        client.close()


def test_what_accepts_and_says_nothing_is_a_timeout_over_both() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        assert RestClient("V2", Address(port, None), patience=0.2).ask({}).result == TIMEOUT
        assert asking.get(port, "/", 0.2) == TIMEOUT


def test_a_connection_that_the_server_has_closed_is_opened_anew() -> None:
    with serving(right) as port:
        client = RestClient("V1", Address(port, None))
        assert client.ask({}).is_well
        # As a server does with one that has rested.
        assert client._connection.sock is not None
        client._connection.sock.shutdown(socket.SHUT_RDWR)
        assert client.ask({}).is_well


def test_a_proxy_that_hangs_accepts_and_hands_on_later_what_came() -> None:
    with serving(right) as port, Proxy(port) as proxy:
        client = RestClient("V1", Address(proxy.port, None), patience=0.3)
        assert client.ask({}).is_well
        proxy.hang()
        assert client.ask({}).result == TIMEOUT
        assert RestClient("V1", Address(proxy.port, None), patience=0.3).ask({}).result == TIMEOUT
        waits = RestClient("V1", Address(proxy.port, None), patience=30)
        threading.Timer(0.3, proxy.go_on).start()
        assert waits.ask({}).is_well


def test_load_asks_in_each_protocol_and_a_probe_asks_on() -> None:
    with (
        serving(right) as port,
        Load(Address(port, None), clients=2) as load,
        Probe(port) as probe,
    ):
        while not probe.looks or len({each.protocol for each in load.outcomes}) < 2:
            time.sleep(0.01)
    assert {each.protocol for each in load.outcomes} == {"V1", "V2"}
    assert len(probe.looks) >= 1


def test_load_keeps_its_rate() -> None:
    with serving(right) as port, Load(Address(port, None), clients=2, rate=20) as load:
        time.sleep(1)
    assert len([each for each in load.outcomes if each.protocol == "V1"]) <= 12
