"""A server that sends what a test says, byte for byte, and notes what it was sent."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Iterable, Iterator
from typing import NamedTuple

_LENGTH = re.compile(rb"content-length: (\d+)", re.I)


class Script(NamedTuple):
    """What is sent once a request has come.

    Attributes:
        parts: sent one after another.
        then: what is done behind them, "keep", "close" or "reset" the connection.
        reads_body: whether the request's body is read before anything is sent.
    """

    parts: Iterable[bytes]
    then: str = "keep"
    reads_body: bool = True


class Scripted:
    """Answers each request with the next script.

    Attributes:
        port: where it listens.
        connections: how many there have been.
        requests: the heads of those that have come whole, with the numbers of their connections.
        writers: one for each connection.
    """

    def __init__(self, scripts: Iterable[Script]) -> None:
        self._scripts: Iterator[Script] = iter(scripts)
        self.port = 0
        self.connections = 0
        self.requests: list[tuple[int, bytes]] = []
        self.writers: list[asyncio.StreamWriter] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection."""
        self.connections += 1
        self.writers.append(writer)
        number = self.connections
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                script = next(self._scripts)
                length = _LENGTH.search(head)
                if script.reads_body and length is not None:
                    await reader.readexactly(int(length[1]))
                self.requests.append((number, head))
                for part in script.parts:
                    writer.write(part)
                    await writer.drain()
                    await asyncio.sleep(0)
                if script.then != "keep":
                    break
        if script.then == "reset":
            writer.transport.abort()
        writer.close()


@contextlib.asynccontextmanager
async def scripted(*scripts: Script) -> AsyncIterator[Scripted]:
    """Have one listen until the context ends."""
    server = Scripted(scripts)
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    server.port = listening.sockets[0].getsockname()[1]
    yield server
    listening.close()
    for writer in server.writers:
        writer.transport.abort()
    # Connections are closed in the next turn.
    await asyncio.sleep(0)


def answer(body: bytes, *headers: str, status: int = 200) -> bytes:
    """Give an answer with a Content-Length."""
    lines = [f"HTTP/1.1 {status} Said", *headers, f"content-length: {len(body)}", "", ""]
    return "\r\n".join(lines).encode() + body


def chunked(body: bytes, size: int = 3) -> bytes:
    """Give one in chunks."""
    parts = [body[start : start + size] for start in range(0, len(body), size)]
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts)
    return b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n"
