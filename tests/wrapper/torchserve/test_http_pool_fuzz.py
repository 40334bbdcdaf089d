"""Answers that are cut and malformed: none is lost, none hangs, none is another request's."""

from __future__ import annotations

import asyncio
import random
import re
from collections.abc import Callable
from typing import Any

import pytest

from fixtures.wrappers.careless import CARELESS
from tests.wrapper import fuzzing
from tests.wrapper.torchserve.scripted import answer, chunked
from wrapper.address import Address
from wrapper.torchserve.http_connection import Answered, ConnectionBroken, HttpConnection
from wrapper.torchserve.http_pool import HttpPool, Unreachable

_AT_ONCE = 4
# Seconds after which one hangs.
_HANGS = 60.0
_NUMBER = re.compile(rb"<[0-9a-f]{8}>")


class _Seen:
    """What all connections of a run have seen.

    Attributes:
        read: the numbers of the requests that have come.
        times: how many have.
        whole: the bodies of the answers that are right, by number.
    """

    def __init__(self) -> None:
        self.read: set[bytes] = set()
        self.times = 0
        self.whole: dict[bytes, bytes] = {}


class _Upstream:
    """A TorchServe in memory at the other end of one connection, that answers badly at times."""

    def __init__(self, chance: random.Random, connection: HttpConnection, seen: _Seen) -> None:
        self._chance = chance
        self._connection = connection
        self._loop = asyncio.get_running_loop()
        self._is_closed = False
        self._seen = seen

    def write(self, data: bytes) -> None:
        number = data.rpartition(b"\r\n\r\n")[2]
        self._seen.read.add(number)
        self._seen.times += 1
        self._loop.call_soon(self._answer, *self._parts(number))

    def _parts(self, number: bytes) -> list[bytes]:
        chance = self._chance
        body = number * chance.choice((1, 1, 3, 200))
        sent = chance.choice(
            (
                answer(body),
                answer(body, "Content-Type: text/plain", status=chance.choice((200, 404, 503))),
                answer(body, "connection: close"),
                chunked(body, chance.choice((1, 7, 4000))),
                b"HTTP/1.1 100 Continue\r\n\r\n" + answer(body),
                b"HTTP/1.0 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body),
                b"HTTP/1.1 200 OK\r\n\r\n" + body,
                answer(body) + answer(b"of nobody"),
            )
        )
        if chance.random() < 0.3:
            sent = fuzzing.broken(chance, sent)
        else:
            self._seen.whole[number] = body
        return fuzzing.cut(chance, sent)

    def _answer(self, *parts: bytes) -> None:
        if self._is_closed:
            return
        if parts:
            self._connection.data_received(parts[0])
            self._loop.call_soon(self._answer, *parts[1:])
        elif self._connection._answer is not None:
            # Neither waits for the other.
            if self._chance.random() < 0.5:
                self._connection.eof_received()
            self.abort()
        elif self._chance.random() < 0.1:
            self._connection.data_received(answer(b"of nobody"))
        elif self._chance.random() < 0.1:
            self.abort()

    def is_closing(self) -> bool:
        return self._is_closed

    def get_extra_info(self, _name: str) -> None:
        return None

    def abort(self) -> None:
        if not self._is_closed:
            self._is_closed = True
            self._loop.call_soon(self._connection.connection_lost, None)


def _pool(chance: random.Random, seen: _Seen) -> HttpPool:
    pool = HttpPool(Address("in memory", 1))

    async def connect() -> HttpConnection:
        connection = HttpConnection()
        upstream: Any = _Upstream(chance, connection, seen)
        connection.connection_made(upstream)
        return connection

    pool._connect = connect  # type: ignore[method-assign]
    return pool


def _check(number: bytes, told: Answered, seen: _Seen) -> None:
    """Hold an answer against what was sent, or, where that was broken, against all numbers."""
    if number in seen.whole:
        assert told.body == seen.whole[number], (number, told)
    mixed = seen.read.intersection(_NUMBER.findall(told.body)) - {number}
    assert not mixed, (number, told)


async def _ask(pool: HttpPool, chance: random.Random, numbers: list[bytes], seen: _Seen) -> int:
    """Ask one request after another; give how many were answered."""
    answered = 0
    for number in numbers:
        head = b"POST / HTTP/1.1\r\ncontent-length: %d\r\n\r\n" % len(number)
        asking = asyncio.ensure_future(pool.ask(head, number, _HANGS))
        if chance.random() < 0.05:
            await asyncio.sleep(0)
            asking.cancel()
        try:
            told: Answered = await asking
        except (ConnectionBroken, Unreachable, asyncio.CancelledError):
            continue
        answered += 1
        _check(number, told, seen)
        # Before the next one is sent, what else has come is seen.
        for _ in range(3):
            await asyncio.sleep(0)
    return answered


async def _run(seed: int, number: int) -> tuple[int, _Seen]:
    chance = random.Random(seed)
    seen = _Seen()
    pool = _pool(chance, seen)
    numbers = [b"<%08x>" % chance.getrandbits(32) for _ in range(number)]
    each = [numbers[start::_AT_ONCE] for start in range(_AT_ONCE)]
    answered = await asyncio.wait_for(
        asyncio.gather(*(_ask(pool, chance, some, seen) for some in each)),
        10 * _HANGS,
    )
    pool.close()
    await asyncio.sleep(0)
    return sum(answered), seen


def test_each_answer_is_its_own_requests() -> None:
    answered, seen = asyncio.run(_run(fuzzing.SEED, fuzzing.NUMBER))
    assert answered > fuzzing.NUMBER / 3
    assert seen.times == len(seen.read), "a request was sent twice"


def _goes_on_after_anything(patch: pytest.MonkeyPatch) -> None:
    """Keeps a connection for the next request whatever became of the last one."""

    async def ask(self: HttpPool, head: bytes, body: bytes, seconds: float) -> Answered:
        connection = self._take() or await self._connect()
        try:
            return await connection.ask(head, body, seconds)
        finally:
            self._resting[connection] = 0.0

    patch.setattr(HttpPool, "ask", ask)
    always = property(lambda _: True, lambda *_: None)
    patch.setattr(HttpConnection, "may_go_on", always, raising=False)
    patch.setattr(HttpConnection, "close", lambda _: None)


def _mixes_up_answers(patch: pytest.MonkeyPatch) -> None:
    """Gives a request the answer that another one has waited for."""

    async def ask(self: HttpPool, *request: Any) -> Answered:
        told = await original(self, *request)
        other: Answered = self.__dict__.setdefault("other", told)
        self.__dict__["other"] = told
        return other

    original = HttpPool.ask
    patch.setattr(HttpPool, "ask", ask)


def _takes_what_nobody_asked_for(patch: pytest.MonkeyPatch) -> None:
    """Reads on a connection that rests, as if it were the next answer's beginning."""

    def data_received(self: HttpConnection, data: bytes) -> None:
        self.__dict__["early"] = self.__dict__.get("early", b"") + data
        if self._answer is not None:
            early = self.__dict__.pop("early")
            original(self, early)

    original = HttpConnection.data_received
    patch.setattr(HttpConnection, "data_received", data_received)


def _sends_again(patch: pytest.MonkeyPatch) -> None:
    """Sends a request again that had no answer, which TorchServe may have begun."""
    # So that it is put back.
    patch.setattr(HttpPool, "ask", HttpPool.ask)
    CARELESS["sends_what_may_have_begun_again"]()


@pytest.mark.parametrize(
    "wrong",
    [
        _goes_on_after_anything,
        _mixes_up_answers,
        _takes_what_nobody_asked_for,
        _sends_again,
    ],
)
def test_it_notices_a_pool_that(
    wrong: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong(monkeypatch)
    with pytest.raises(AssertionError):
        test_each_answer_is_its_own_requests()
