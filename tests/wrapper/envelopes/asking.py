"""A wrapper that is asked for inference by every way."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
from kserve_conformance import tensors
from kserve_conformance.asking.grpc_client import CallFailed, GrpcClient

from fixtures.torchserve import Instance
from matrix.running.launch import RunningWrapper
from tests.wrapper.running import wrapper

# By which BYTES come as bytes.
AS_BYTES = ("binary", "typed", "raw")
_STATUSES = {"INVALID_ARGUMENT": 400, "INTERNAL": 500}


@dataclass(frozen=True)
class Told:
    """What a client got.

    Attributes:
        status: the HTTP status, also of what gRPC has a code for.
        elements: predictions, or the elements of all outputs, BYTES as text; none of an error.
    """

    status: int
    elements: tuple[Any, ...] = ()


class Asked:
    """Asks a wrapper's models."""

    def __init__(self, running: RunningWrapper) -> None:
        self._running = running

    def v1(self, model: str, verb: str = "predict", **request: Any) -> Told:
        """Ask in V1, with the arguments of `requests.post`."""
        url = f"{self._running.url}/v1/models/{model}:{verb}"
        answer = requests.post(url, **request, timeout=60)
        if answer.status_code != 200:
            return Told(answer.status_code)
        (elements,) = answer.json().values()
        return Told(200, tuple(elements))

    def v2(self, model: str, way: str, *inputs: Mapping[str, Any]) -> Told:
        """Ask in V2 as JSON or by one of `AS_BYTES`.

        Args:
            inputs: as V2 REST has them; elements of BYTES may be bytes.
        """
        body = {"inputs": [*inputs]}
        if way in ("typed", "raw"):
            write = tensors.request if way == "typed" else tensors.raw_request
            return self._call(write(model, body), inputs)
        url = f"{self._running.url}/v2/models/{model}/infer"
        if way == "json":
            answer = requests.post(url, json=body, timeout=60)
        else:
            head, raw = tensors.binary(body)
            for sent, written in zip(inputs, head["inputs"], strict=True):
                written["parameters"].update(sent.get("parameters", {}))
            text = json.dumps(head).encode()
            length = {"Inference-Header-Content-Length": str(len(text))}
            answer = requests.post(url, data=text + raw, headers=length, timeout=60)
        if answer.status_code != 200:
            return Told(answer.status_code)
        return _told(answer.json()["outputs"])

    def _call(self, message: Any, inputs: tuple[Mapping[str, Any], ...]) -> Told:
        for sent, written in zip(inputs, message.inputs, strict=True):
            for name, value in sent.get("parameters", {}).items():
                written.parameters[name].string_param = value
        address = f"127.0.0.1:{self._running.grpc_port}"
        with contextlib.closing(GrpcClient(address, "test", 60)) as client:
            try:
                return _told(tensors.outputs(client.call("ModelInfer", message, {})))
            except CallFailed as refusal:
                return Told(_STATUSES[refusal.code])


def _told(outputs: list[dict[str, Any]]) -> Told:
    elements = (element for output in outputs for element in output["data"])
    return Told(200, tuple(each.decode() if isinstance(each, bytes) else each for each in elements))


@contextlib.contextmanager
def asked(
    release: str,
    instance: Instance,
    folder: Path,
    *,
    protocol: str | None = None,
    more: Mapping[str, str] | None = None,
) -> Iterator[Asked]:
    """Start a wrapper, in a folder of its own there, to be asked; see `wrapper`."""
    folder = folder / f"{release}-{instance.envelope}-{len(list(folder.iterdir()))}"
    folder.mkdir()
    with wrapper(release, instance, folder, protocol=protocol, more=more) as running:
        yield Asked(running)
