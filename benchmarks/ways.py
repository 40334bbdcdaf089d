"""The ways in which a model is asked when speed is measured, each with its floor."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, replace

import numpy
from tritonclient.grpc import service_pb2

from benchmarks import frames
from benchmarks.asking import Call, Post, Request
from fixtures.torchserve import Envelope
from wrapper.torchserve import messages

_JSON = {"Content-Type": "application/json"}
_MODEL_INFER = "/inference.GRPCInferenceService/ModelInfer"
# What is small is where a front costs most, beside what TorchServe takes.
SMALL = (1, 16, 64)
# More at once would wait for minutes.
LARGE = (1, 16)
_FEW, _MEGABYTE = 4, 250_000


@dataclass(frozen=True)
class Way:
    """A protocol and a body.

    Attributes:
        body: what it holds, in words.
        body_bytes: how large it is; of a tensor as bytes, the bytes.
        protocol_version: PROTOCOL_VERSION of the wrapper.
        envelope: TorchServe's.
        model: that which TorchServe serves for it.
        asked: of the wrapper.
        directly: of TorchServe: what the wrapper makes of it.
        floor: of the floor.
        payload: what each right answer holds; blanks in JSON don't count.
        connections: how many requests are made at once.
        by_all: whether everybody is asked so, not only the wrapper and the floor.
        longer: by how much each measurement is: what isn't answered when it ends has had CPU, too.
    """

    name: str
    body: str
    body_bytes: int
    protocol_version: str
    envelope: Envelope
    model: str
    asked: Request
    directly: Request
    floor: Request
    payload: bytes
    connections: tuple[int, ...] = SMALL
    by_all: bool = False
    longer: int = 1

    def holds(self, answer: bytes) -> bool:
        """Tell whether an answer is the right one, by what it holds."""
        return self.payload in answer or self.payload in b"".join(answer.split())


def every() -> list[Way]:
    """Give all ways."""
    return [
        replace(_v1("31 B", b"[1,2,3,4,5,6,7]", 31), connections=SMALL, by_all=True),
        _v1("100 kB of text", _text(100_000), 100_000),
        replace(_v1("1 MB of text", _text(1_000_000), 1_000_000), longer=3),
        replace(_v1("100 kB of numbers", _numbers(100_000), 100_000), longer=3),
        # TorchServe takes a third of a second for each.
        replace(_v1("1 MB of numbers", _numbers(1_000_000), 1_000_000), connections=(1,), longer=3),
        _v2_json(),
        _v2_binary(),
        _grpc("four FP32", _FEW, SMALL),
        _grpc("1 MB of FP32", _MEGABYTE, LARGE),
    ]


def _v1(body: str, instance: bytes, size: int) -> Way:
    post = Post("/v1/models/echo:predict", (b'{"instances":[%s]}' % instance).ljust(size), _JSON)
    return Way(
        "V1", body, size, "v1", "kserve", "echo", post, post, post, instance, connections=LARGE
    )


def _text(size: int) -> bytes:
    """Give what a picture in base64 is to all who pass it on; TorchServe reads it quickly."""
    picture = numpy.random.default_rng(0).bytes(size)
    return b'"%s"' % base64.b64encode(picture)[: size - 100]


def _numbers(size: int) -> bytes:
    count = (size - 100) // 5
    return b"[" + b",".join([b"1.25"] * count) + b"]"


def _v2_json() -> Way:
    numbers = [1.5, 2.5, 3.5, 4.5]
    tensor = {"name": "x", "shape": [_FEW], "datatype": "FP32", "data": numbers}
    body = json.dumps({"inputs": [tensor]}, separators=(",", ":")).encode()
    post = Post("/v2/models/echo/infer", body, _JSON)
    payload = json.dumps(numbers, separators=(",", ":")).encode()
    return Way(
        "V2 JSON", "four FP32", len(body), "v2", "kservev2_faithful", "echo", post, post, post,
        payload,
    )  # fmt: skip


def _v2_binary() -> Way:
    tensor = {"name": "x", "shape": [_MEGABYTE], "datatype": "FP32"}
    content = _bytes_of(_MEGABYTE)
    sized = {**tensor, "parameters": {"binary_data_size": len(content)}}
    head = json.dumps({"inputs": [sized], "parameters": {"binary_data_output": True}}).encode()
    headers = {**frames.HEADERS, "Inference-Header-Content-Length": str(len(head))}
    asked = Post("/v2/models/arrays/infer", head + content, headers)
    framed = frames.before(_MEGABYTE) + content
    directly = Post("/predictions/arrays", framed, frames.HEADERS)
    return Way(
        "V2 binary", "1 MB of FP32", len(content), "v2", "kservev2_faithful", "arrays", asked,
        directly, directly, content, LARGE,
    )  # fmt: skip


def _grpc(body: str, count: int, connections: tuple[int, ...]) -> Way:
    content = _bytes_of(count)
    message = service_pb2.ModelInferRequest(model_name="arrays", raw_input_contents=[content])
    message.inputs.add(name="x", datatype="FP32", shape=[count])
    asked = Call(_MODEL_INFER, message.SerializeToString())
    prediction = messages.PredictionsRequest(model_name="arrays")
    prediction.input.add(key="data", value=frames.before(count) + content)
    directly = Call(messages.PREDICTIONS, prediction.SerializeToString())
    return Way(
        "gRPC", body, len(content), "grpc-v2", "kservev2_faithful", "arrays", asked, directly,
        asked, content, connections,
    )  # fmt: skip


def _bytes_of(count: int) -> bytes:
    return numpy.random.default_rng(0).random(count, "float32").tobytes()
