"""uvicorn's end as the wrapper has it, with a uvicorn of the tests' own."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import pytest
import uvicorn

from wrapper import shutdown
from wrapper.sdk import listening, uvicorn_shutdown

_REQUEST = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.fixture(autouse=True)
def process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep this process, which isn't the one that ends."""
    monkeypatch.setattr(shutdown, "process", shutdown.Shutdown())
    monkeypatch.setattr(shutdown, "start_timer", lambda _: None)


async def _answers(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"answered"})


async def _answer(turns: int | None) -> bytes:
    """Give what a client reads that comes at the moment at which the server is told to stop.

    Args:
        turns: those of the event loop between its coming and that, in which it is accepted step by
            step. None for as many as that needs; it asks only after that then.
    """
    server = uvicorn.Server(
        uvicorn.Config(_answers, lifespan="off", log_level="critical", ws="none")
    )
    bound = socket.create_server(("127.0.0.1", 0))
    address = bound.getsockname()
    serving = asyncio.create_task(uvicorn_shutdown.serve(server, [bound]))
    while not server.started:
        await asyncio.sleep(0.01)
    with socket.create_connection(address, timeout=60) as client:
        while turns is None and not server.server_state.connections:
            await asyncio.sleep(0.01)
        for _ in range(turns or 0):
            await asyncio.sleep(0)
        if turns is not None:
            client.sendall(_REQUEST)
        shutdown.process.begin(60)
        # By then it doesn't listen any more.
        await asyncio.sleep(0.01)
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(address, timeout=60)
        if turns is None:
            client.sendall(_REQUEST)
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(None, client.makefile("rb").read)
        except ConnectionResetError:
            return b""
        finally:
            await serving


@pytest.mark.parametrize("turns", [None, 0, 1, 2, 3])
def test_who_has_asked_is_answered(turns: int | None) -> None:
    assert b"answered" in asyncio.run(_answer(turns))


def test_uvicorn_closes_what_it_has_yet_to_read(monkeypatch: pytest.MonkeyPatch) -> None:
    async def at_once(_: Any) -> None:
        """Wait for nobody."""

    monkeypatch.setattr(shutdown, "linger", at_once)
    # It looks every 0.1 s whether it is to stop, and reads until then.
    monkeypatch.setattr(uvicorn.Server, "main_loop", _until_it_is_to_stop)
    assert asyncio.run(_answer(None)) == b""


async def _until_it_is_to_stop(server: uvicorn.Server) -> None:
    while not server.should_exit:
        await asyncio.sleep(0)


def test_the_kernel_resets_who_is_yet_to_be_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listening, "accept_all", lambda _: [])
    assert asyncio.run(_answer(0)) == b""
