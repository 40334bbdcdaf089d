"""What a client sent isn't kept once it is answered, not even until cycles are collected.

A body has up to `max_request_size` bytes, and the collector looks at old objects rarely: what waits
for it is many times what is in flight.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.wrapper.front.asking import V1
from tests.wrapper.surroundings import AnsweringTorchServe, settings
from wrapper import json_body
from wrapper.errands import ClientGone, Errand, Rounds
from wrapper.errors import ServingError
from wrapper.front import Front
from wrapper.names import Target
from wrapper.steps import at_once
from wrapper.torchserve import messages
from wrapper.torchserve.error_table import TorchServeError
from wrapper.torchserve.exchange import Verb
from wrapper.torchserve.grpc import GrpcInference
from wrapper.torchserve.service import TorchServe

_MODEL = Target("digits")


def kept_by(do: Callable[[bytes], object]) -> int:
    """Count the references to a body that are left where something was done with it."""
    body = bytes(bytearray(V1))
    gc.collect()
    gc.disable()
    try:
        had = sys.getrefcount(body)
        do(body)
        return sys.getrefcount(body) - had
    finally:
        gc.enable()


def test_a_body_that_is_judged_is_let_go() -> None:
    assert not kept_by(lambda body: at_once(json_body.judge(body)).root.is_object)


def test_a_body_that_is_refused_is_let_go(tmp_path: Path) -> None:
    route = Front(AnsweringTorchServe(settings(tmp_path))).route(
        "POST", "/v1/models/digits:predict"
    )
    assert route is not None

    def judge(_body: bytes) -> None:
        raise ServingError(413, "too large")

    def refuse(body: bytes) -> int:
        try:
            judge(body)
        except ServingError as error:
            return route.refuse(error).status
        raise AssertionError

    assert not kept_by(refuse)


def test_what_is_called_off_lets_go_of_all() -> None:
    async def wait(errand: Errand, _body: bytes) -> None:
        with contextlib.suppress(ClientGone):
            with errand:
                await asyncio.sleep(600)
            raise AssertionError

    async def run(body: bytes) -> None:
        errand = Errand(Rounds(600, lambda _: None))
        task = asyncio.ensure_future(wait(errand, body))
        await asyncio.sleep(0)
        errand.call_off(ClientGone())
        await task

    assert not kept_by(lambda body: asyncio.run(run(body)))


def test_what_torchserve_fails_on_is_let_go(tmp_path: Path) -> None:
    async def ask(body: bytes) -> None:
        closing = await asyncio.start_server(lambda _, client: client.close(), "127.0.0.1", 0)
        async with closing:
            port = closing.sockets[0].getsockname()[1]
            torchserve = AnsweringTorchServe(settings(tmp_path, port))
            with pytest.raises(TorchServeError, match="closed the connection"):
                await TorchServe._ask(torchserve, Verb.PREDICT, _MODEL, body, {}, None)

    assert not kept_by(lambda body: asyncio.run(ask(body)))


def test_what_an_envelope_tells_over_grpc_is_let_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = settings(tmp_path, more="service_envelope=kservev2_faithful\ngrpc_inference_port=9")
    inference = GrpcInference(known)
    told = messages.PredictionResponse(prediction=b'{"code": 500, "message": "it failed"}')

    async def call(*_: Any, **__: Any) -> Any:
        return told

    monkeypatch.setattr(inference, "_lets_cancel", True)
    monkeypatch.setattr(inference, "_call", lambda: call)

    async def ask(body: bytes) -> None:
        with pytest.raises(TorchServeError, match="it failed"):
            await inference.infer(_MODEL, body, {})

    assert not kept_by(lambda body: asyncio.run(ask(body)))
