"""uvicorn's protocols spoken to in memory: the lane's, and uvicorn's own before the same front."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Iterable
from typing import Any, NamedTuple, cast

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from wrapper.front import Front
from wrapper.front.asgi import FrontApplication
from wrapper.sdk import uvicorn_lane
from wrapper.torchserve.service import TorchServe

# Turns of the event loop after which nothing more comes of what was sent.
_TURNS = 16

_ANSWER = re.compile(rb"HTTP/1\.1 (\d{3}) [^\r]*\r\n(.*?)\r\n\r\n", re.S)
_LENGTH = re.compile(rb"content-length: (\d+)")
# What no two answers have alike.
_OWN = re.compile(rb"(ce-id|ce-time): [^\r]*")


class Said(NamedTuple):
    """One answer: its headers in order of their names, without those that every answer has."""

    status: int
    headers: tuple[bytes, ...]
    body: bytes


class Heard(NamedTuple):
    """What a client heard on one connection.

    Attributes:
        rest: what is no answer, such as the text of one that a client must not get.
    """

    answers: tuple[Said, ...]
    rest: bytes
    is_closed: bool


class _Client:
    """The transport between a client and a protocol, without a socket."""

    def __init__(self, protocol: Any) -> None:
        self._protocol = protocol
        self.heard = b""
        self.closes = self.is_paused = False

    def write(self, data: bytes) -> None:
        if not self.closes:
            self.heard += data

    def is_closing(self) -> bool:
        return self.closes

    def close(self) -> None:
        if not self.closes:
            self.closes = True
            asyncio.get_running_loop().call_soon(self._protocol.connection_lost, None)

    abort = close

    def pause_reading(self) -> None:
        self.is_paused = True

    def resume_reading(self) -> None:
        self.is_paused = False

    def get_extra_info(self, name: str, default: object = None) -> object:
        return {"peername": ("192.0.2.1", 1234), "sockname": ("192.0.2.2", 80)}.get(name, default)


class Server:
    """A front under one of the protocols; what isn't the front's the SDK answers with a text.

    Args:
        has_lane: whether the lane stands in uvicorn's protocol.
    """

    def __init__(self, torchserve: TorchServe, has_lane: bool, **config: Any) -> None:
        front = Front(torchserve)
        http: Any = uvicorn_lane.protocol(front) if has_lane else HttpToolsProtocol
        application: Any = FrontApplication(front, _sdk)
        self._config = uvicorn.Config(
            application, http=http, lifespan="off", log_config=None, ws="none", **config
        )
        self._config.load()
        self._state = ServerState()
        self._state.default_headers = [(b"server", b"uvicorn")]

    async def talk(self, parts: Iterable[bytes], leaves: bool = True) -> Heard:
        """Send a connection's bytes, part by part, and give what comes back.

        Args:
            leaves: whether the client closes its side at the end.
        """
        protocol: Any = self._config.http_protocol_class(  # type: ignore[call-arg]
            config=self._config, server_state=self._state, app_state={}
        )
        client = _Client(protocol)
        protocol.connection_made(cast("asyncio.Transport", client))
        for part in parts:
            if client.closes:
                break
            protocol.data_received(part)
            # What is in flight is answered by then: it may take more or fewer turns.
            await self._rest()
        await self._rest()
        heard = client.heard
        is_closed = client.closes
        if leaves and not is_closed:
            client.close()
        while self._state.tasks:
            await asyncio.wait(tuple(self._state.tasks), timeout=60)
        protocol._unset_keepalive_if_required()
        return _read(_OWN.sub(rb"\1", heard), is_closed)

    async def _rest(self) -> None:
        for _ in range(_TURNS):
            await asyncio.sleep(0)
            if not self._state.tasks:
                break


async def _sdk(scope: Any, receive: Any, send: Any) -> None:
    with contextlib.suppress(KeyError):
        while (await receive())["more_body"]:
            pass
    body = b"the SDK answers " + scope["path"].encode()
    length = str(len(body)).encode()
    await send(
        {"type": "http.response.start", "status": 200, "headers": [(b"content-length", length)]}
    )
    await send({"type": "http.response.body", "body": body})


def _read(heard: bytes, is_closed: bool) -> Heard:
    answers: list[Said] = []
    start = 0
    while True:
        found = _ANSWER.match(heard, start)
        if found is None:
            return Heard(tuple(answers), heard[start:], is_closed)
        headers = tuple(sorted(found[2].split(b"\r\n")))
        length = _LENGTH.search(found[2])
        size = int(length[1]) if length else 0
        start = found.end() + size
        answers.append(Said(int(found[1]), headers, heard[found.end() : start]))
