"""TorchServe's REST inference API over a pool of kept-alive connections.

The client is the wrapper's own, since nothing costs less in it (benchmarks/upstream_client.py).
"""

from __future__ import annotations

import asyncio
import functools
import zlib
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from wrapper.names import Target
from wrapper.settings import Settings
from wrapper.spliced import Content
from wrapper.torchserve import error_table
from wrapper.torchserve.error_table import Case, Limits
from wrapper.torchserve.exchange import Reply, Verb
from wrapper.torchserve.http_connection import Answered, ConnectionBroken
from wrapper.torchserve.http_pool import HttpPool, Unreachable

# What zlib is told of what it gets: a gzip member or a zlib stream, or deflate without a frame.
_FRAMED, _RAW = 47, -15
_PACKED = ("gzip", "x-gzip", "deflate")


class RestInference:
    """Sends bodies to TorchServe and gives back the bodies it answers.

    The pool belongs to the event loop that first uses it. A process that was forked or
    spawned from one with a pool makes its own.
    """

    def __init__(self, settings: Settings) -> None:
        self._address = settings.inference
        self._host = str(settings.inference)
        self._timeout = settings.request_timeout
        self._limits = Limits(settings.max_request_size, settings.max_response_size)
        self._pool: HttpPool | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    async def ask(
        self,
        verb: Verb,
        target: Target,
        body: Content,
        headers: Mapping[str, str],
        timeout: float | None,
    ) -> Reply:
        """Post a body to the route for the verb; see `TorchServe.ask`.

        Raises:
            ServingError: when TorchServe can't be reached or answers an error.
        """
        head = _head(_request(self._host, verb, target), headers, len(body))
        seconds = self._timeout if timeout is None else timeout
        try:
            answer = await self._own_pool().ask(head, body, seconds)
            content = _unpacked(answer) if answer.encoding else answer.body
        except Unreachable:
            raise error_table.error(Case.UNREACHABLE) from None
        except asyncio.TimeoutError:
            raise error_table.error(Case.TIMED_OUT) from None
        except ConnectionBroken:
            if len(body) > self._limits.max_request_size:
                # TorchServe answers 413 and closes, at times before the body is sent.
                limits = self._limits._asdict()
                raise error_table.error(Case.REQUEST_TOO_LARGE, **limits) from None
            raise error_table.error(Case.INTERRUPTED) from None
        if answer.status != 200:
            raise error_table.from_answer(answer.status, content, self._limits)
        return Reply(content, answer.content_type)

    def close(self) -> None:
        """Close the connections that rest."""
        if self._pool is not None:
            self._pool.close()

    def _own_pool(self) -> HttpPool:
        loop = asyncio.get_running_loop()
        if self._pool is None or self._loop is not loop:
            self._loop = loop
            self._pool = HttpPool(self._address)
        return self._pool

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_pool": None, "_loop": None}


@functools.lru_cache(maxsize=256)
def _request(host: str, verb: Verb, target: Target) -> str:
    # Kept, since to write one again for each request costs as much as to send it.
    quoted = Target(*(quote(name, safe="") for name in target))
    return f"POST {verb.path(quoted)} HTTP/1.1\r\nhost: {host}\r\n"


def _head(request: str, headers: Mapping[str, str], length: int) -> bytes:
    """Give the request line and all headers.

    Raises:
        ValueError: when a header isn't one line.
    """
    fields = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
    if fields.count("\r") != len(headers) or fields.count("\n") != len(headers):
        raise ValueError("a header that TorchServe was to get has more than one line")
    return f"{request}{fields}content-length: {length}\r\n\r\n".encode("latin-1")


def _unpacked(answer: Answered) -> bytes:
    """Give the body of an answer that a model packed by itself: nobody asks TorchServe for that.

    Raises:
        ConnectionBroken: when it can't be unpacked.
    """
    encoding = answer.encoding.strip().lower()
    if encoding == "identity":
        return answer.body
    if encoding in _PACKED:
        for window in (_FRAMED, _RAW):
            stream = zlib.decompressobj(window)
            try:
                body = stream.decompress(answer.body)
            except zlib.error:
                continue
            if stream.eof:
                return body
    raise ConnectionBroken(f"the answer is not what its Content-Encoding says, {encoding}")
