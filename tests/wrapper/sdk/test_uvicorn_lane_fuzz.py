"""Requests that are cut, malformed and sent one behind another: the lane does as uvicorn does.

That neither hangs, nor fails, nor mixes up answers, is part of it: each is held against the other.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.wrapper import fuzzing
from tests.wrapper.sdk.talking import Heard, Server
from tests.wrapper.sdk.test_uvicorn_lane import SENT, Echo, asked, chunks
from tests.wrapper.surroundings import settings
from wrapper.front import asgi
from wrapper.sdk import uvicorn_lane

# Seconds after which a connection hangs.
_HANGS = 60.0
_MOST = 4


@pytest.fixture
def torchserve(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Echo:
    """A TorchServe that answers with what it was asked."""
    monkeypatch.setattr(asgi, "FORGOTTEN_SECONDS", 0)
    return Echo(settings(tmp_path, more="service_envelope=kserve\nmax_request_size=5000"))


def _request(chance: random.Random, number: int) -> bytes:
    body = b'{"instances": [%d]}' % number
    if chance.random() < 0.1:
        body = body.replace(b"[", b"[%b" % (b"1, " * chance.choice((10, 1000, 2000))))
    # Those of the long way are among those of the lane.
    return chance.choice(
        (
            asked(body),
            asked(body, "Content-Type: application/json", "x-request-id: a"),
            asked(body, target="/v1/models/dig%69ts:predict?a=b"),
            chunks(body[:5], body[5:]),
            asked(body, "Expect: 100-continue"),
            chance.choice(tuple(SENT.values())),
        )
    )


def _stream(chance: random.Random, number: int) -> tuple[bytes, int]:
    """Give what a client sends on one connection, and how many requests that is."""
    count = chance.randint(1, _MOST)
    sent = b"".join(_request(chance, number + each) for each in range(count))
    if chance.random() < 0.5:
        sent = fuzzing.broken(chance, sent)
    return sent, count


async def _compare(torchserve: Echo) -> int:
    """Send all to both; give how many answers there were."""
    chance = random.Random(fuzzing.SEED)
    lane, own = (Server(torchserve, has_lane) for has_lane in (True, False))
    number = answers = 0
    while number < fuzzing.NUMBER:
        sent, count = _stream(chance, number)
        parts = fuzzing.cut(chance, sent)
        heard: list[Heard] = [
            await asyncio.wait_for(each.talk(parts), _HANGS) for each in (lane, own)
        ]
        assert heard[0] == heard[1], (fuzzing.SEED, number, parts)
        number += count
        answers += len(heard[0].answers)
    return answers


def test_the_lane_does_as_uvicorn_does(torchserve: Echo) -> None:
    answers = asyncio.run(_compare(torchserve))
    assert answers > fuzzing.NUMBER / 3


def _answers_out_of_turn(patch: pytest.MonkeyPatch) -> None:
    """Answers a request as soon as it is there, whichever is before it."""

    def complete(self: Any) -> None:
        if isinstance(self.cycle, uvicorn_lane._Cycle):
            self.cycle.is_queued = False
        original(self)

    original = uvicorn_lane._LaneProtocol.on_message_complete
    patch.setattr(uvicorn_lane._LaneProtocol, "on_message_complete", complete)


def _takes_bodies_that_are_packed_or_expected(patch: pytest.MonkeyPatch) -> None:
    """Takes what it can't do wholly."""
    patch.setattr(uvicorn_lane, "_NOT_TAKEN", frozenset())


def _never_closes(patch: pytest.MonkeyPatch) -> None:
    """Keeps a connection open whose client has said that it is the last request."""

    def init(self: Any, *request: Any) -> None:
        original(self, *request)
        self.keep_alive = True

    original = uvicorn_lane._Cycle.__init__
    patch.setattr(uvicorn_lane._Cycle, "__init__", init)


@pytest.mark.parametrize(
    "wrong", [_answers_out_of_turn, _takes_bodies_that_are_packed_or_expected, _never_closes]
)
def test_it_notices_a_lane_that(
    wrong: Callable[[pytest.MonkeyPatch], None], torchserve: Echo, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong(monkeypatch)
    with pytest.raises(AssertionError):
        asyncio.run(_compare(torchserve))
