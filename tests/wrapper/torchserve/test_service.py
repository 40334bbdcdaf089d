"""What the wrapper does about TorchServe's errors depends on their case, whatever they are told as.

Each test runs twice: with the sentences of the TABLE, and with other ones in the place of them all.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import json
from collections.abc import Awaitable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import grpc
import pytest

from tests.wrapper.front.asking import V1, V2, error_of
from tests.wrapper.surroundings import settings
from tests.wrapper.torchserve.standin import READY, Standin, standing_in
from wrapper.front import Answer, Front
from wrapper.names import Target
from wrapper.protocol import PredictorProtocol
from wrapper.torchserve import error_table
from wrapper.torchserve.error_table import Case
from wrapper.torchserve.exchange import Verb
from wrapper.torchserve.service import TorchServe

NO_WORKER = 'Model "digits" has no worker to serve inference request.'
DIED = "Worker died."
REFUSED = "Token Authorization failed. Token either incorrect, expired, or not provided correctly"
GONE = json.dumps([{"workers": []}])

_Given = TypeVar("_Given")


@pytest.fixture(params=["its own sentences", "other sentences"], autouse=True)
def sentences(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Change every sentence of the table: other words, which quote what TorchServe said."""
    if request.param == "other sentences":
        other = [
            dataclasses.replace(row, sentence=f"{row.case.value}, in other words: {{said}}")
            for row in error_table.TABLE
        ]
        monkeypatch.setattr(error_table, "TABLE", tuple(other))


@dataclasses.dataclass
class _Running:
    """The wrapper's TorchServe, before stand-ins for each of its servers.

    Attributes:
        asked_again: how often readiness was told to ask at once.
    """

    torchserve: TorchServe
    inference: Standin
    management: Standin
    path: str = "/v1/models/digits:predict"
    body: bytes = V1
    asked_again: int = 0

    def count(self) -> None:
        self.asked_again += 1

    def answer(self) -> Answer:
        route = Front(self.torchserve).route("POST", self.path)
        assert route is not None
        return asyncio.run(self.closing(route(self.body, {})))

    async def closing(self, asked: Awaitable[_Given]) -> _Given:
        """Close the pool of connections with the event loop that it belongs to."""
        try:
            return await asked
        finally:
            self.torchserve._rest.close()


@pytest.fixture
def running(
    standin: Standin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[_Running]:
    """The model is ready; the inference server answers what the test says."""
    with standing_in() as inference:
        known = settings(
            tmp_path,
            inference.server_port,
            f"management_address=http://127.0.0.1:{standin.server_port}\nservice_envelope=kserve",
            TORCHSERVE_KEY_FILE=str(tmp_path / "key_file.json"),
        )
        yield _run(TorchServe(known), inference, standin, monkeypatch)


@pytest.fixture
def running_by_grpc(
    standin: Standin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[_Running]:
    """The same by gRPC, where the inference server has no worker."""
    with _grpc_inference(NO_WORKER) as port, standing_in() as inference:
        known = settings(tmp_path, standin.server_port, f"grpc_inference_port={port}")
        known = dataclasses.replace(known, protocol=PredictorProtocol.GRPC_V2)
        by_grpc = _run(TorchServe(known), inference, standin, monkeypatch)
        by_grpc.path, by_grpc.body = "/v2/models/digits/infer", V2
        yield by_grpc


def _run(
    torchserve: TorchServe, inference: Standin, management: Standin, patch: pytest.MonkeyPatch
) -> _Running:
    torchserve.readiness.wait_for_first_answer(5)
    running = _Running(torchserve, inference, management)
    patch.setattr(torchserve.readiness, "ask_now", running.count)
    return running


@contextlib.contextmanager
def _grpc_inference(said: str) -> Iterator[int]:
    def predictions(_request: bytes, context: grpc.ServicerContext) -> bytes:
        details = f"{said}\norg.pytorch.serve.archive.model.ModelException"
        context.abort(grpc.StatusCode.INTERNAL, details)
        return b""

    service = grpc.method_handlers_generic_handler(
        "org.pytorch.serve.grpc.inference.InferenceAPIsService",
        {"Predictions": grpc.unary_unary_rpc_method_handler(predictions)},
    )
    server = grpc.server(ThreadPoolExecutor(1), handlers=[service])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield port
    server.stop(None)


def _error(status: int, said: str) -> tuple[int, str]:
    return status, json.dumps({"code": status, "type": "Exception", "message": said})


def test_an_expired_token_is_renewed_and_the_request_sent_again(
    running: _Running, tmp_path: Path
) -> None:
    file = tmp_path / "key_file.json"
    keys = {"inference": {"key": "expired"}, "API": {"key": "api"}}
    file.write_text(json.dumps(keys))
    seen = []

    def infer(_path: str, headers: Mapping[str, str]) -> tuple[int, str]:
        seen.append(headers["authorization"])
        return (200, "{}") if seen[-1] == "Bearer fresh" else _error(400, REFUSED)

    def manage(path: str, _headers: Mapping[str, str]) -> tuple[int, str]:
        if path == "/token?type=inference":
            file.write_text(json.dumps({**keys, "inference": {"key": "fresh"}}))
        return 200, READY

    running.inference.answers, running.management.answers = infer, manage
    running.torchserve._keys.forget()
    assert running.answer().status == 200
    assert seen == ["Bearer expired", "Bearer fresh"]


def test_an_expired_management_token_is_renewed_too(running: _Running, tmp_path: Path) -> None:
    file = tmp_path / "key_file.json"
    file.write_text(json.dumps({"management": {"key": "expired"}, "API": {"key": "api"}}))

    def manage(path: str, headers: Mapping[str, str]) -> tuple[int, str]:
        if path == "/token?type=management":
            file.write_text(json.dumps({"management": {"key": "fresh"}}))
            return 200, "{}"
        fresh = headers.get("authorization") == "Bearer fresh"
        return (200, READY) if fresh else _error(400, REFUSED)

    running.management.answers = manage
    running.torchserve._keys.forget()
    assert running.torchserve._management.why_no_worker("digits") is None


@pytest.mark.parametrize("transport", ["running", "running_by_grpc"])
def test_no_worker_beside_a_ready_one_is_a_full_queue(
    transport: str, request: pytest.FixtureRequest
) -> None:
    running: _Running = request.getfixturevalue(transport)
    running.inference.answers = lambda *_: _error(503, NO_WORKER)
    answer = running.answer()
    assert (answer.status, answer.headers) == (503, {"retry-after": "1"})
    # Management has just said that the model is ready.
    assert running.asked_again == 0


def test_one_question_serves_all_refusals_of_a_moment(running: _Running) -> None:
    running.inference.answers = lambda *_: _error(503, NO_WORKER)
    asked_before = len(running.management.paths)
    refused = asyncio.run(running.closing(_many(running.torchserve)))
    assert [each.case for each in refused] == [Case.QUEUE_FULL] * 100
    # Readiness asks meanwhile, too.
    assert len(running.management.paths) - asked_before < 40


async def _many(torchserve: TorchServe) -> list[error_table.TorchServeError]:
    told: list[object] = []
    for _ in range(20):
        five = [torchserve.ask(Verb.PREDICT, Target("digits"), V1, {}) for _ in range(5)]
        told += await asyncio.gather(*five, return_exceptions=True)
    return [each for each in told if isinstance(each, error_table.TorchServeError)]


def test_no_worker_at_all_is_no_full_queue_and_is_asked_about_again(running: _Running) -> None:
    def infer(*_: object) -> tuple[int, str]:
        running.management.body = GONE
        return _error(503, NO_WORKER)

    running.inference.answers = infer
    answer = running.answer()
    assert (answer.status, answer.headers) == (503, {})
    assert running.asked_again == 1


@pytest.mark.parametrize(("limit", "status"), [(0, 504), (120, 502)])
def test_a_dead_worker_is_asked_about_again_and_too_slow_where_it_was_given_its_time(
    running: _Running, limit: int, status: int
) -> None:
    workers = [{"status": "READY"}]
    running.management.body = json.dumps([{"responseTimeout": limit, "workers": workers}])
    running.inference.answers = lambda *_: _error(500, DIED)
    answer = running.answer()
    assert (answer.status, answer.headers) == (status, {})
    assert running.asked_again == 1


def test_a_worker_that_was_killed_is_known_without_a_question(running: _Running) -> None:
    running.inference.answers = lambda *_: _error(507, DIED)
    answer = running.answer()
    assert (answer.status, answer.headers) == (503, {})
    assert running.asked_again == 1


def test_a_worker_that_died_of_an_unload_is_told_so(running: _Running) -> None:
    def infer(*_: object) -> tuple[int, str]:
        running.management.status = 404
        return _error(500, DIED)

    running.inference.answers = infer
    assert _raised_by(running).case is Case.UNLOADED


def test_a_model_that_fails_is_neither_asked_about_nor_again(running: _Running) -> None:
    running.inference.answers = lambda *_: _error(503, "Prediction failed")
    answer = running.answer()
    assert (answer.status, answer.headers) == (500, {})
    assert running.asked_again == 0
    assert len(running.inference.paths) == 1


def test_an_error_is_new_each_time(running: _Running) -> None:
    running.inference.answers = lambda *_: _error(503, NO_WORKER)
    first, second = (_raised_by(running) for _ in range(2))
    assert (first.case, second.case) == (Case.QUEUE_FULL, Case.QUEUE_FULL)
    # One that is raised for every request would keep the frames, and so the bodies, of all.
    assert first is not second


def _raised_by(running: _Running) -> error_table.TorchServeError:
    with pytest.raises(error_table.TorchServeError) as told:
        asyncio.run(running.closing(running.torchserve.ask(Verb.PREDICT, Target("digits"), V1, {})))
    return told.value


def test_the_sentence_is_what_the_table_says(
    running: _Running, request: pytest.FixtureRequest
) -> None:
    running.inference.answers = lambda *_: _error(503, "Prediction failed")
    others = "other sentences" in request.node.name
    assert ("in other words: Prediction failed" in error_of(running.answer())) == others
