"""The floor forwards, and asks nobody over gRPC."""

from __future__ import annotations

import http.server
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import pytest

from benchmarks.asking import Call, Place, Post
from benchmarks.load import LoadError
from matrix.planning.subject import REPOSITORY
from matrix.running import ports

FLOOR = REPOSITORY / "benchmarks" / "servers" / "floor.py"


class Upstream(http.server.BaseHTTPRequestHandler):
    """Gives back what it gets, with its path and its type; an empty body is an error."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        told = f"{self.path} {self.headers['Content-Type']} ".encode() + body
        self.send_response(200 if body else 503)
        self.send_header("Content-Length", str(len(told)))
        self.end_headers()
        self.wfile.write(told)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    upstream = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Upstream)
    upstream.daemon_threads = True
    threading.Thread(target=upstream.serve_forever, daemon=True).start()
    config = tmp_path_factory.mktemp("floor") / "config.properties"
    config.write_text(f"inference_address=http://127.0.0.1:{upstream.server_port}\n")
    http_port, grpc_port = ports.free(2)
    told = ["--http_port", str(http_port), "--grpc_port", str(grpc_port)]
    environment = {**os.environ, "CONFIG_PATH": str(config)}
    process = subprocess.Popen([sys.executable, str(FLOOR), *told], env=environment)
    with upstream, process:
        place = Place(f"http://127.0.0.1:{http_port}", f"127.0.0.1:{grpc_port}")
        _wait(place)
        yield place
        process.kill()
        upstream.shutdown()


def _wait(place: Place) -> None:
    ends = time.monotonic() + 60
    while True:
        try:
            Post("/", b"x", {}).once(place)
        except LoadError:
            assert time.monotonic() < ends
            time.sleep(0.05)
        else:
            return


@pytest.mark.parametrize("size", [1, 3_000_000])
def test_bodies_are_passed_on_and_answers_back(place: Place, size: int) -> None:
    post = Post("/v1/models/echo:predict", b"b" * size, {"Content-Type": "a/b"})
    for _ in range(2):
        assert post.once(place) == b"/v1/models/echo:predict a/b " + post.body


def test_an_error_stays_one(place: Place) -> None:
    with pytest.raises(LoadError, match=r"^/x is answered 503: /x application/json $"):
        Post("/x", b"", {"Content-Type": "application/json"}).once(place)


@pytest.mark.parametrize("size", [1, 5_000_000])
def test_a_call_is_given_back(place: Place, size: int) -> None:
    assert Call("/a.B/C", b"m" * size).once(place) == b"m" * size
