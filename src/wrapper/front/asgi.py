"""The front as an ASGI application around the SDK's, for the releases that run uvicorn."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Mapping, MutableMapping
from typing import Any, Callable

from wrapper import connections, errands, shutdown
from wrapper.errands import ClientGone, Errand, Rounds
from wrapper.errors import ServingError
from wrapper.front import Answer, MetricsFront
from wrapper.front.body import FORGOTTEN_BYTES, FORGOTTEN_SECONDS, Body, waits_for_an_answer
from wrapper.front.limits import BodyLimit

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

_CLOSE = (b"connection", b"close")


class FrontApplication:
    """Answers what the front answers and hands everything else to the SDK's application."""

    def __init__(self, front: MetricsFront, sdk_application: Application) -> None:
        self._front = front
        self._limit = BodyLimit(front.torchserve.settings.max_request_size)
        self._sdk_application = sdk_application
        self._rounds: Rounds[_Request] = Rounds(connections.LOOK_EVERY, _Request.look)
        self._cors = [
            (name.encode("latin-1"), value.encode("latin-1"))
            for name, value in front.cors.headers.items()
        ]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection scope (ASGI 3)."""
        route = None
        headers: Mapping[str, str] = {}
        if scope["type"] == "http":
            send = self._with_headers(send)
            headers = _headers(scope)
            path = scope.get("raw_path") or scope["path"].encode()
            route = self._front.cors.preflight(scope["method"], headers) or self._front.route(
                scope["method"], path.partition(b"?")[0].decode("latin-1")
            )
        if route is None:
            errands.of_client.set(_Request(self._rounds, receive))
            await self._sdk_application(scope, receive, send)
            return
        parts = _Parts(receive)
        try:
            body = await self._read(headers, parts)
        except ServingError as error:
            await _refuse(route.refuse(error), headers, parts, send)
            return
        if body is None:
            return
        try:
            with _Request(self._rounds, receive):
                answer = await route(body, headers)
        except ClientGone:
            return
        await _send(answer, send)

    def _with_headers(self, send: Send) -> Send:
        """Give what sends an answer, the front's or the SDK's, with what every answer says.

        It tells browsers who may ask, and clients that the connection ends where the process does.
        """

        async def sending(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *self._cors]
                if shutdown.process.has_begun and _CLOSE not in message["headers"]:
                    message["headers"].append(_CLOSE)
            await send(message)

        return sending

    async def _read(self, headers: Mapping[str, str], parts: _Parts) -> bytes | None:
        """Give the whole body, None when the client went away before it had sent it.

        Raises:
            ServingError: when it isn't to be read.
        """
        body = Body(self._limit, headers)
        while not parts.ended:
            part = await parts.next()
            if part is None:
                return None
            for _ in body.add(part):
                await asyncio.sleep(0)
        return body.whole()


class _Request(Errand):
    """One that is being answered, all of which has come: called off when its client is gone."""

    _waiting: asyncio.Task[None] | None = None

    def __init__(self, rounds: Rounds[_Request], receive: Receive) -> None:
        super().__init__(rounds)
        self._receive = receive

    def look(self) -> None:
        """Look whether its client is gone, or have the server say so where it alone knows."""
        transport = _transport(self._receive)
        if transport is not None:
            # Closed as soon as that is read. Where another request has been sent behind this one,
            # uvicorn doesn't read, and would tell the other one.
            if connections.is_over(transport):
                self.call_off(ClientGone())
        elif self._waiting is None:
            self._waiting = asyncio.create_task(self._wait_for_its_client_to_go())

    async def _wait_for_its_client_to_go(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self.call_off(ClientGone())

    def __exit__(self, *error: Any) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
        super().__exit__(*error)


def _transport(receive: Receive) -> asyncio.Transport | None:
    """Give what uvicorn's own `receive` reads from; None for any other."""
    return getattr(getattr(receive, "__self__", None), "transport", None)


class _Parts:
    """What comes of a body.

    Attributes:
        ended: whether no more will come.
    """

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self.ended = False

    async def next(self) -> bytes | None:
        """Give the next part, None when the client went away."""
        message = await self._receive()
        self.ended = not message.get("more_body", False)
        return None if message["type"] == "http.disconnect" else message.get("body", b"")

    async def forget(self) -> None:
        """Read what still comes, within bounds."""
        left = FORGOTTEN_BYTES
        while left > 0 and not self.ended:
            left -= len(await self.next() or b"")


def _headers(scope: Scope) -> Mapping[str, str]:
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}


async def _refuse(answer: Answer, headers: Mapping[str, str], parts: _Parts, send: Send) -> None:
    """Answer; where the body has not come yet, close the connection when it has, or part of it."""
    if parts.ended:
        await _send(answer, send)
        return
    closing = answer._replace(headers={**answer.headers, "connection": "close"})
    await _send(closing, send, more=True)
    if not waits_for_an_answer(headers):
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(parts.forget(), FORGOTTEN_SECONDS)
    await send({"type": "http.response.body", "body": b""})


async def _send(answer: Answer, send: Send, more: bool = False) -> None:
    headers = [
        (b"content-type", answer.content_type.encode("latin-1")),
        (b"content-length", str(len(answer.body)).encode()),
    ]
    headers.extend((name.encode(), value.encode()) for name, value in answer.headers.items())
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body, "more_body": more})
