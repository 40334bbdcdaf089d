"""No more requests at once than MAX_CONCURRENT_REQUESTS says; the rest are refused at once."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import pytest
import requests
from kserve_conformance import tensors
from tritonclient.grpc import service_pb2_grpc

from matrix.running.launch import RunningWrapper
from matrix.running.timing import seconds_until
from tests import lending
from tests.wrapper.running import wrapper
from tests.wrapper.surroundings import settings
from wrapper.admission import VARIABLE, Admission
from wrapper.errors import ServingError
from wrapper.names import Target
from wrapper.settings import SettingsError
from wrapper.torchserve.exchange import Reply, Verb
from wrapper.torchserve.service import TorchServe

LIMIT = 2


def test_one_more_than_the_limit_is_refused_and_let_in_after_another_has_ended() -> None:
    admission = Admission(LIMIT)
    with admission.one():
        for _ in range(3):
            with admission.one(), pytest.raises(ServingError) as refused, admission.one():
                pass
    assert (refused.value.status, refused.value.retry_after) == (503, 1)
    assert "answers 2 requests at once (MAX_CONCURRENT_REQUESTS)" in refused.value.message


def test_a_request_that_fails_has_ended_too() -> None:
    admission = Admission(1)
    for _ in range(3):
        with contextlib.suppress(KeyError), admission.one():
            raise KeyError
    with admission.one():
        pass


def test_zero_is_no_limit() -> None:
    admission = Admission(0)
    with contextlib.ExitStack() as stack:
        for _ in range(100):
            stack.enter_context(admission.one())


@pytest.mark.parametrize("text", ["-1", "1.5", "many", "²"])
def test_what_is_no_number_ends_the_start(tmp_path: Path, text: str) -> None:
    with pytest.raises(SettingsError, match=f"{VARIABLE}='{text}' can't be used: write a whole"):
        settings(tmp_path, MAX_CONCURRENT_REQUESTS=text)


def test_every_request_to_torchserve_is_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torchserve = TorchServe(settings(tmp_path, MAX_CONCURRENT_REQUESTS=str(LIMIT)))
    monkeypatch.setattr(torchserve, "check_ready", lambda _model: None)
    verbs = [Verb.PREDICT, Verb.EXPLAIN, Verb.INFER, Verb.PREDICT]

    async def ask_for_all() -> list[Any]:
        answering = asyncio.Event()

        async def answer(*_: Any) -> Reply:
            await answering.wait()
            return Reply(b"{}")

        monkeypatch.setattr(torchserve._rest, "ask", answer)
        asked = [
            asyncio.ensure_future(torchserve.ask(verb, Target("digits"), b"{}", {}))
            for verb in verbs
        ]
        await asyncio.wait(asked, return_when=asyncio.FIRST_COMPLETED)
        answering.set()
        told = await asyncio.gather(*asked, return_exceptions=True)
        return [*told, await torchserve.ask(Verb.PREDICT, Target("digits"), b"{}", {})]

    told = asyncio.run(ask_for_all())
    assert [getattr(each, "status", 200) for each in told] == [200, 200, 503, 503, 200]


# An old SDK without gRPC, the oldest with it, and the newest.
@pytest.fixture(scope="module", params=["0.9.0", "0.10.2", "0.21.0"])
def subject(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningWrapper]:
    """The wrapper with a limit, on one SDK."""
    folder = tmp_path_factory.mktemp("wrapper")
    torchserve = lending.instance("kservev2", "contract")
    limit = {VARIABLE: str(LIMIT)}
    with wrapper(request.param, torchserve, folder, protocol="v2", more=limit) as running:
        yield running


_SLOW = {"name": "sleep", "shape": [1], "datatype": "FP32", "data": [0.5]}


@dataclasses.dataclass(frozen=True)
class _Told:
    """What a client got: a status or a code, and whether it may try again."""

    status: object
    retry_after: str | None = None


_Ask = Callable[[RunningWrapper], _Told]


def _by_rest(subject: RunningWrapper) -> _Told:
    url = f"{subject.url}/v2/models/contract/infer"
    answer = requests.post(url, json={"inputs": [_SLOW]}, timeout=60)
    return _Told(answer.status_code, answer.headers.get("retry-after"))


def _by_grpc(subject: RunningWrapper) -> _Told:
    message = tensors.request("contract", {"inputs": [_SLOW]})
    with grpc.insecure_channel(f"127.0.0.1:{subject.grpc_port}") as channel:
        try:
            service_pb2_grpc.GRPCInferenceServiceStub(channel).ModelInfer(message, timeout=60)
        except grpc.RpcError as error:
            return _Told(error.code())
    return _Told(200)


@pytest.mark.integration
def test_what_is_too_much_is_refused_and_the_rest_is_answered(subject: RunningWrapper) -> None:
    ways = [(_by_rest, _Told(503, "1"))]
    if "KServe SDK 0.9" not in subject.log():
        ways.append((_by_grpc, _Told(grpc.StatusCode.RESOURCE_EXHAUSTED)))
    with ThreadPoolExecutor(4 * LIMIT) as pool:
        for ask, refused in ways:
            _until_all_of(pool, ask, subject, {_Told(200), refused})
            assert ask(subject) == _Told(200)


def _until_all_of(
    pool: ThreadPoolExecutor, ask: _Ask, subject: RunningWrapper, wanted: set[_Told]
) -> None:
    def told() -> set[_Told]:
        return set(pool.map(ask, [subject] * 4 * LIMIT))

    # A machine that is slow to send them may bring no three together.
    seconds_until(lambda: told() == wanted, 60)
