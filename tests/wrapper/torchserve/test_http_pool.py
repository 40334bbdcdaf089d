"""Requests to TorchServe over kept connections: whose answer is whose, and what is sent again.

The server sends what a test says, byte for byte.
"""

from __future__ import annotations

import asyncio
import gc
import socket
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from tests.wrapper.torchserve.scripted import Script, Scripted, answer, chunked, scripted
from wrapper.address import Address
from wrapper.spliced import LONG
from wrapper.torchserve import http_pool
from wrapper.torchserve.http_connection import Answered, ConnectionBroken
from wrapper.torchserve.http_pool import HttpPool, Unreachable

# Seconds: far longer than any test takes, whatever runs beside it.
LONG_TIME = 60.0


def _head(body: bytes) -> bytes:
    return b"POST /x HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n" % len(body)


async def _ask(pool: HttpPool, body: bytes = b"asked", seconds: float = LONG_TIME) -> Answered:
    return await pool.ask(_head(body), body, seconds)


def _run(test: Callable[[HttpPool, Scripted], Coroutine[Any, Any, None]], *scripts: Script) -> None:
    async def run() -> None:
        async with scripted(*scripts) as server:
            pool = HttpPool(Address("127.0.0.1", server.port))
            try:
                await asyncio.wait_for(test(pool, server), LONG_TIME)
            finally:
                pool.close()
        await asyncio.sleep(0)

    asyncio.run(run())


WHOLE = {
    "a length": answer(b"one"),
    "no body": answer(b""),
    "chunks": chunked(b"one two three"),
    "something before it": b"HTTP/1.1 100 Continue\r\n\r\n" + answer(b"one"),
    "a status without body": b"HTTP/1.1 204 No Content\r\n\r\n",
}
LAST = {
    "a Connection: close": answer(b"one", "connection: close"),
    "HTTP/1.0": b"HTTP/1.0 200 OK\r\ncontent-length: 3\r\n\r\none",
    "something behind it": answer(b"one") + b"HTTP/1.1 200 OK\r\n\r\n",
    "a whole answer behind it": answer(b"one") + answer(b"of nobody"),
    "no HTTP behind it": answer(b"one") + b"what is this?",
}
BROKEN = {
    "nothing": b"",
    "no HTTP": b"what is this?\r\n\r\n",
    "half a head": b"HTTP/1.1 200 OK\r\ncontent-le",
    "half a body": answer(b"one")[:-1],
    "half a chunk": chunked(b"one two three")[:-9],
    "two lengths": b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\ncontent-length: 4\r\n\r\none",
    "another protocol": b"HTTP/1.1 101 Switching\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n",
}


@pytest.mark.parametrize("size", [1, 7, 10_000])
@pytest.mark.parametrize("kind", WHOLE)
def test_a_connection_goes_on_after_a_whole_answer(kind: str, size: int) -> None:
    sent = WHOLE[kind]
    parts = [sent[start : start + size] for start in range(0, len(sent), size)]

    async def test(pool: HttpPool, server: Scripted) -> None:
        first, second = await _ask(pool), await _ask(pool)
        assert first.body in (b"one", b"one two three", b"")
        assert second.body == b"second"
        assert [number for number, _ in server.requests] == [1, 1]

    _run(test, Script(parts), Script([answer(b"second")]))


@pytest.mark.parametrize("kind", LAST)
def test_no_other_request_is_sent_behind_a_last_answer(kind: str) -> None:
    async def test(pool: HttpPool, server: Scripted) -> None:
        first, second = await _ask(pool), await _ask(pool)
        assert (first.body, second.body) == (b"one", b"second")
        assert [number for number, _ in server.requests] == [1, 2]

    _run(test, Script([LAST[kind]]), Script([answer(b"second")]))


def test_an_answer_may_end_with_its_connection() -> None:
    async def test(pool: HttpPool, _server: Scripted) -> None:
        assert (await _ask(pool)).body == b"all that comes"
        assert (await _ask(pool)).body == b"second"

    sent = [b"HTTP/1.1 200 OK\r\n\r\n", b"all that", b" comes"]
    _run(test, Script(sent, "close"), Script([answer(b"second")]))


@pytest.mark.parametrize("then", ["close", "reset"])
@pytest.mark.parametrize("kind", BROKEN)
def test_what_is_no_whole_answer_is_none_and_is_not_asked_again(kind: str, then: str) -> None:
    async def test(pool: HttpPool, server: Scripted) -> None:
        with pytest.raises(ConnectionBroken):
            await _ask(pool)
        assert len(server.requests) == 1
        assert (await _ask(pool)).body == b"second"
        assert [number for number, _ in server.requests] == [1, 2]

    _run(test, Script([BROKEN[kind]], then), Script([answer(b"second")]))


def test_one_that_is_broken_on_a_kept_connection_is_not_asked_again() -> None:
    async def test(pool: HttpPool, server: Scripted) -> None:
        await _ask(pool)
        # TorchServe has read it, so that it may have begun it.
        with pytest.raises(ConnectionBroken):
            await _ask(pool)
        assert len(server.requests) == 2

    _run(test, Script([answer(b"first")]), Script([], "close"))


def test_a_kept_connection_that_was_closed_is_seen_before_a_request_is_sent() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer_one(body: bytes) -> socket.socket:
            peer, _ = server.accept()
            assert peer.recv(65536)
            peer.sendall(answer(body))
            return peer

        async def test() -> None:
            pool = HttpPool(Address(*server.getsockname()))
            for body in (b"first", b"second"):
                answered = asyncio.ensure_future(asyncio.to_thread(answer_one, body))
                assert (await _ask(pool)).body == body
                with await answered as peer:
                    # Without a turn of the event loop, which knows nothing of it yet.
                    peer.shutdown(socket.SHUT_RDWR)
            pool.close()

        asyncio.run(asyncio.wait_for(test(), LONG_TIME))


def test_what_comes_after_its_time_is_nobodys_answer() -> None:
    async def run() -> None:
        late = asyncio.Event()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"asked")
            writer.write(answer(b"late")[:-2])
            await late.wait()
            writer.write(b"te")
            await reader.read()
            writer.close()

        listening = await asyncio.start_server(serve, "127.0.0.1", 0)
        pool = HttpPool(Address(*listening.sockets[0].getsockname()))
        with pytest.raises(asyncio.TimeoutError):
            await _ask(pool, seconds=0.2)
        late.set()
        # On another connection, which sends the same: it is whole.
        assert (await _ask(pool)).body == b"late"
        pool.close()
        listening.close()

    asyncio.run(asyncio.wait_for(run(), LONG_TIME))


def test_a_request_that_is_called_off_takes_its_connection_along() -> None:
    async def test(pool: HttpPool, server: Scripted) -> None:
        asked = asyncio.ensure_future(_ask(pool))
        while not server.requests:
            await asyncio.sleep(0.01)
        asked.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asked
        assert (await _ask(pool)).body == b"second"
        assert [number for number, _ in server.requests] == [1, 2]

    half = answer(b"not all of it")[:-3]
    _run(test, Script([half]), Script([answer(b"second")]))


def test_a_long_body_that_is_answered_before_it_is_sent_ends_its_connection() -> None:
    async def test(pool: HttpPool, server: Scripted) -> None:
        first = await _ask(pool, bytes(64 * LONG))
        assert (first.status, first.body) == (413, b"too large")
        assert (await _ask(pool)).body == b"second"
        assert [number for number, _ in server.requests] == [1, 2]

    refusal = answer(b"too large", status=413)
    _run(test, Script([refusal], reads_body=False), Script([answer(b"second")]))


def test_a_long_body_arrives_whole_and_a_long_answer_too() -> None:
    long = bytes(range(256)) * (LONG // 64)

    async def test(pool: HttpPool, server: Scripted) -> None:
        assert (await _ask(pool, long)).body == long
        assert (await _ask(pool)).body == b"second"
        assert [number for number, _ in server.requests] == [1, 1]

    _run(test, Script([answer(long)]), Script([answer(b"second")]))


def test_many_at_once_have_a_connection_each_and_leave_none_for_long(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(http_pool, "_RESTS", 0.2)

    async def test(pool: HttpPool, server: Scripted) -> None:
        await asyncio.gather(*(_ask(pool) for _ in range(20)))
        assert 1 < server.connections <= 20
        assert len(pool._resting) == server.connections
        while pool._resting:
            await asyncio.sleep(0.05)

    _run(test, *[Script([answer(b"one")])] * 20)


def test_nobody_there_is_known_as_such() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = Address(*server.getsockname())

    async def test() -> None:
        with pytest.raises(Unreachable):
            await _ask(HttpPool(address))

    asyncio.run(test())


def test_one_that_never_accepts_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as server:
        address = Address(*server.getsockname())
        waiting = [socket.socket() for _ in range(4)]
        for each in waiting:
            each.setblocking(False)
            each.connect_ex(server.getsockname())

        async def test() -> None:
            with pytest.raises(asyncio.TimeoutError):
                await _ask(HttpPool(address), seconds=0.3)

        asyncio.run(test())
        for each in waiting:
            each.close()


@pytest.mark.filterwarnings("error")
def test_nothing_is_left_behind() -> None:
    async def test(pool: HttpPool, _server: Scripted) -> None:
        with pytest.raises(ConnectionBroken):
            await _ask(pool)
        asked = asyncio.ensure_future(_ask(pool))
        await asyncio.sleep(0.05)
        asked.cancel()
        await asyncio.wait({asked})

    _run(test, Script([b""], "close"), Script([b""]))
    gc.collect()
