"""What a handler gets by which way, through real TorchServe: it writes the table of envelopes.md.

The model ``witness`` tells what it was handed.
"""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import requests
from kserve_conformance import tensors

from fixtures.torchserve import Envelope, Instance
from tests import lending, pages
from tests.wrapper.envelopes.asking import AS_BYTES, Asked, Told, asked

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


@contextlib.contextmanager
def _before(envelope: Envelope, folder: Path, more: Mapping[str, str]) -> Iterator[_Witness]:
    with _witness(envelope) as instance, asked(RELEASE, instance, folder, more=more) as running:
        yield _Witness(running, instance.models[0])


@dataclasses.dataclass(frozen=True)
class _Witness:
    """What a handler gets, in the page's words."""

    asked: Asked
    model: str

    def of_v1(self, request: Mapping[str, Any]) -> str:
        return _in_words(self.asked.v1(self.model, **request))

    def of_json(self, tensor: Mapping[str, Any]) -> str:
        if any(isinstance(each, bytes) for each in tensor["data"]):
            return _NOT_SENT
        return _in_words(self.asked.v2(self.model, "json", tensor))

    def of_bytes(self, tensor: Mapping[str, Any]) -> str:
        told = {self.asked.v2(self.model, way, tensor) for way in AS_BYTES}
        assert len(told) == 1
        return _in_words(*told)


def _in_words(told: Told) -> str:
    assert told.status < 500
    if told.status != 200:
        return f"refused, {told.status}"
    return ", ".join(f"`{each}`" for each in told.elements)


def test_v2_is_as_the_page_tells_it(tmp_path: Path) -> None:
    columns: list[list[str]] = []
    for envelope, more in itertools.product(_OF_V2, ({}, _AS_BASE64)):
        with _before(envelope, tmp_path, more) as witness:
            told = ((witness.of_json(each), witness.of_bytes(each)) for each in V2.values())
            columns.append([*itertools.chain.from_iterable(told)])
    both = [head for name in _OF_V2 for head in (f"`{name}`", "with `BYTES_AS_BASE64`")]
    ways = itertools.product(V2, ("JSON", "bytes"))
    rows = [
        (*place, *told)
        for place, told in zip(ways, zip(*columns, strict=True), strict=True)
        if set(told) != {_NOT_SENT}
    ]
    written = pages.table(("sent", "by", *both), rows)
    pages.hold("envelopes.md", "what handlers get of V2", written)


def test_v1_is_as_the_page_tells_it(tmp_path: Path) -> None:
    columns: list[list[str]] = []
    for envelope in _OF_V1:
        with _before(envelope, tmp_path, {}) as witness:
            columns.append([witness.of_v1(each) for each in V1.values()])
    heads = ("sent", *(f"`{name}`" for name in _OF_V1))
    written = pages.table(heads, zip(V1, *columns, strict=True))
    pages.hold("envelopes.md", "what handlers get of V1", written)
