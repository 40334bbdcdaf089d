"""The fast lane: what the front answers is answered in uvicorn's own protocol, without ASGI.

uvicorn takes the class of its protocol as a setting. This one is its own for httptools, which reads
requests, keeps connections and ends them as ever; a request of the front has a cycle of ours in the
place of uvicorn's. The lane takes only what it can do wholly: everything else (routes of the SDK,
upgrades, bodies that are packed, have no length, are too long or are only sent when they are asked
for) goes to the ASGI application, which is `front.asgi`'s.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import re
import urllib.parse
from collections.abc import Mapping
from typing import Any, NamedTuple, cast

import httptools
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol
from uvicorn.protocols.utils import get_client_addr

from wrapper import connections, shutdown
from wrapper.errands import ClientGone, Errand, Rounds
from wrapper.errors import ServingError
from wrapper.front import Answer, MetricsFront, Route
from wrapper.front.body import Body
from wrapper.front.limits import BodyLimit
from wrapper.sdk.uvicorn_access_log import AccessLog

# A request with one of these goes the long way.
_NOT_TAKEN = frozenset(("content-encoding", "expect", "transfer-encoding", "upgrade"))
# Bytes of a request's target up to which the lane takes it, and keeps what it means.
_LONGEST = 2048
_KEPT = 512

# What may not be in a header's value (RFC 9110, 5.5), as uvicorn has it.
_CONTROL = re.compile("[\x00-\x08\x0a-\x1f\x7f]")
# Bytes up to which a copy of a body costs less than another call of the system.
_SHORT = 64 * 1024

_FORWARDED = frozenset(("x-forwarded-for", "x-forwarded-proto"))
_FAILED = Answer(
    500, b"Internal Server Error", "text/plain; charset=utf-8", {"connection": "close"}
)


class _Way(NamedTuple):
    """What a method and a target mean.

    Attributes:
        route: what answers; None where it isn't the front.
        shown: the target, as uvicorn's access log shows it.
    """

    route: Route | None
    shown: str


class Lane:
    """What all connections of a server share."""

    def __init__(self, front: MetricsFront) -> None:
        self._front = front
        self._limit = BodyLimit(front.torchserve.settings.max_request_size)
        self.rounds: Rounds[_Request] = Rounds(connections.LOOK_EVERY, _Request.look)
        self.access_log = AccessLog(logging.getLogger("uvicorn.access"))
        self.cors = _fields(front.cors.headers)
        self._way = functools.lru_cache(_KEPT)(self._find)
        self._default: tuple[object, str] = (None, "")

    def cycle(self, protocol: Any) -> _Cycle | None:
        """Give what answers the request whose headers have come, None where the lane doesn't."""
        method = protocol.parser.get_method().decode("ascii")
        headers = {
            name.decode("latin-1"): value.decode("latin-1") for name, value in protocol.headers
        }
        if (
            not _NOT_TAKEN.isdisjoint(headers)
            or len(protocol.url) > _LONGEST
            or protocol.limit_concurrency is not None
            or protocol.root_path
        ):
            return None
        way = self._way(method, protocol.url)
        route = self._front.cors.preflight(method, headers) or way.route
        if route is None:
            return None
        try:
            body = Body(self._limit, headers)
        except ServingError:
            return None
        return _Cycle(self, protocol, _Asked(method, way.shown, headers), route, body)

    def default_headers(self, listed: list[tuple[bytes, bytes]]) -> str:
        """Give what uvicorn writes into each answer, which it makes anew each second."""
        known, text = self._default
        if known is not listed:
            text = _fields({name.decode(): value.decode("latin-1") for name, value in listed})
            self._default = listed, text
        return text

    def _find(self, method: str, url: bytes) -> _Way:
        try:
            target = httptools.parse_url(url)
            raw = target.path.decode("ascii")
            query = f"?{target.query.decode('ascii')}" if target.query else ""
        except (httptools.HttpParserError, UnicodeDecodeError, AttributeError):
            return _Way(None, "")
        shown = urllib.parse.quote(urllib.parse.unquote(raw)) + query
        return _Way(self._front.route(method, raw), shown)


class _Asked(NamedTuple):
    """A request, but for its body.

    Attributes:
        shown: its target, as the access log shows it.
        headers: names in lower case.
    """

    method: str
    shown: str
    headers: Mapping[str, str]


class _Request(Errand):
    """One that is being answered: called off when its client is gone."""

    def __init__(self, rounds: Rounds[_Request], transport: asyncio.Transport) -> None:
        super().__init__(rounds)
        self._transport = transport

    def look(self) -> None:
        """Look whether its client has closed the connection."""
        if connections.is_over(self._transport):
            self.call_off(ClientGone())


class _Cycle:
    """One request and its answer, with the names that uvicorn's protocol knows its own cycle by.

    Attributes:
        disconnected: whether uvicorn has seen the connection end.
        is_queued: whether another request is before this one.
        keep_alive: whether another request may follow; uvicorn takes that back when it stops.
        response_complete: whether the next request may be answered.
        message_event: set by uvicorn when the connection has ended.
    """

    def __init__(self, lane: Lane, protocol: Any, asked: _Asked, route: Route, body: Body) -> None:
        self._lane = lane
        self._protocol = protocol
        self._asked = asked
        self._route = route
        self._body: Body | None = body
        self._version: str = protocol.parser.get_http_version()
        self._is_whole = False
        self.is_queued = False
        self.disconnected = False
        self.keep_alive = self._version != "1.0" and protocol.parser.should_keep_alive()
        self.response_complete = False
        self.message_event = asyncio.Event()

    def add(self, part: bytes) -> None:
        """Take a part of the body, which is plain and no longer than it was announced."""
        if self._body is not None:
            for _ in self._body.add(part):
                pass

    def end(self) -> None:
        """Take the end of the body."""
        self._is_whole = True
        self.message_event.set()

    async def run_asgi(self, _application: object = None) -> None:
        """Answer, once the body is there."""
        try:
            # Behind another request it may not have come.
            while not self._is_whole and not self.disconnected:
                await self.message_event.wait()
            if self._is_whole:
                await self._answer()
        except ClientGone:
            self._protocol.transport.close()
        except BaseException as error:
            self._protocol.logger.error("a request could not be answered\n", exc_info=error)
            if not self.response_complete:
                await self._send(_FAILED)
        finally:
            # The connection has its last cycle, and is one with its parser: what came would stay
            # until cycles are collected.
            self._body = None

    async def _answer(self) -> None:
        assert self._body is not None
        body, self._body = self._body.whole(), None
        with _Request(self._lane.rounds, self._protocol.transport):
            answer = await self._route(body, self._asked.headers)
        await self._send(answer)

    async def _send(self, answer: Answer) -> None:
        protocol = self._protocol
        if protocol.flow.write_paused:
            await protocol.flow.drain()
        if self.disconnected or protocol.transport.is_closing():
            return
        closes = not self.keep_alive or shutdown.process.has_begun or "connection" in answer.headers
        head = self._head(answer, closes)
        if protocol.access_log:
            client = await self._client()
            method, shown, _ = self._asked
            self._lane.access_log.tell(client, method, shown, self._version, answer.status)
        body = b"" if self._asked.method == "HEAD" else answer.body
        if len(body) <= _SHORT:
            protocol.transport.write(head + body)
        else:
            protocol.transport.write(head)
            protocol.transport.write(body)
        self.response_complete = True
        if closes:
            protocol.transport.close()
        protocol.on_response_complete()

    def _head(self, answer: Answer, closes: bool) -> bytes:
        """Give the status line and all headers.

        Raises:
            ValueError: when one of them isn't one line.
        """
        default = self._lane.default_headers(self._protocol.server_state.default_headers)
        told = _field("content-type", answer.content_type)
        told += f"content-length: {len(answer.body)}\r\n{_fields(answer.headers)}{self._lane.cors}"
        if closes and "connection" not in answer.headers:
            told += "connection: close\r\n"
        return STATUS_LINE[answer.status] + f"{default}{told}\r\n".encode("latin-1")

    async def _client(self) -> str:
        """Give the client's address, as uvicorn shows it: that of a proxy's client, if it says."""
        config = self._protocol.config
        scope = {"type": "http", "client": self._protocol.client}
        if config.proxy_headers and not _FORWARDED.isdisjoint(self._asked.headers):
            told = self._asked.headers.items()
            scope["headers"] = [(name.encode(), value.encode("latin-1")) for name, value in told]
            change: Any = ProxyHeadersMiddleware(_nothing, config.forwarded_allow_ips)
            await change(scope, None, None)
        return get_client_addr(scope)  # type: ignore[arg-type]


async def _nothing(*_: object) -> None:
    """Stand for the application behind what only changes the scope."""


def _fields(headers: Mapping[str, str]) -> str:
    """Give headers as they are written; see `_field`."""
    return "".join([_field(*each) for each in headers.items()]) if headers else ""


@functools.lru_cache(maxsize=_KEPT)
def _field(name: str, value: str) -> str:
    """Give a header as it is written.

    Raises:
        ValueError: when it isn't one line.
    """
    if _CONTROL.search(value):
        raise ValueError(f"a header of an answer can't be written: {value!r}")
    return f"{name}: {value}\r\n"


class _LaneProtocol(HttpToolsProtocol):
    """uvicorn's own, with a cycle of ours for the requests that the lane takes."""

    lane: Lane

    def on_headers_complete(self) -> None:
        """Begin a request."""
        cycle = None if self.parser.should_upgrade() else self.lane.cycle(self)
        if cycle is None:
            super().on_headers_complete()
            return
        before, answering = self.cycle, cast("Any", cycle)
        self.cycle = answering
        if before is not None and not before.response_complete:
            # uvicorn answers it once it has answered the others.
            cycle.is_queued = True
            self.flow.pause_reading()
            self.pipeline.appendleft((answering, self.app))

    def on_body(self, body: bytes) -> None:
        """Take a part of the body."""
        if isinstance(self.cycle, _Cycle):
            self.cycle.add(body)
        else:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """Answer, unless other requests are before this one."""
        cycle = self.cycle
        if not isinstance(cycle, _Cycle):
            super().on_message_complete()
            return
        cycle.end()
        if not cycle.is_queued:
            task = self.loop.create_task(cycle.run_asgi())
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)


class _WithTargetsInParts(_LaneProtocol):
    """The same on uvicorn up to 0.17, which takes each part of a target for the whole."""

    _target = b""

    def on_url(self, url: bytes) -> None:
        """Take a part of it."""
        self._target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header, before which the target has come."""
        self._take_target()
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Begin a request."""
        self._take_target()
        super().on_headers_complete()

    def _take_target(self) -> None:
        if self._target:
            super().on_url(self._target)
            self._target = b""


_PROTOCOL = _LaneProtocol if hasattr(HttpToolsProtocol, "on_message_begin") else _WithTargetsInParts


def protocol(front: MetricsFront) -> type[asyncio.Protocol]:
    """Give the protocol that a ``uvicorn.Config`` takes for its ``http``."""
    lane: type[asyncio.Protocol] = type("LaneProtocol", (_PROTOCOL,), {"lane": Lane(front)})
    return lane
