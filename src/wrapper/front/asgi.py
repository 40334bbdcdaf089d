"""The front as an ASGI application around the SDK's, for the releases that run uvicorn."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Mapping, MutableMapping
from typing import Any, Callable

from wrapper import shutdown
from wrapper.errors import ServingError
from wrapper.front import Answer, MetricsFront
from wrapper.front.limits import BodyLimit

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]


class FrontApplication:
    """Answers what the front answers and hands everything else to the SDK's application."""

    def __init__(self, front: MetricsFront, sdk_application: Application) -> None:
        self._front = front
        self._limit = BodyLimit(front.torchserve.settings.max_request_size)
        self._sdk_application = sdk_application

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection scope (ASGI 3)."""
        route = None
        if scope["type"] == "http":
            path = scope.get("raw_path") or scope["path"].encode()
            route = self._front.route(scope["method"], path.partition(b"?")[0].decode("latin-1"))
        elif scope["type"] == "lifespan":
            # The logging configuration of 0.10.0 and 0.10.1 switches all other loggers off.
            logging.getLogger("wrapper").disabled = False
            # uvicorn has put its signal handlers in place by now.
            shutdown.limit(self._front.torchserve.settings.grace_period)
        if route is None:
            await self._sdk_application(scope, receive, send)
            return
        headers = _headers(scope)
        try:
            body = await self._body(headers, receive)
        except ServingError as error:
            # The server reads the rest and forgets it.
            await _send(route.refuse(error), send)
            return
        if body is not None:
            await _send(await route(body, headers), send)

    async def _body(self, headers: Mapping[str, str], receive: Receive) -> bytes | None:
        """Give the whole body, None when the client went away before it had sent it.

        Raises:
            ServingError: 413.
        """
        chunks = []
        received = 0
        more = True
        while more:
            self._limit.check(headers, received)
            message = await receive()
            if message["type"] == "http.disconnect":
                return None
            chunks.append(message.get("body", b""))
            received += len(chunks[-1])
            more = message.get("more_body", False)
        self._limit.check(headers, received)
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def _headers(scope: Scope) -> Mapping[str, str]:
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}


async def _send(answer: Answer, send: Send) -> None:
    headers = [
        (b"content-type", answer.content_type.encode("latin-1")),
        (b"content-length", str(len(answer.body)).encode()),
    ]
    headers.extend((name.encode(), value.encode()) for name, value in answer.headers.items())
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})
