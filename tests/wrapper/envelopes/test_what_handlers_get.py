"""What a handler gets by which way, through real TorchServe: it writes the table of envelopes.md.

The model ``witness`` tells what it was handed.
"""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import requests
from kserve_conformance import tensors
from kserve_conformance.asking.grpc_client import CallFailed, GrpcClient

from fixtures.torchserve import Envelope, Instance
from matrix.running.launch import RunningWrapper
from tests import lending, pages
from tests.wrapper.running import wrapper

pytestmark = pytest.mark.integration

RELEASE = "0.21.0"
_OF_V1: tuple[Envelope, ...] = ("kserve", "kserve_faithful")
_OF_V2: tuple[Envelope, ...] = ("kservev2", "kservev2_faithful")
# A signature of PNG is no UTF-8; its base64 is a text as any other.
PICTURE, IN_BASE64 = b"\x89PNG", "iVBORw=="
# JSON has no bytes.
_NOT_SENT = ""
_AS_BASE64 = {"BYTES_AS_BASE64": "true"}


def _bytes(shape: list[int], *elements: str | bytes, **more: Any) -> dict[str, Any]:
    return {**tensors.tensor("x", "BYTES", shape, [*elements]), **more}


V2 = {
    "a text, shape `[1]`": _bytes([1], "é"),
    "a text, shape `[]`": _bytes([], "é"),
    "a text, shape `[1, 1]`": _bytes([1, 1], "é"),
    "a PNG, shape `[1]`": _bytes([1], PICTURE),
    "a PNG, shape `[]`, as in KServe's own test": _bytes([], PICTURE),
    "a PNG in base64": _bytes([1], IN_BASE64),
    "the same with `content_type` `base64`": _bytes(
        [1], IN_BASE64, parameters={"content_type": "base64"}
    ),
    "two texts, shape `[2]`": _bytes([2], "a", "b"),
    "two PNGs, shape `[2, 1]`": _bytes([2, 1], PICTURE, PICTURE),
    "INT64, shape `[2, 1]`": tensors.tensor("x", "INT64", [2, 1], [1, 2]),
    "FP32, shape `[]`": tensors.tensor("x", "FP32", [], [0.5]),
}
V1: Mapping[str, Mapping[str, Any]] = {
    '`{"instances": ["é", [1]]}`': {"json": {"instances": ["é", [1]]}},
    '`{"inputs": ["é"]}`': {"json": {"inputs": ["é"]}},
    '`{"instances": [{"data": "iVBORw=="}]}`': {"json": {"instances": [{"data": IN_BASE64}]}},
    '`{"instances": [{"b64": "iVBORw=="}]}`': {"json": {"instances": [{"b64": IN_BASE64}]}},
    "a PNG, `Content-Type: image/png`": {
        "data": PICTURE,
        "headers": {"Content-Type": "image/png"},
    },
}


@contextlib.contextmanager
def _witness(envelope: Envelope) -> Iterator[Instance]:
    """Have a TorchServe of the session serve the model, under a name of its own."""
    lent = lending.instance(envelope)
    name = "witness-of-what-handlers-get"
    models = f"http://{lent.endpoints.host}:{lent.endpoints.management}/models"
    query = f"?url=witness.mar&model_name={name}&initial_workers=1&synchronous=true"
    registered = requests.post(models + query, timeout=60)
    assert registered.status_code == 200, registered.text
    try:
        yield dataclasses.replace(lent, models=(name,))
    finally:
        requests.delete(f"{models}/{name}", timeout=60)


class _Asked:
    """A wrapper before the model, asked by every way."""

    def __init__(self, running: RunningWrapper, model: str) -> None:
        self._running = running
        self._model = model

    def v1(self, request: Mapping[str, Any]) -> str:
        url = f"{self._running.url}/v1/models/{self._model}:predict"
        answer = requests.post(url, **request, timeout=60)
        if answer.status_code != 200:
            return _refused(answer)
        return ", ".join(f"`{each}`" for each in answer.json()["predictions"])

    def json(self, tensor: dict[str, Any]) -> str:
        if any(isinstance(each, bytes) for each in tensor["data"]):
            return _NOT_SENT
        return self._infer(json={"inputs": [tensor]})

    def as_bytes(self, tensor: dict[str, Any]) -> str:
        """Ask by binary tensors and by gRPC, typed and raw, which are one."""
        head, raw = tensors.binary({"inputs": [tensor]})
        head["inputs"][0]["parameters"] = {
            **head["inputs"][0].get("parameters", {}),
            **tensor.get("parameters", {}),
        }
        written = json.dumps(head).encode()
        length = {"Inference-Header-Content-Length": str(len(written))}
        told = self._infer(data=written + raw, headers=length)
        for write in (tensors.request, tensors.raw_request):
            assert self._call(write(self._model, {"inputs": [tensor]}), tensor) == told
        return told

    def _infer(self, **request: Any) -> str:
        url = f"{self._running.url}/v2/models/{self._model}/infer"
        answer = requests.post(url, **request, timeout=60)
        if answer.status_code != 200:
            return _refused(answer)
        (output,) = answer.json()["outputs"]
        return f"`{output['data'][0]}`"

    def _call(self, message: Any, tensor: Mapping[str, Any]) -> str:
        address = f"127.0.0.1:{self._running.grpc_port}"
        for name, value in tensor.get("parameters", {}).items():
            message.inputs[0].parameters[name].string_param = value
        with contextlib.closing(GrpcClient(address, "test", 60)) as client:
            try:
                (output,) = tensors.outputs(client.call("ModelInfer", message, {}))
            except CallFailed as refusal:
                if refusal.code != "INVALID_ARGUMENT":
                    raise
                return "refused, 400"
        return f"`{_text(output['data'][0])}`"


def _text(element: str | bytes) -> str:
    return element if isinstance(element, str) else element.decode()


def _refused(answer: requests.Response) -> str:
    assert answer.status_code < 500, answer.text
    return f"refused, {answer.status_code}"


@contextlib.contextmanager
def _before(envelope: Envelope, folder: Path, **more: str) -> Iterator[_Asked]:
    with _witness(envelope) as instance, wrapper(RELEASE, instance, folder, more=more) as running:
        yield _Asked(running, instance.models[0])


def test_v2_is_as_the_page_tells_it(tmp_path: Path) -> None:
    columns: list[list[str]] = []
    for envelope, more in itertools.product(_OF_V2, ({}, _AS_BASE64)):
        folder = tmp_path / str(len(columns))
        folder.mkdir()
        with _before(envelope, folder, **more) as asked:
            columns.append([told for each in V2.values() for told in _by_ways(asked, each)])
    both = [head for name in _OF_V2 for head in (f"`{name}`", "with `BYTES_AS_BASE64`")]
    ways = [(sent, way) for sent in V2 for way in ("JSON", "bytes")]
    rows = [
        (*place, *told)
        for place, told in zip(ways, zip(*columns, strict=True), strict=True)
        if set(told) != {_NOT_SENT}
    ]
    pages.hold("envelopes.md", "what handlers get of V2", pages.table(("sent", "by", *both), rows))


def _by_ways(asked: _Asked, tensor: dict[str, Any]) -> tuple[str, str]:
    return asked.json(tensor), asked.as_bytes(tensor)


def test_v1_is_as_the_page_tells_it(tmp_path: Path) -> None:
    columns: list[list[str]] = []
    for envelope in _OF_V1:
        folder = tmp_path / envelope
        folder.mkdir()
        with _before(envelope, folder) as asked:
            columns.append([asked.v1(each) for each in V1.values()])
    rows = list(zip(V1, *columns, strict=True))
    heads = ("sent", *(f"`{name}`" for name in _OF_V1))
    pages.hold("envelopes.md", "what handlers get of V1", pages.table(heads, rows))
