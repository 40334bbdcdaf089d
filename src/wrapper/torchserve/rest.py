"""TorchServe's REST inference API over a pool of kept-alive connections.

The client is aiohttp because it was the fastest inside the wrapper: at 16 requests at once 0.82
to 0.96 of TorchServe's own rate, where httpx gave 0.21 to 0.27 (benchmarks/upstream_client.py).
"""

from __future__ import annotations

import asyncio
import functools
import io
from collections.abc import AsyncIterator, Mapping
from typing import Any
from urllib.parse import quote

import aiohttp
from yarl import URL

from wrapper.names import Target
from wrapper.settings import Settings
from wrapper.spliced import LONG, Content, pieces
from wrapper.torchserve import error_table
from wrapper.torchserve.error_table import Case, Limits
from wrapper.torchserve.exchange import Reply, Verb


class RestInference:
    """Sends bodies to TorchServe and gives back the bodies it answers.

    The pool belongs to the event loop that first uses it. A process that was forked or
    spawned from one with a pool makes its own.
    """

    def __init__(self, settings: Settings) -> None:
        self._base = f"http://{settings.inference}"
        self._timeout = settings.request_timeout
        self._limits = Limits(settings.max_request_size, settings.max_response_size)
        self._session: aiohttp.ClientSession | None = None
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
        url = _url(self._base, verb, target)
        more: dict[str, Any] = {}
        if timeout is not None:
            more["timeout"] = aiohttp.ClientTimeout(total=timeout)
        data: Any = body
        if len(body) > LONG:
            # aiohttp would hand it to the connection whole, which copies what it can't send yet.
            data = _in_pieces(body)
            headers = {**headers, "content-length": str(len(body))}
        try:
            async with self._pool().post(url, data=data, headers=headers, **more) as answer:
                content = await _read(answer)
                status = answer.status
                content_type = answer.headers.get("Content-Type", "")
        except aiohttp.ClientConnectorError:
            raise error_table.error(Case.UNREACHABLE) from None
        except asyncio.TimeoutError:
            raise error_table.error(Case.TIMED_OUT) from None
        except (aiohttp.ClientError, ConnectionError):
            if len(body) > self._limits.max_request_size:
                # TorchServe answers 413 and closes, at times before the body is sent.
                limits = self._limits._asdict()
                raise error_table.error(Case.REQUEST_TOO_LARGE, **limits) from None
            raise error_table.error(Case.INTERRUPTED) from None
        if status != 200:
            raise error_table.from_answer(status, content, self._limits)
        return Reply(content, content_type)

    def _pool(self) -> aiohttp.ClientSession:
        loop = asyncio.get_running_loop()
        if self._session is None or self._loop is not loop:
            self._loop = loop
            self._session = aiohttp.ClientSession(
                # TorchServe's own queue is the limit (job_queue_size); a second one
                # here would only hide it.
                connector=aiohttp.TCPConnector(limit=0),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=self._timeout),
                skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding"),
            )
        return self._session

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_session": None, "_loop": None}


async def _in_pieces(body: Content) -> AsyncIterator[memoryview]:
    for piece in pieces(body):
        yield piece


async def _read(answer: aiohttp.ClientResponse) -> bytes:
    if (answer.content_length or 0) <= LONG:
        return await answer.read()
    # Grows in its place, where aiohttp would join parts and take the memory of two.
    content = io.BytesIO()
    async for part in answer.content.iter_any():
        content.write(part)
    return content.getvalue()


@functools.lru_cache(maxsize=256)
def _url(base: str, verb: Verb, target: Target) -> URL:
    # Kept, since to read one again for each request costs as much as to send it.
    quoted = Target(*(quote(name, safe="") for name in target))
    return URL(base + verb.path(quoted), encoded=True)
