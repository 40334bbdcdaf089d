"""uvicorn's end as the wrapper has it, with a uvicorn of the tests' own."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import pytest
import uvicorn

from wrapper.sdk import uvicorn_shutdown


async def _answers(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"answered"})


async def _answer_to_who_asks_late() -> bytes:
    """Give what a client reads whose request comes when the server has just stopped to listen."""
    server = uvicorn.Server(
        uvicorn.Config(_answers, port=0, lifespan="off", log_level="critical", ws="none")
    )
    serving = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    (listening,) = server.servers
    reader, writer = await asyncio.open_connection(*listening.sockets[0].getsockname())
    while not server.server_state.connections:
        await asyncio.sleep(0.01)
    server.should_exit = True
    while listening.is_serving():
        await asyncio.sleep(0)
    writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    try:
        return await reader.read()
    except ConnectionResetError:
        return b""
    finally:
        writer.close()
        await serving


def test_a_request_that_is_yet_to_be_read_is_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    # Its own is put back after the test.
    monkeypatch.setattr(uvicorn.Server, "shutdown", uvicorn.Server.shutdown)
    assert asyncio.run(_answer_to_who_asks_late()) == b""
    uvicorn_shutdown.read_what_was_sent()
    # It may be asked for more than once.
    uvicorn_shutdown.read_what_was_sent()
    assert b"answered" in asyncio.run(_answer_to_who_asks_late())


async def _answer_to_who_is_not_accepted() -> bytes:
    """Give what a client reads that has connected and asked, and that nobody has accepted yet."""
    server = uvicorn.Server(
        uvicorn.Config(_answers, lifespan="off", log_level="critical", ws="none")
    )
    bound = socket.create_server(("127.0.0.1", 0))
    serving = asyncio.create_task(server.serve(sockets=[bound]))
    while not server.started:
        await asyncio.sleep(0.01)
    loop = asyncio.get_running_loop()
    with socket.create_connection(bound.getsockname(), timeout=60) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        # Before the loop looks at its sockets again.
        await server.shutdown(sockets=[bound])
        try:
            return await loop.run_in_executor(None, client.recv, 1000)
        except ConnectionResetError:
            return b""
        finally:
            server.should_exit = True
            await serving


def test_who_is_yet_to_be_accepted_is_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uvicorn.Server, "shutdown", uvicorn.Server.shutdown)
    assert asyncio.run(_answer_to_who_is_not_accepted()) == b""
    uvicorn_shutdown.read_what_was_sent()
    assert b"answered" in asyncio.run(_answer_to_who_is_not_accepted())
