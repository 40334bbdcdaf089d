"""uvicorn's end, for the SDKs that serve by it (0.10 and later)."""

from __future__ import annotations

import asyncio
import functools
import socket
from collections.abc import Sequence
from typing import Any

import uvicorn

# Seconds: many times what a request needs from the socket to its handler.
_READ_WITHIN = 0.2


def read_what_was_sent() -> None:
    """Have uvicorn read the requests that were sent before it stopped to listen.

    As it stops it closes each connection that has no request, and with those the ones whose
    request had been sent and it had not come to read. It is asked of each process, once or more.
    """
    server: Any = uvicorn.Server
    if not hasattr(server.shutdown, "__wrapped__"):
        server.shutdown = _reading_first(server.shutdown)


def _reading_first(original: Any) -> Any:
    @functools.wraps(original)
    async def shutdown(server: Any, sockets: Sequence[socket.socket] | None = None) -> None:
        for listening in (*server.servers, *(sockets or ())):
            listening.close()
        await asyncio.sleep(_READ_WITHIN)
        await original(server, sockets=sockets)

    return shutdown
