"""A TorchServe with the wrapper's own envelope for V2, in this process, and who asks it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy
from kserve_conformance import tensors as encodings
from tritonclient.grpc import service_pb2

from tests.wrapper.envelopes import worker
from tests.wrapper.openinference.ways import Ways
from tests.wrapper.surroundings import AnsweringTorchServe, settings
from wrapper.errors import ServingError
from wrapper.front import Answer
from wrapper.metrics.timeline import Timeline
from wrapper.names import Target
from wrapper.openinference import frames
from wrapper.openinference.signature import Signature
from wrapper.spliced import Content
from wrapper.torchserve import error_table
from wrapper.torchserve.error_table import Case
from wrapper.torchserve.exchange import Reply, Verb

Handle = Callable[[list[Any], Any], Any]


class WorkedTorchServe(AnsweringTorchServe):
    """A TorchServe with the envelope of this release, or of one that reads no frames.

    Attributes:
        reads_frames: whether it is that of this release.
        told: the errors that it is to answer first, one a call.
        timeouts: how long each call may take, the question's among them.
        bodies: what it got of requests, without the question for frames.
        answers: what it waits for before it answers, None where it doesn't wait.
        passes: called before each answer.
        questions: how often it was asked whether it reads them.
        declared: what the model's author declares of its tensors.
    """

    def __init__(self, folder: Path, handle: Handle, **more: int) -> None:
        lines = [f"{name}={value}" for name, value in more.items()]
        config = "\n".join(["service_envelope=kservev2_faithful", *lines])
        super().__init__(settings(folder, more=config))
        self.handle = handle
        self.reads_frames = True
        self.told: list[ServingError] = []
        self.timeouts: list[float | None] = []
        self.bodies: list[bytes] = []
        self.answers: asyncio.Event | None = None
        self.passes: Callable[[], None] = lambda: None
        self.questions = 0
        self.declared = Signature()

    def signature(self, target: Target) -> Signature:
        """Give what the test declares."""
        return self.declared

    async def ask(
        self,
        verb: Verb,
        target: Target,
        body: Content,
        headers: Mapping[str, str],
        timeout: float | None = None,
        timeline: Timeline | None = None,
    ) -> Reply:
        """Answer as a worker does."""
        got = bytes(body)
        self.timeouts.append(timeout)
        await asyncio.sleep(0)
        if self.answers is not None:
            await self.answers.wait()
        self.passes()
        if self.told:
            raise self.told.pop(0)
        most = self.settings.max_request_size
        if len(got) > most:
            raise error_table.error(Case.REQUEST_TOO_LARGE, max_request_size=most)
        if got == frames.EMPTY:
            self.questions += 1
        else:
            self.bodies.append(got)
        # The wrapper says what TorchServe makes of a body for its worker.
        is_json = headers.get("content-type") != "application/octet-stream"
        row = {"body": json.loads(got) if is_json else bytearray(got)}
        if frames.is_frame(got) and not self.reads_frames:
            row = {"body": bytearray(b"\0")}
        try:
            (answer,), _ = worker.told("kservev2_faithful", self.handle, row)
            if not self.reads_frames:
                answer = answer.removesuffix(frames.MARK)
        except worker.PredictionException as error:
            said = {"code": error.error_code, "message": error.message}
            text = json.dumps(said).encode()
            raise error_table.from_answer(error.error_code, text, worker.LIMITS) from None
        return Reply(bytes(answer))


def same(data: list[Any], _context: Any) -> list[Any]:
    """Answer each input: a handler."""
    return data


def primed(torchserve: WorkedTorchServe) -> Ways:
    """Give ways to ask on which JSON has been answered, by which frames are found."""
    ways = Ways(torchserve)
    handle, torchserve.handle = torchserve.handle, same
    assert ways.ask("json", {"inputs": [encodings.tensor("x", "INT8", [1], [1])]}).status == 200
    torchserve.handle = handle
    torchserve.bodies.clear()
    return ways


def post(ways: Ways, sent: list[dict[str, Any]], **more: Any) -> Answer:
    """Ask by the binary extension."""
    inputs = [
        {
            **{key: value for key, value in each.items() if key != "raw"},
            "parameters": {**each.get("parameters", {}), "binary_data_size": len(each["raw"])},
        }
        for each in sent
    ]
    return ways.post_binary({"inputs": inputs, **more}, b"".join(each["raw"] for each in sent))


def outputs(answer: Answer) -> dict[str, Any]:
    """Read an answer; the bytes of its outputs are their data."""
    assert answer.status == 200, answer.body
    length = int(answer.headers.get("inference-header-content-length", len(answer.body)))
    document: dict[str, Any] = json.loads(answer.body[:length])
    position = length
    for output in document["outputs"]:
        size = output.get("parameters", {}).get("binary_data_size")
        if size is not None:
            output["data"] = answer.body[position : position + size]
            position += size
    assert position == len(answer.body)
    return document


def call(ways: Ways, sent: list[dict[str, Any]]) -> Any:
    """Ask by gRPC with raw contents."""
    return ways.infer(raw_message(sent))


def raw_message(sent: list[dict[str, Any]]) -> Any:
    """Give a message of gRPC with raw contents."""
    message = service_pb2.ModelInferRequest(
        model_name="digits", raw_input_contents=[each["raw"] for each in sent]
    )
    for each in sent:
        message.inputs.add(name=each["name"], datatype=each["datatype"], shape=each["shape"])
    return message


def floats(count: int = 2, **more: Any) -> dict[str, Any]:
    """Give a tensor of FP32 with its raw bytes."""
    raw = numpy.arange(count).astype("<f4").tobytes()
    return {"name": "x", "shape": [count], "datatype": "FP32", "raw": raw, **more}
