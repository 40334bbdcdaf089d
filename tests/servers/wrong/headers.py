"""Servers whose header fields are wrong, or that don't speak HTTP as it is specified."""

from __future__ import annotations

import contextlib
import zlib
from collections.abc import Callable
from typing import Any

from tests.servers.http import Answer, Request, Scope, serve
from tests.servers.running import RightServer
from tests.servers.wrong.faults import breaks, change_answers, change_requests

_OK = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
_REFUSED = b"HTTP/1.1 400 Bad Request\r\ncontent-length: 13\r\n\r\n" + b'{"error":"?"}'
# What a server sets itself, so that a copy of a request's leaves an answer that can be read.
_OWN = ("content-length", "content-type", "transfer-encoding", "connection")


@breaks("V1-HEADER-001", "V2-HEADER-002")
def copies_the_coding_of_the_server_behind(server: RightServer) -> None:
    """Has both Transfer-Encoding, which it was answered with, and a length of its own."""
    answer = _OK + b"content-length: 2\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"
    server.wire_fault = lambda _: answer


@breaks("V1-HEADER-001", "V2-HEADER-002")
def counts_characters(server: RightServer) -> None:
    """Says less than it sends."""
    answer = _OK + b"content-length: 12\r\n\r\n" + '{"id": "é漢"}'.encode()
    server.wire_fault = lambda _: answer


@breaks("V1-HEADER-001", "V2-HEADER-002")
def says_more_than_it_sends(server: RightServer) -> None:
    """Keeps the length of a body that it shortened."""
    server.wire_fault = lambda _: _OK + b"content-length: 120\r\n\r\n{}"


@breaks("V1-HEADER-001", "V2-HEADER-002")
def never_ends_its_chunks(server: RightServer) -> None:
    """Leaves out the chunk that says the end."""
    server.wire_fault = lambda _: _OK + b"transfer-encoding: chunked\r\n\r\n2\r\n{}\r\n"


@breaks("V1-HEADER-002", "V2-HEADER-004")
def copies_the_headers_of_the_request(server: RightServer) -> None:
    """Uses one mapping for the header fields of request and answer."""

    def fault(request: Request, answer: Answer) -> None:
        answer.headers |= {k: v for k, v in request.headers.items() if k not in _OWN}

    change_answers(server, "/", fault)


@breaks("V1-HEADER-002")
def copies_the_headers_of_an_explanation(server: RightServer) -> None:
    """Does so where it explains, as KServe's SDK."""

    def fault(request: Request, answer: Answer) -> None:
        answer.headers |= {k: v for k, v in request.headers.items() if k not in _OWN}

    change_answers(server, ":explain", fault)


@breaks("V1-HEADER-002", "V2-HEADER-004")
def sets_the_cookie_it_was_given(server: RightServer) -> None:
    """Gives a cookie back as one of its own."""

    def fault(request: Request, answer: Answer) -> None:
        answer.headers["set-cookie"] = request.headers.get("cookie", "none")

    change_answers(server, "/", fault)


@breaks("V1-HEADER-002", "V2-HEADER-004")
def tells_the_request_in_errors(server: RightServer) -> None:
    """Shows in an error all that it was asked with."""

    def fault(request: Request, answer: Answer) -> Answer | None:
        return Answer.error(answer.status, f"{request.headers}") if answer.status >= 400 else None

    change_answers(server, "/", fault)


@breaks("V1-HEADER-003", "V2-HEADER-005")
def fails_on_compressed_bodies(server: RightServer) -> None:
    """Doesn't catch that compressed bytes are no text."""

    def fault(request: Request, _: Answer) -> Answer | None:
        compressed = request.body.startswith(b"\x1f\x8b")
        return Answer.error(500, "UnicodeDecodeError : 0x8b") if compressed else None

    change_answers(server, "/", fault)


@breaks("V1-HEADER-006", "V2-HEADER-013")
def says_nothing_of_codings(server: RightServer) -> None:
    """Doesn't look at Content-Encoding, and calls what is compressed broken."""
    broken = Answer.error(400, "the request body is not valid JSON")
    _answer_coded(server, lambda _: broken)


@breaks("V1-HEADER-006", "V2-HEADER-013")
def refuses_codings_without_a_word(server: RightServer) -> None:
    """Says that it doesn't read this one, and not which it reads."""
    _answer_coded(server, lambda _: Answer.error(415, "no Content-Encoding is read"))


@breaks("V1-HEADER-006", "V2-HEADER-013")
def tells_the_coding_that_it_refuses(server: RightServer) -> None:
    """Puts the request's own into Accept-Encoding."""

    def told(request: Request) -> Answer:
        coding = request.headers["content-encoding"]
        return Answer.error(415, "not read", accept_encoding=coding)

    _answer_coded(server, told)


@breaks("V1-HEADER-007", "V2-HEADER-014")
def fails_on_broken_compression(server: RightServer) -> None:
    """Doesn't catch what its decoder raises."""

    def fault(request: Request, answer: Answer) -> Answer | None:
        wrong = answer.status == 400 and "content-encoding" in request.headers
        return Answer.error(500, "EOFError") if wrong else None

    change_answers(server, "/", fault)


@breaks("V1-HEADER-007", "V2-HEADER-014")
def decodes_as_far_as_it_goes(server: RightServer) -> None:
    """Takes for all what was decoded until the end."""

    def fault(request: Request) -> None:
        if request.headers.get("content-encoding") == "gzip":
            with contextlib.suppress(zlib.error):
                request.body = zlib.decompressobj(31).decompress(request.body)
                del request.headers["content-encoding"]

    change_requests(server, "/", fault)


@breaks("V1-HEADER-008", "V2-HEADER-015")
def reads_chunks_as_numbers(server: RightServer) -> None:
    """Converts the line before a chunk as a whole."""
    server.wire_fault = lambda data: _REFUSED if b";conformance" in data else None


@breaks("V1-HEADER-008", "V2-HEADER-015")
def takes_a_trailer_for_a_request(server: RightServer) -> None:
    """Ends a body with its last chunk."""
    answer = _OK + b'content-length: 17\r\n\r\n{"predictions":1}{"outputs":1}'
    server.wire_fault = lambda data: answer if b"X-Conformance: 1" in data else None


@breaks("V1-HEADER-004", "V2-HEADER-006")
def compares_accept(server: RightServer) -> None:
    """Knows one value of Accept only."""
    _refuse(server, 406, lambda request: request.headers.get("accept") != "application/json")


@breaks("V1-HEADER-004", "V2-HEADER-006")
def needs_an_accept(server: RightServer) -> None:
    """Takes it for granted that there is one."""
    _refuse(server, 500, lambda request: "accept" not in request.headers)


@breaks("V1-HEADER-005", "V2-HEADER-001")
def declares_text(server: RightServer) -> None:
    """Leaves the framework's media type for text."""

    def fault(_: Request, answer: Answer) -> None:
        answer.headers["content-type"] = "text/plain; charset=utf-8"

    change_answers(server, "/", fault)


@breaks("V2-HEADER-001")
def declares_bytes(server: RightServer) -> None:
    """Gives what the model answered out as bytes."""

    def fault(_: Request, answer: Answer) -> None:
        answer.headers["content-type"] = "application/octet-stream"

    change_answers(server, "/infer", fault)


@breaks("V1-HEADER-005")
def declares_its_predictions_as_text(server: RightServer) -> None:
    """Gives what the model returned out as a text of its own."""

    def fault(_: Request, answer: Answer) -> None:
        answer.headers["content-type"] = "text/html; charset=utf-8"

    change_answers(server, ":predict", fault)


@breaks("V1-HEADER-005")
def declares_nothing_of_a_model(server: RightServer) -> None:
    """Writes a model's state without a media type."""

    def fault(_: Request, answer: Answer) -> None:
        answer.headers.pop("content-type", None)

    change_answers(server, "/v1/models/", fault)


@breaks("V2-HEADER-003")
def sends_a_body_with_a_head(server: RightServer) -> None:
    """Takes HEAD for GET."""
    body = _OK + b'content-length: 14\r\n\r\n{"live": true}'
    server.wire_fault = lambda data: body if data.startswith(b"HEAD ") else None


@breaks("V2-HEADER-003")
def does_not_find_a_head(server: RightServer) -> None:
    """Has its routes for GET only, and says of other methods that there is nothing."""

    def fault(request: Request, _: Answer) -> Answer | None:
        return Answer.error(404, "there is nothing here") if request.method == "HEAD" else None

    change_answers(server, "/", fault)


@breaks("V2-HEADER-007")
def cuts_the_connection_after_an_error(server: RightServer) -> None:
    """Closes, and doesn't say so."""
    server.wire_fault = lambda _: _REFUSED


@breaks("V2-HEADER-007")
def takes_a_body_for_a_request(server: RightServer) -> None:
    """Refuses before it read the body, which it then takes for the next request."""
    server.wire_fault = lambda _: _REFUSED + _REFUSED


@breaks("V2-HEADER-008")
def takes_anything_for_http(server: RightServer) -> None:
    """Answers whatever comes."""
    answer = _OK + b"content-length: 2\r\n\r\n{}"
    server.wire_fault = lambda data: answer if data.startswith(b"\x16") else None


@breaks("V2-HEADER-008")
def takes_any_length(server: RightServer) -> None:
    """Reads a length that is none as 0."""
    answer = _OK + b"content-length: 2\r\n\r\n{}"
    server.wire_fault = lambda data: answer if b"Content-Length: many" in data else None


@breaks("V2-HEADER-008")
def takes_the_first_of_two_lengths(server: RightServer) -> None:
    """Doesn't see that two lengths contradict each other."""
    answer = _OK + b"content-length: 2\r\n\r\n{}"
    server.wire_fault = lambda data: answer if b", 7\r\n" in data else None


@breaks("V2-HEADER-008")
def dies_of_broken_http(server: RightServer) -> None:
    """Answers nobody once its parser failed."""
    seen: list[bytes] = []

    def fault(data: bytes) -> bytes | None:
        seen.extend([data] if data.startswith(b"\x16") else [])
        return b"" if seen else None

    server.wire_fault = fault


@breaks("V2-HEADER-009")
def reads_as_much_as_content_length_says(server: RightServer) -> None:
    """Doesn't know chunks."""

    def fault(request: Request) -> None:
        request.body = request.body[: int(request.headers.get("content-length", 0))]

    change_requests(server, "/infer", fault)


@breaks("V2-HEADER-010")
def meets_no_expectation(server: RightServer) -> None:
    """Refuses each Expect."""
    _refuse(server, 417, lambda request: "expect" in request.headers)


@breaks("V2-HEADER-011")
def decodes_no_path(server: RightServer) -> None:
    """Compares a path as it came."""

    async def fault(scope: Scope, receive: Any, send: Any) -> None:
        path = scope["raw_path"].replace(b"%", b"%25")
        await serve({**scope, "raw_path": path}, receive, send, server.rest.handle)

    server.raw_fault = fault


@breaks("V2-HEADER-012")
def redirects_as_for_browsers(server: RightServer) -> None:
    """Sends a POST to where a GET is answered."""
    _answer_slashes(server, Answer(301, b"", {"location": "/v2/models/contract/infer"}))


@breaks("V2-HEADER-012")
def knows_no_slash_for_post(server: RightServer) -> None:
    """Has both forms of a path for GET only."""
    _answer_slashes(server, Answer.error(404, "there is nothing here"))


def _refuse(server: RightServer, status: int, when: Callable[[Request], bool]) -> None:
    def fault(request: Request, _: Answer) -> Answer | None:
        return Answer.error(status, "no such request is answered") if when(request) else None

    change_answers(server, "/", fault)


def _answer_slashes(server: RightServer, answer: Answer) -> None:
    async def fault(scope: Scope, receive: Any, send: Any) -> None:
        async def handle(request: Request) -> Answer:
            ends = scope["path"].endswith("/") and request.method == "POST"
            return answer if ends else await server.rest.handle(request)

        await serve(scope, receive, send, handle)

    server.raw_fault = fault


def _answer_coded(server: RightServer, answer: Callable[[Request], Answer]) -> None:
    def fault(request: Request, _: Answer) -> Answer | None:
        return answer(request) if "content-encoding" in request.headers else None

    change_answers(server, "/", fault)
