"""A proxy that opens tunnels (CONNECT), and keeps what it was asked for."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from socketserver import BaseRequestHandler, ThreadingTCPServer


class Tunnel(ThreadingTCPServer):
    """Leads each connection to where its name stands for.

    Attributes:
        places: by ``HOST:PORT`` that is asked for, the port of this machine that it leads to.
        asked: what was asked for, as it came.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.places: dict[str, int] = {}
        self.asked: list[str] = []

    @property
    def url(self) -> str:
        """Give the address of the proxy."""
        return f"http://127.0.0.1:{self.server_address[1]}"


@contextlib.contextmanager
def running() -> Iterator[Tunnel]:
    """Run a proxy on a free port of the loopback address."""
    with Tunnel() as tunnel:
        threading.Thread(target=tunnel.serve_forever, args=(0.02,), daemon=True).start()
        try:
            yield tunnel
        finally:
            tunnel.shutdown()


class _Handler(BaseRequestHandler):
    server: Tunnel

    def handle(self) -> None:
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            if not (received := self.request.recv(1)):
                return
            head += received
        asked = head.decode().split("\r\n")[0]
        self.server.asked.append(asked)
        method, place, _ = asked.split(" ")
        if method != "CONNECT" or place not in self.server.places:
            self.request.sendall(b"HTTP/1.1 403 Forbidden\r\n\r\n")
            return
        with socket.create_connection(("127.0.0.1", self.server.places[place])) as onward:
            for each in (onward, self.request):
                each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.request.sendall(b"HTTP/1.1 200 Connection established\r\nVia: 1.1 tunnel\r\n\r\n")
            back = threading.Thread(target=_pass, args=(onward, self.request))
            back.start()
            _pass(self.request, onward)
            back.join()


def _pass(source: socket.socket, to: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while received := source.recv(65536):
            to.sendall(received)
    with contextlib.suppress(OSError):
        to.shutdown(socket.SHUT_WR)
