"""The lane answers as the front does behind ASGI: what a client can see is the same."""

from __future__ import annotations

import asyncio
import gzip
import logging
from pathlib import Path
from typing import Any

import pytest

from tests.wrapper.front.asking import V1
from tests.wrapper.sdk.talking import Heard, Server
from tests.wrapper.surroundings import AnsweringTorchServe, settings
from wrapper import shutdown
from wrapper.front import Front, asgi
from wrapper.front.asgi import FrontApplication
from wrapper.torchserve.exchange import Reply

PREDICT = "/v1/models/digits:predict"
CORS = "cors_allowed_origin=https://example.org\ncors_allowed_methods=POST"


class Echo(AnsweringTorchServe):
    """Answers with what it was asked, and with what the test says of it."""

    content_type = "application/json"

    async def ask(self, *request: Any, **more: Any) -> Reply:
        """Answer without asking anybody."""
        await super().ask(*request, **more)
        await asyncio.sleep(0)
        return Reply(self.calls[-1][1], self.content_type)


@pytest.fixture
def torchserve(request: pytest.FixtureRequest, tmp_path: Path) -> Echo:
    """A TorchServe that answers with what it was asked."""
    more = f"service_envelope=kserve\nmax_request_size=5000\n{getattr(request, 'param', '')}"
    return Echo(settings(tmp_path, more=more))


def asked(
    body: bytes = V1, *headers: str, method: str = "POST", target: str = PREDICT, http: str = "1.1"
) -> bytes:
    """Give a request; its Content-Length is told where there is a body."""
    length = [f"Content-Length: {len(body)}"] if body else []
    lines = [f"{method} {target} HTTP/{http}", "Host: x", *length, *headers, "", ""]
    return "\r\n".join(lines).encode("latin-1") + body


def chunks(*parts: bytes) -> bytes:
    """Give a request whose body comes in chunks."""
    head = asked(b"", "Transfer-Encoding: chunked")
    return head + b"".join(b"%x\r\n%b\r\n" % (len(each), each) for each in (*parts, b""))


LONG = b'{"instances": [%b1]}' % (b"1," * 2000)
SENT = {
    "a prediction": asked(),
    "a trailing slash": asked(target=f"{PREDICT}/"),
    "a query": asked(target=f"{PREDICT}?a=b&%20"),
    "an escaped name": asked(target="/v1/models/dig%69ts:predict"),
    "an absolute target": asked(target=f"http://x{PREDICT}"),
    "no target": asked(target="*"),
    "beyond ASCII": asked(target="/v1/models/d\xefgits:predict"),
    "a long target": asked(target=f"{PREDICT}?{'a' * 3000}"),
    "health": asked(b"", method="GET", target="/v2/health/ready"),
    "HEAD": asked(b"", method="HEAD", target="/v2/health/ready"),
    "HEAD of nothing": asked(b"", method="HEAD", target="/v2/nothing"),
    "HEAD of a prediction": asked(b"", method="HEAD"),
    "nothing there": asked(target="/v1/nothing"),
    "a wrong method": asked(method="DELETE"),
    "an unknown model": asked(target="/v1/models/nobody:predict"),
    "the SDK's": asked(target="/docs"),
    "no JSON": asked(b"{"),
    "no body": asked(b""),
    "a body of nothing": asked(b"", "Content-Length: 0"),
    "a long body": asked(LONG),
    "too long a body": asked(b" " * 5001),
    "too long a body of an unknown model": asked(b" " * 6000, target="/v1/models/nobody:predict"),
    "chunks": chunks(V1[:3], V1[3:]),
    "too many chunks": chunks(*[b" " * 1000] * 6),
    "packed": asked(gzip.compress(V1), "Content-Encoding: gzip"),
    "packed as nobody does": asked(V1, "Content-Encoding: zstd"),
    "no media type": asked(V1, "Content-Type: image/png"),
    "an event": asked(
        V1, "ce-id: 1", "ce-source: s", "ce-specversion: 1.0", "ce-type: t", "ce-time: now"
    ),
    "expected": asked(V1, "Expect: 100-continue"),
    "expected and too long": asked(b" " * 6000, "Expect: 100-continue"),
    "the last": asked(V1, "Connection: close"),
    "HTTP/1.0": asked(V1, http="1.0"),
    "HTTP/1.0, kept": asked(V1, "Connection: keep-alive", http="1.0"),
    "an upgrade": asked(V1, "Connection: upgrade", "Upgrade: h2c"),
    "half an upgrade": asked(V1, "Upgrade: h2c"),
    "a preflight": asked(b"", "Origin: o", "Access-Control-Request-Method: POST", method="OPTIONS"),
    "two in one": asked() + asked(b'{"instances": [3]}'),
    "one behind a long way": chunks(V1) + asked(),
    "a long way behind one": asked() + chunks(V1) + asked(target="/docs") + asked(),
    "one behind the last": asked(V1, "Connection: close") + asked(),
    "no HTTP": b"what is this?\r\n\r\n",
    "no HTTP behind one": asked() + b"\0\0\0\0",
    "two lengths": asked(V1, "Content-Length: 3"),
    "a length and chunks": asked(V1, "Transfer-Encoding: chunked"),
    "a header without a name": asked(V1, ": x"),
    "a header of two lines": asked(V1, "a: b", " c"),
    "half a head": asked()[:40],
    "half a body": asked()[:-5],
    "no headers": b"GET /v2/health/live HTTP/1.0\r\n\r\n",
}


def _heard(torchserve: Echo, sent: bytes, size: int, **more: Any) -> list[Heard]:
    """Give what a client hears of the lane, and of uvicorn's own protocol."""

    async def run(has_lane: bool) -> Heard:
        parts = [sent[start : start + size] for start in range(0, len(sent), size)]
        return await Server(torchserve, has_lane, **more).talk(parts)

    return [asyncio.run(run(has_lane)) for has_lane in (True, False)]


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for nothing that follows a refusal."""
    monkeypatch.setattr(asgi, "FORGOTTEN_SECONDS", 0)


@pytest.mark.parametrize("size", [1_000_000, 7, 1])
@pytest.mark.parametrize("torchserve", ["", CORS], ids=["plain", "cors"], indirect=True)
@pytest.mark.parametrize("kind", SENT)
def test_a_client_hears_the_same(torchserve: Echo, kind: str, size: int) -> None:
    lane, own = _heard(torchserve, SENT[kind], size)
    assert lane == own
    assert lane.answers or not SENT[kind].endswith(V1)


@pytest.mark.parametrize("kind", SENT)
def test_a_client_hears_the_same_when_the_server_stops(
    torchserve: Echo, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutdown.process, "has_begun", True)
    lane, own = _heard(torchserve, SENT[kind], 1_000_000)
    assert lane == own


@pytest.mark.parametrize(
    "content_type", ["application/json", "text/plain; charset=utf-8", "a\tb", "\xe9"]
)
def test_an_answer_has_the_type_that_a_model_gave_it(torchserve: Echo, content_type: str) -> None:
    torchserve.content_type = content_type
    lane, own = _heard(torchserve, asked(), 1_000_000)
    assert lane == own
    assert lane.answers[0].status == 200


def test_a_type_that_is_no_header_is_not_written(torchserve: Echo) -> None:
    torchserve.content_type = "a\r\nset-cookie: b"
    lane, own = _heard(torchserve, asked(), 1_000_000)
    # uvicorn closes the connection without a word.
    assert (lane.is_closed, own.is_closed) == (True, True)
    assert [(each.status, each.body) for each in lane.answers] == [(500, b"Internal Server Error")]


@pytest.mark.parametrize("kind", SENT)
@pytest.mark.parametrize(
    "headers", [(), ("X-Forwarded-For: 203.0.113.7", "X-Forwarded-Proto: https")]
)
@pytest.mark.parametrize("trusted", ["192.0.2.1", "198.51.100.1"])
def test_the_access_log_has_the_same_lines(
    torchserve: Echo,
    kind: str,
    headers: tuple[str, ...],
    trusted: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    more = "".join(f"{each}\r\n" for each in headers)
    sent = SENT[kind].replace(b"Host: x\r\n", f"Host: x\r\n{more}".encode())
    lines = []
    with caplog.at_level(logging.INFO, "uvicorn.access"):
        for has_lane in (True, False):
            server = Server(torchserve, has_lane, forwarded_allow_ips=trusted)
            asyncio.run(server.talk([sent]))
            told = [each for each in caplog.records if each.name == "uvicorn.access"]
            lines.append([each.getMessage() for each in told])
            caplog.clear()
    assert lines[0] == lines[1]


def test_what_the_lane_takes_needs_no_application(torchserve: Echo, monkeypatch: Any) -> None:
    async def never(_self: object, _scope: object, _receive: object, _send: object) -> None:
        raise AssertionError("the application is asked")

    monkeypatch.setattr(FrontApplication, "__call__", never)

    async def run() -> Heard:
        return await Server(torchserve, has_lane=True).talk([asked(), asked(LONG)])

    heard = asyncio.run(run())
    assert [(each.status, each.body) for each in heard.answers] == [(200, V1), (200, LONG)]


def test_a_request_whose_client_goes_is_given_up(torchserve: Echo) -> None:
    given_up = []

    async def late(*_: Any) -> Reply:
        try:
            await asyncio.sleep(600)
        except asyncio.CancelledError:
            given_up.append(True)
            raise
        raise AssertionError

    torchserve.ask = late  # type: ignore[method-assign]

    async def run() -> Heard:
        return await Server(torchserve, has_lane=True).talk([asked()])

    heard = asyncio.run(run())
    assert (heard.answers, heard.rest, given_up) == ((), b"", [True])


def test_one_that_fails_beyond_the_front_is_answered_and_ends_its_connection(
    torchserve: Echo, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fails(*_: Any) -> None:
        raise asyncio.CancelledError

    monkeypatch.setattr(Front, "route", lambda *_: fails)
    lane, own = _heard(torchserve, asked(), 1_000_000)
    assert [each.status for each in lane.answers] == [500]
    assert (lane.is_closed, lane.answers[0].body) == (own.is_closed, own.answers[0].body)
