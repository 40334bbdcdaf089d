"""Whether frames are read is seen, or asked for, and what else a request waits for meanwhile.

`test_tensors_as_bytes.py` has what is answered by them.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from kserve_conformance import tensors as encodings

from tests.wrapper.envelopes import worker
from tests.wrapper.envelopes.worked import (
    WorkedTorchServe,
    floats,
    outputs,
    post,
    primed,
    raw_message,
    same,
)
from tests.wrapper.openinference.ways import Ways
from wrapper.errors import ServingError
from wrapper.front import Answer, Front, deadline, framing
from wrapper.front.deadline import Deadline
from wrapper.front.framing import Framing
from wrapper.names import Target
from wrapper.openinference import datatypes, frames, messages
from wrapper.openinference.raw_data import RawData
from wrapper.steps import at_once
from wrapper.torchserve import error_table
from wrapper.torchserve.error_table import Case


@pytest.fixture(scope="module", autouse=True)
def inside_torchserve() -> Iterator[None]:
    """Have as much of TorchServe's package as the envelopes import."""
    with worker.inside_torchserve():
        yield


class Clock:
    """A time that passes as the test says."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        """Give it in seconds."""
        return self.now

    def pass_by(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The time that what asks TorchServe goes by."""
    clock = Clock()
    for module in (deadline, framing):
        monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=clock.monotonic))
    return clock


def _too_large() -> ServingError:
    return error_table.error(Case.REQUEST_TOO_LARGE, max_request_size=5000)


def test_json_is_answered_as_it_was_and_tells_that_frames_are_read(tmp_path: Path) -> None:
    torchserve = WorkedTorchServe(tmp_path, same)
    ways = Ways(torchserve)
    asked = {"inputs": [encodings.tensor("x", "FP32", [1], [1])]}
    for way, is_frame in (("binary", False), ("raw", True), ("json", False), ("binary", True)):
        assert ways.ask(way, asked).status == 200
        assert frames.is_frame(torchserve.bodies[-1]) == is_frame
    assert torchserve.questions == 0


# 4,000 bytes, and more than that in JSON.
_LONG: dict[str, Any] = {
    "name": "x",
    "shape": [1000],
    "datatype": "FP32",
    "raw": b"\x01\x02\x03\x04" * 1000,
}


def test_what_is_too_large_as_json_asks_once_whether_frames_are_read(tmp_path: Path) -> None:
    torchserve = WorkedTorchServe(tmp_path, same, max_request_size=5000)
    ways = Ways(torchserve)
    head = {"inputs": [{**_LONG, "parameters": {"binary_data_size": 4000}}]}
    head["inputs"][0].pop("raw")
    written = json.dumps(head).encode()
    headers = {"inference-header-content-length": str(len(written))}
    route = ways._front.route("POST", "/v2/models/digits/infer")
    assert route is not None

    async def ask() -> list[Answer]:
        body = written + _LONG["raw"]
        return await asyncio.gather(*[route(body, headers) for _ in range(5)])

    for _ in range(2):
        assert [answer.status for answer in asyncio.run(ask())] == [200] * 5
    assert torchserve.questions == 1
    assert all(map(frames.is_frame, torchserve.bodies))
    too_large = {**_LONG, "shape": [2000], "raw": _LONG["raw"] * 2}
    assert post(ways, [too_large]).status == 413


@pytest.mark.parametrize("case", [Case.REFUSED, Case.FAILED, Case.MODEL_FAILED])
def test_who_fails_on_the_question_is_sent_no_frame_for_a_while(
    tmp_path: Path, clock: Clock, case: Case
) -> None:
    torchserve = WorkedTorchServe(tmp_path, same, max_request_size=5000)
    ways = Ways(torchserve)
    for seconds, is_asked in ((0, True), (29, False), (2, True), (29, False), (2, True)):
        clock.pass_by(seconds)
        torchserve.told = [_too_large(), error_table.error(case)]
        assert post(ways, [_LONG]).status == 413
        assert len(torchserve.told) == (0 if is_asked else 1)
    assert torchserve.bodies == []
    clock.pass_by(31)
    torchserve.told = []
    assert post(ways, [_LONG]).status == 200


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (error_table.error(Case.QUEUE_FULL), 503),
        (error_table.error(Case.UNREACHABLE), 503),
        (error_table.error(Case.NO_WORKER), 503),
        (error_table.error(Case.TIMED_OUT), 504),
        (ServingError(503, "too many requests", 1), 503),
    ],
    ids=["queue full", "unreachable", "no worker", "timed out", "not admitted"],
)
def test_a_question_that_fails_in_passing_is_told_as_that_and_asked_again(
    tmp_path: Path, error: ServingError, status: int
) -> None:
    torchserve = WorkedTorchServe(tmp_path, same, max_request_size=5000)
    ways = Ways(torchserve)
    torchserve.told = [_too_large(), error]
    answer = post(ways, [_LONG])
    assert (answer.status, answer.headers.get("retry-after")) == (
        status,
        error.headers.get("retry-after"),
    )
    assert error.message.encode() in answer.body
    assert post(ways, [_LONG]).status == 200


def test_each_who_waits_for_a_question_that_fails_gets_an_error_of_its_own(tmp_path: Path) -> None:
    torchserve = WorkedTorchServe(tmp_path, same)
    framing = Framing(torchserve)
    torchserve.told = [error_table.error(Case.QUEUE_FULL)]

    async def ask() -> list[Any]:
        asking = [framing.ask(Target("digits"), Deadline(60)) for _ in range(3)]
        return await asyncio.gather(*asking, return_exceptions=True)

    told = asyncio.run(ask())
    assert [error.status for error in told] == [503] * 3
    assert len(set(map(id, told))) == 3
    assert torchserve.told == []


def test_all_bytes_of_a_frame_are_reckoned() -> None:
    int8 = datatypes.find("x", "INT8")
    inputs = [{"name": "x", "data": RawData(int8, b"\1" * count, count)} for count in range(20)]
    spent: list[int] = []
    frame = at_once(frames.write({"inputs": inputs, "id": "a"}, 0, spent.append))
    assert sum(spent) == len(frame)


@pytest.mark.parametrize("limit", ["wrapper", "torchserve"])
def test_a_frame_that_is_too_large_is_not_tried_again(tmp_path: Path, limit: str) -> None:
    torchserve = WorkedTorchServe(tmp_path, same, max_request_size=5000)
    ways = primed(torchserve)
    torchserve.timeouts.clear()
    if limit == "torchserve":
        torchserve.told = [_too_large(), _too_large()]
        assert post(ways, [_LONG]).status == 413
        assert len(torchserve.timeouts) == 2
    else:
        too_large = {**_LONG, "shape": [2000], "raw": _LONG["raw"] * 2}
        assert post(ways, [too_large]).status == 413
        # TorchServe refuses the JSON.
        assert len(torchserve.timeouts) == 1
    assert torchserve.questions == 0


def test_json_question_and_frame_have_one_deadline(tmp_path: Path, clock: Clock) -> None:
    torchserve = WorkedTorchServe(tmp_path, same, max_request_size=5000)
    inference = Front(torchserve).inference
    read = partial(messages.request_to_json, raw_message([_LONG]))

    async def ask(seconds: float | None) -> None:
        await inference.infer_document(Target("digits"), read, {}, seconds)

    torchserve.passes = lambda: clock.pass_by(4)
    asyncio.run(ask(20))
    # The question is asked for others, too, each of whom waits for it as long as it does.
    assert torchserve.timeouts == [20, None, 12]
    torchserve.reads_frames = False
    torchserve.timeouts.clear()
    with pytest.raises(ServingError, match="TorchServe didn't answer in time") as refused:
        asyncio.run(ask(3))
    assert (refused.value.status, torchserve.timeouts) == (504, [3])
    torchserve.timeouts.clear()
    with pytest.raises(ServingError, match="larger than TorchServe takes"):
        asyncio.run(ask(None))
    assert torchserve.timeouts[0] == torchserve.settings.request_timeout


def test_who_waits_for_the_question_waits_no_longer_than_its_deadline(tmp_path: Path) -> None:
    torchserve = WorkedTorchServe(tmp_path, same)
    framing = Framing(torchserve)

    async def ask() -> list[Any]:
        torchserve.answers = asyncio.Event()
        impatient = asyncio.create_task(framing.ask(Target("digits"), Deadline(0.01)))
        patient = asyncio.create_task(framing.ask(Target("digits"), Deadline(60)))
        with pytest.raises(ServingError) as refused:
            await impatient
        torchserve.answers.set()
        return [refused.value.status, await patient]

    assert asyncio.run(ask()) == [504, True]
    assert torchserve.questions == 1


def test_an_answer_in_json_that_ends_otherwise_has_it_forgotten(tmp_path: Path) -> None:
    torchserve = WorkedTorchServe(tmp_path, same)
    ways = primed(torchserve)
    asked = {"inputs": [encodings.tensor("x", "FP32", [1], [1])]}
    torchserve.reads_frames = False
    assert [ways.ask(way, asked).status for way in ("json", "raw")] == [200, 200]
    assert not any(map(frames.is_frame, torchserve.bodies))


@pytest.mark.parametrize("case", [Case.REFUSED, Case.FAILED, Case.MODEL_FAILED])
def test_what_a_frame_may_have_failed_by_is_not_asked_again_and_then_json(
    tmp_path: Path, case: Case
) -> None:
    torchserve = WorkedTorchServe(tmp_path, same)
    ways = primed(torchserve)
    torchserve.told = [error_table.error(case)]
    assert post(ways, [floats()]).status == error_table.error(case).status
    assert torchserve.bodies == []
    assert [post(ways, [floats()]).status for _ in range(2)] == [200, 200]
    assert [frames.is_frame(each) for each in torchserve.bodies] == [False, True]


def test_an_envelope_that_reads_frames_no_more_is_sent_json(tmp_path: Path) -> None:
    torchserve = WorkedTorchServe(tmp_path, same)
    ways = primed(torchserve)
    asked = {"inputs": [encodings.tensor("x", "FP32", [1], [1])]}
    assert ways.ask("raw", asked).status == 200
    torchserve.reads_frames = False
    for _ in range(2):
        assert ways.ask("raw", asked).status == 200
    assert [frames.is_frame(each) for each in torchserve.bodies] == [True, True, False, False]
    # What a model refuses stays refused, and is not run a second time.
    torchserve.reads_frames = True
    assert ways.ask("raw", asked).status == 200
    bodies = len(torchserve.bodies)

    def refuses(*_: Any) -> Any:
        raise worker.PredictionException("too dark", 422)

    torchserve.handle = refuses
    assert ways.ask("raw", asked).status == 422
    assert len(torchserve.bodies) == bodies + 1


def test_bytes_beyond_a_limit_go_as_json_where_that_is_shorter(tmp_path: Path) -> None:
    # 800 bytes, in JSON 200.
    tensor = {"name": "x", "shape": [100], "datatype": "INT64", "raw": bytes(800)}
    for limit in ("max_request_size", "max_response_size"):
        torchserve = WorkedTorchServe(tmp_path, same, **{limit: 700})
        ways = primed(torchserve)
        told = outputs(post(ways, [tensor], parameters={"binary_data_output": True}))
        assert told["outputs"][0]["data"] == bytes(800)
        assert [frames.is_frame(each) for each in torchserve.bodies] == [
            limit == "max_response_size"
        ]


def test_a_frame_that_torchserve_calls_too_large_goes_as_json(tmp_path: Path) -> None:
    torchserve = WorkedTorchServe(tmp_path, same)
    ways = primed(torchserve)
    torchserve.told = [_too_large()]
    assert post(ways, [floats()]).status == 200
    assert [frames.is_frame(each) for each in torchserve.bodies] == [False]
