"""The lines to try on a pod: what they send, and how their answers are judged."""

from __future__ import annotations

import json
import shlex
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from fixtures import models
from matrix.desk import served, trying
from matrix.desk.served import Sample, Served
from matrix.desk.trying import Line, Said
from tests.servers import running

DIGITS = served.of_fixtures("digits")
UNKNOWN = served.of_archive(models.archive("digits"))


def of(model: Served, url: str = "http://h:1", grpc: str = "h:2") -> dict[str, Line]:
    return {line.protocol: line for line in trying.lines(model, url, grpc)}


@pytest.fixture
def answering() -> Iterator[tuple[str, list[tuple[int, str]]]]:
    """Give the address of a server, and the answers that it gives to what is posted, in order."""
    answers: list[tuple[int, str]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            status, body = answers.pop(0)
            self.send_response(status)
            self.send_header("content-length", str(len(body.encode())))
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}", answers
        server.shutdown()


def test_there_is_one_for_each_protocol_which_says_where_it_goes() -> None:
    lines = of(DIGITS)
    assert list(lines) == ["V1", "V2", "gRPC"]
    v1, v2, grpc = (shlex.split(line.command) for line in lines.values())
    assert "http://h:1/v1/models/digits:predict" in v1
    assert "http://h:1/v2/models/digits/infer" in v2
    assert DIGITS.sample is not None
    assert json.loads(v1[-1]) == DIGITS.sample.v1
    assert json.loads(v2[-1]) == DIGITS.sample.v2
    assert grpc[:2] == [sys.executable, "-c"]
    compile(grpc[2], "line", "exec")
    assert '"h:2"' in grpc[2]


def test_they_are_lines_that_a_terminal_takes_and_no_proxy_does() -> None:
    for line in of(DIGITS).values():
        assert "\n" not in line.command
        assert len(line.command) < 1000
        assert "--noproxy '*'" in line.command or "enable_http_proxy" in line.command


def test_what_is_not_known_stands_there_as_words_that_are_told() -> None:
    for line in of(UNKNOWN).values():
        assert line.ask is None
        assert line.placeholders
        for word in line.placeholders:
            assert word in line.command
    # It is a program once they are replaced.
    code = shlex.split(of(UNKNOWN)["gRPC"].command)[2]
    compile(code.replace("SHAPE", "1").replace("DATA]", "2]"), "line", "exec")


@pytest.mark.parametrize(
    ("protocol", "status", "body", "right"),
    [
        ("V1", 200, '{"predictions": [7]}', True),
        ("V1", 200, '{"predictions": [3]}', False),
        ("V1", 200, '{"predictions": [7, 7]}', False),
        ("V1", 200, "[7]", False),
        ("V1", 200, "7", False),
        ("V1", 200, "no JSON", False),
        ("V1", 400, '{"predictions": [7]}', None),
        ("V2", 200, '{"outputs": [{"data": [7]}]}', True),
        ("V2", 200, '{"outputs": [{"data": [3]}]}', False),
        ("V2", 200, '{"outputs": []}', False),
        ("V2", 500, '{"error": "it broke"}', None),
    ],
)
def test_an_answer_is_right_wrong_or_a_refusal(
    protocol: str,
    status: int,
    body: str,
    right: bool | None,
    answering: tuple[str, list[tuple[int, str]]],
) -> None:
    url, answers = answering
    answers.append((status, body))
    ask = of(DIGITS, url)[protocol].ask
    assert ask is not None
    assert ask() == Said(f"{status} {body}", right)


def test_an_answer_of_many_lines_is_told_on_one(
    answering: tuple[str, list[tuple[int, str]]],
) -> None:
    url, answers = answering
    answers.append((200, '{\n  "predictions": [\n    7\n  ]\n}'))
    ask = of(DIGITS, url)["V1"].ask
    assert ask is not None
    assert ask() == Said('200 { "predictions": [ 7 ] }', right=True)


@pytest.mark.parametrize("protocol", ["V1", "V2", "gRPC"])
def test_no_answer_is_told_as_such(protocol: str) -> None:
    ask = of(DIGITS, "http://127.0.0.1:9", "127.0.0.1:9")[protocol].ask
    assert ask is not None
    said = ask()
    assert said.right is None
    assert "refused" in said.text


def test_a_call_is_answered_by_the_data_of_each_output() -> None:
    # The right server gives back what is called "returned".
    tensor = {"name": "returned", "shape": [1, 2], "datatype": "FP32", "data": [1, 2]}
    for known, right in (([[1.0, 2.0]], True), ([[1.0, 3.0]], False)):
        model = Served("contract", DIGITS.archive, Sample({}, {"inputs": [tensor]}, known))
        with running() as server:
            ask = of(model, server.url, server.grpc_target)["gRPC"].ask
            assert ask is not None
            assert ask() == Said("[[[1.0, 2.0]]]", right)


def test_a_call_that_is_refused_is_told_by_the_servers_sentence() -> None:
    with running() as server:
        ask = of(DIGITS, server.url, server.grpc_target)["gRPC"].ask
        assert ask is not None
        said = ask()
    assert said.right is None
    assert "[StatusCode.NOT_FOUND]" in said.text
