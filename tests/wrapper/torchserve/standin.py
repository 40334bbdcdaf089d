"""A stand-in: TorchServe can't be brought to give the odd answers that are tested here."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

READY = json.dumps([{"workers": [{"status": "READY"}]}])


def description(version: str, *workers: str) -> dict[str, object]:
    """Give what TorchServe tells of a version, by the states of its workers."""
    return {"modelVersion": version, "workers": [{"status": state} for state in workers]}


class Standin(ThreadingHTTPServer):
    """Answers what the test says; counts connections and remembers paths.

    Attributes:
        statuses: of the next answers; `status` is that of the ones after them.
        answers: gives the status and the body of each answer instead, by path and headers.
        knows_expectations: whether one that expects something is told that it is not met, as by
            TorchServe, which counts and remembers no such request.
        delay: seconds that each answer takes.
        silent_connections: numbers of those that are answered too late.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.status, self.body = 200, READY
        self.connections = 0
        self.paths: list[str] = []
        self.statuses: list[int] = []
        self.answers: Callable[[str, Mapping[str, str]], tuple[int, str]] | None = None
        self.knows_expectations = True
        self.delay = 0.0
        self.silent_connections: set[int] = set()


@contextlib.contextmanager
def standing_in() -> Iterator[Standin]:
    """Have a stand-in answer until the context ends."""
    with Standin() as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield server
        server.shutdown()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Standin

    def setup(self) -> None:
        super().setup()
        self.server.connections += 1
        self.number = self.server.connections

    def do_GET(self) -> None:
        if "Expect" in self.headers and self.server.knows_expectations:
            self.send_response(417)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.paths.append(self.path)
        silent = self.number in self.server.silent_connections
        time.sleep(5 if silent else self.server.delay)
        status, body = self._answer()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        with contextlib.suppress(BrokenPipeError):  # it didn't wait
            self.wfile.write(body)

    do_POST = do_DELETE = do_GET  # noqa: N815

    def _answer(self) -> tuple[int, bytes]:
        server = self.server
        if server.answers is not None:
            status, body = server.answers(self.path, {**self.headers})
            return status, body.encode()
        body = server.body
        return server.statuses.pop(0) if server.statuses else server.status, body.encode()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass
