"""The connections to TorchServe's REST server, kept open from one request to the next."""

from __future__ import annotations

import asyncio

from wrapper.address import Address
from wrapper.spliced import Content
from wrapper.torchserve.http_connection import Answered, HttpConnection

# Seconds that a connection is kept on which nothing is asked.
_RESTS = 15.0


class Unreachable(Exception):
    """There is no connection to TorchServe, so that it has begun nothing."""


class HttpPool:
    """Gives each request a connection of its own while it lasts: a kept one, or a new one.

    There may be any number. TorchServe's own queue is the limit (job_queue_size); a second one here
    would only hide it. A request is sent once: on a connection that is open as far as the kernel
    knows, so that TorchServe may have begun whatever fails on it.

    A pool belongs to one event loop.
    """

    def __init__(self, address: Address) -> None:
        self._address = address
        self._loop = asyncio.get_running_loop()
        # With the moment since which each has rested, the last one at the end.
        self._resting: dict[HttpConnection, float] = {}
        self._is_watching = False

    async def ask(self, head: bytes, body: Content, seconds: float) -> Answered:
        """Send a request and give its answer; see `HttpConnection.ask`.

        Raises:
            Unreachable: when TorchServe can't be connected to.
        """
        until = self._loop.time() + seconds
        connection = self._take()
        if connection is None:
            connection = await asyncio.wait_for(self._connect(), seconds)
            seconds = max(until - self._loop.time(), 0)
        answer = await connection.ask(head, body, seconds)
        self._give_back(connection)
        return answer

    def close(self) -> None:
        """Close the connections that rest."""
        while self._resting:
            self._resting.popitem()[0].close()

    def _take(self) -> HttpConnection | None:
        """Give the one that rested least, so that those that aren't needed come to be closed."""
        while self._resting:
            connection, _ = self._resting.popitem()
            if connection.may_go_on and connection.is_open():
                return connection
            connection.close()
        return None

    async def _connect(self) -> HttpConnection:
        try:
            _, connection = await self._loop.create_connection(
                HttpConnection, self._address.host, self._address.port
            )
        except OSError:
            raise Unreachable from None
        if not connection.may_go_on:
            # TorchServe has closed it, or said something unasked, before it was sent anything.
            connection.close()
            raise Unreachable
        return connection

    def _give_back(self, connection: HttpConnection) -> None:
        if not connection.may_go_on:
            connection.close()
            return
        self._resting[connection] = self._loop.time()
        if not self._is_watching:
            self._is_watching = True
            self._loop.call_later(_RESTS, self._watch)

    def _watch(self) -> None:
        """Close those that have rested for long."""
        now = self._loop.time()
        for connection, since in tuple(self._resting.items()):
            if now - since < _RESTS:
                break
            del self._resting[connection]
            connection.close()
        self._is_watching = bool(self._resting)
        if self._is_watching:
            self._loop.call_later(_RESTS, self._watch)
