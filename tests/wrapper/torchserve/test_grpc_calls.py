"""What becomes of a call to TorchServe that nobody waits for any more depends on its release."""

from __future__ import annotations

import asyncio
import dataclasses
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import pytest

from matrix.running.timing import seconds_until
from tests.wrapper.surroundings import settings
from wrapper.names import Target
from wrapper.protocol import PredictorProtocol
from wrapper.torchserve import messages
from wrapper.torchserve.error_table import Case, TorchServeError
from wrapper.torchserve.grpc import GrpcInference
from wrapper.torchserve.management_errors import ManagementError


class Model:
    """A stand-in for TorchServe's gRPC server, whose model answers when it is told to."""

    def __init__(self) -> None:
        self.may_answer = threading.Event()
        self.asked = 0
        self.outcomes: list[str] = []
        service = grpc.method_handlers_generic_handler(
            "org.pytorch.serve.grpc.inference.InferenceAPIsService",
            {"Predictions": grpc.unary_unary_rpc_method_handler(self._predict)},
        )
        self._server = grpc.server(ThreadPoolExecutor(4), handlers=[service])
        self.port = self._server.add_insecure_port("127.0.0.1:0")
        self._server.start()

    def _predict(self, _request: bytes, context: grpc.ServicerContext) -> bytes:
        ended = threading.Event()
        context.add_callback(ended.set)
        self.asked += 1
        while not (self.may_answer.wait(0.01) or ended.is_set()):
            pass
        self.outcomes.append("answered" if context.is_active() else "cancelled")
        return bytes(messages.PredictionResponse(prediction=b"{}").SerializeToString())

    def close(self) -> None:
        """End, whoever waits."""
        self.may_answer.set()
        self._server.stop(None).wait()


@pytest.fixture
def model() -> Iterator[Model]:
    """One that waits."""
    running = Model()
    yield running
    running.close()


def _inference(folder: Path, model: Model, release: str) -> GrpcInference:
    known = settings(folder, 9, f"grpc_inference_port={model.port}")

    def ask() -> str:
        if not release:
            raise ManagementError("TorchServe doesn't tell its release")
        return release

    return GrpcInference(dataclasses.replace(known, protocol=PredictorProtocol.GRPC_V2), ask)


async def _once_known(inference: GrpcInference, model: Model) -> None:
    """Have one answered, with which the release is asked for."""
    model.may_answer.set()
    await inference.infer(Target("m"), b"{}", {})
    await asyncio.sleep(0.1)
    model.may_answer.clear()


async def _asked(model: Model) -> None:
    while model.asked < 2:
        await asyncio.sleep(0.01)


# Seen on TorchServe 0.5.3, 0.7.1, 0.9.0, 0.10.0, 0.11.1 and 0.12.0.
_CANCELLED = ["0.8.2", "0.9.0", "0.12.0", "1.0.0"]
_ANSWERED = ["0.5.3", "0.7.1", "0.10.0", "0.11.1", ""]


@pytest.mark.parametrize("release", [*_CANCELLED, *_ANSWERED])
def test_a_call_whose_client_is_gone(release: str, model: Model, tmp_path: Path) -> None:
    async def run() -> None:
        inference = _inference(tmp_path, model, release)
        await _once_known(inference, model)
        left = asyncio.ensure_future(inference.infer(Target("m"), b"{}", {}))
        await _asked(model)
        left.cancel()
        with pytest.raises(asyncio.CancelledError):
            await left
        await _ended(model, release)

    asyncio.run(run())


@pytest.mark.parametrize("release", ["0.12.0", "0.11.1"])
def test_a_call_that_takes_too_long(release: str, model: Model, tmp_path: Path) -> None:
    async def run() -> None:
        inference = _inference(tmp_path, model, release)
        await _once_known(inference, model)
        with pytest.raises(TorchServeError) as told:
            await inference.infer(Target("m"), b"{}", {}, timeout=0.5)
        assert told.value.case is Case.TIMED_OUT
        await _ended(model, release)

    asyncio.run(run())


async def _ended(model: Model, release: str) -> None:
    """Wait until a call that may go on has been answered, and others have been cancelled."""
    if release in _ANSWERED:
        await asyncio.sleep(0.2)
        assert len(model.outcomes) == 1
        model.may_answer.set()
    await asyncio.to_thread(seconds_until, lambda: len(model.outcomes) == 2, 10)
    assert model.outcomes[1] == ("answered" if release in _ANSWERED else "cancelled")
