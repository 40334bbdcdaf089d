"""Bodies in chunks, which tornado 6 reads only where nothing stands beside the chunks."""

from __future__ import annotations

import re
from typing import Any

import tornado.http1connection
from tornado.httputil import HTTPInputError

_SIZE = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;.*)?\r\n", re.DOTALL)
# Bytes of a line, and lines of a trailer: as much as a header of uvicorn's servers may be.
_LONGEST_LINE, _MOST_LINES = 16384, 100


def install() -> None:
    """Have tornado read chunks by RFC 9112, 7.1, for all routes of the process.

    Tornado closes the connection where a chunk has an extension, or a trailer follows the last one,
    and takes 0x5 and +5 for sizes.
    """
    tornado.http1connection.HTTP1Connection._read_chunked_body = _read_chunked_body


async def _read_chunked_body(connection: Any, delegate: Any) -> None:
    """Stand in for tornado's own, which `HTTP1Connection` calls for each such body."""
    stream, total = connection.stream, 0
    while True:
        line = await stream.read_until(b"\r\n", max_bytes=_LONGEST_LINE)
        told = _SIZE.fullmatch(line)
        if told is None:
            raise HTTPInputError("a chunk without its size")
        size = int(told[1], 16)
        if size == 0:
            await _forget_trailer(stream)
            return
        total += size
        # For the SDK's routes: the wrapper's own count what they take.
        if total > connection._max_body_size:
            raise HTTPInputError("chunked body too large")
        await _hand_on(connection, delegate, size)
        if await stream.read_bytes(2) != b"\r\n":
            raise HTTPInputError("a chunk that is longer than its size")


async def _hand_on(connection: Any, delegate: Any, size: int) -> None:
    while size:
        part = await connection.stream.read_bytes(
            min(size, connection.params.chunk_size), partial=True
        )
        size -= len(part)
        if connection.is_client or not connection._write_finished:
            handled = delegate.data_received(part)
            if handled is not None:
                await handled


async def _forget_trailer(stream: Any) -> None:
    for _ in range(_MOST_LINES):
        if await stream.read_until(b"\r\n", max_bytes=_LONGEST_LINE) == b"\r\n":
            return
    raise HTTPInputError("a trailer of too many fields")
