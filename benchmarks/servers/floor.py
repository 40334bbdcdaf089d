"""The floor: the smallest Python front that forwards, by the interpreter of an SDK.

Each request over HTTP is read, its body sent on to TorchServe, and what that answers written back:
asyncio and httptools on both sides, a pool of connections, uvloop where the SDK brings it, and no
rule of any kind. Over gRPC it gives back what it gets, by ``grpc.aio``, and asks nobody. It cannot
stand in for a server: whatever isn't as a benchmark sends it breaks it.
"""

from __future__ import annotations

import argparse
import asyncio
import os
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import grpc
import httptools


class Upstream(asyncio.Protocol):
    """A connection to TorchServe, which answers one front at a time."""

    def __init__(self, pool: list[Upstream]) -> None:
        self._pool = pool
        self._body: list[bytes] = []
        self._parser = httptools.HttpResponseParser(self)
        self.front: Front | None = None

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_body(self, body: bytes) -> None:
        self._body.append(body)

    def on_message_complete(self) -> None:
        body, front = self._body, self.front
        self._body, self.front = [], None
        self._pool.append(self)
        if front is not None:
            front.answer(self._parser.get_status_code(), body)

    def connection_lost(self, error: Exception | None) -> None:
        if self in self._pool:
            self._pool.remove(self)


class Front(asyncio.Protocol):
    """A client's connection."""

    def __init__(self, address: tuple[str, int], pool: list[Upstream]) -> None:
        self._address, self._pool = address, pool
        self._parser = httptools.HttpRequestParser(self)

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_begin(self) -> None:
        self._body: list[bytes] = []
        self._type = b"application/json"

    def on_url(self, url: bytes) -> None:
        self._path = url

    def on_header(self, name: bytes, value: bytes) -> None:
        if name.lower() == b"content-type":
            self._type = value

    def on_body(self, body: bytes) -> None:
        self._body.append(body)

    def on_message_complete(self) -> None:
        if self._parser.get_method() == b"GET":
            # Whoever started it asks until its models are ready, which TorchServe doesn't tell so.
            self.answer(200, [b'{"ready":true}'])
            return
        body = self._body
        request = (
            b"POST %s HTTP/1.1\r\nHost: t\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n"
            % (
                self._path,
                self._type,
                sum(map(len, body)),
            )
        )
        if self._pool:
            self._send(self._pool.pop(), request, body)
        else:
            self._connecting = asyncio.ensure_future(self._connect(request, body))

    async def _connect(self, request: bytes, body: list[bytes]) -> None:
        loop = asyncio.get_running_loop()
        _, upstream = await loop.create_connection(lambda: Upstream(self._pool), *self._address)
        self._send(upstream, request, body)

    def _send(self, upstream: Upstream, request: bytes, body: list[bytes]) -> None:
        upstream.front = self
        upstream.transport.writelines([request, *body])

    def answer(self, status: int, body: list[bytes]) -> None:
        """Write an answer of TorchServe."""
        head = b"HTTP/1.1 %d .\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
        self._transport.writelines([head % (status, sum(map(len, body))), *body])


class Echo(grpc.GenericRpcHandler):
    """Gives back the bytes of every call, which nobody reads as a message."""

    def service(self, call: Any) -> Any:
        return grpc.unary_unary_rpc_method_handler(self._answer)

    async def _answer(self, request: bytes, context: Any) -> bytes:
        return request


async def serve(http_port: int, grpc_port: int, address: tuple[str, int]) -> None:
    """Serve until it is killed."""
    unlimited = [(f"grpc.max_{way}_message_length", -1) for way in ("send", "receive")]
    echo = grpc.aio.server(options=unlimited)
    echo.add_generic_rpc_handlers((Echo(),))
    echo.add_insecure_port(f"127.0.0.1:{grpc_port}")
    await echo.start()
    pool: list[Upstream] = []
    loop = asyncio.get_running_loop()
    front = await loop.create_server(lambda: Front(address, pool), "127.0.0.1", http_port)
    await front.serve_forever()


def main() -> None:
    """Forward to the TorchServe of config.properties."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--http_port", type=int, required=True)
    parser.add_argument("--grpc_port", type=int, required=True)
    asked = parser.parse_args()
    lines = Path(os.environ["CONFIG_PATH"]).read_text().splitlines()
    config = dict(line.split("=", 1) for line in lines if "=" in line)
    url = urlsplit(config["inference_address"])
    try:
        import uvloop
    except ModuleNotFoundError:
        pass  # SDKs before 0.11 have none.
    else:
        uvloop.install()
    assert url.hostname is not None
    asyncio.run(serve(asked.http_port, asked.grpc_port, (url.hostname, url.port or 80)))


if __name__ == "__main__":
    main()
