"""The suite's HTTP client: what it makes of connections that a server ends."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest
from kserve_conformance.asking.http_client import HttpClient, NoAnswer, Request

_BODY = b"[1, 2, 3]"
_ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"
_MOVED = b"HTTP/1.1 302 Found\r\nlocation: http://[nowhere\r\ncontent-length: 0\r\n\r\n"


@contextmanager
def serving(*answers: int, answer: bytes = _ANSWER) -> Iterator[str]:
    """Serve connection after connection, each with so many answers; then end it by a reset."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            for index, count in enumerate(answers):
                connection, _ = listener.accept()
                with connection:
                    for _ in range(count):
                        received = b""
                        while not received.endswith(_BODY):
                            received += connection.recv(65536)
                        connection.sendall(answer)
                    if index + 1 < len(answers):
                        # What is received and not read makes the kernel end it by a reset.
                        connection.recv(1)

        server = threading.Thread(target=serve)
        server.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        server.join()


def request(url: str) -> Request:
    """Make a request of some length."""
    return Request("POST", f"{url}/v2", {"content-type": "application/json"}, _BODY)


def test_a_connection_that_the_server_ended_is_no_finding_about_the_next_request() -> None:
    with serving(1, 1) as url:
        client = HttpClient(url)
        assert client.send(request(url)).status == 200
        assert client.send(request(url)).status == 200
        client.close()


def test_a_server_that_ends_each_connection_does_not_answer() -> None:
    with serving(1, 0) as url:
        client = HttpClient(url)
        assert client.send(request(url)).status == 200
        with pytest.raises(NoAnswer, match="POST /v2 was not answered"):
            client.send(request(url))
        client.close()


def test_what_a_new_connection_was_ended_at_is_not_sent_again() -> None:
    with serving(0) as url, pytest.raises(NoAnswer, match="POST /v2 was not answered"):
        HttpClient(url).send(request(url))


def test_a_redirection_is_an_answer_wherever_it_leads() -> None:
    with serving(1, answer=_MOVED) as url, closing(HttpClient(url)) as client:
        answer = client.send(request(url))
    assert (answer.status, answer.headers["location"]) == (302, "http://[nowhere")
