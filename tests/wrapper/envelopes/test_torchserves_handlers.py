"""The handlers that come with TorchServe, and such as KServe's samples, as they are, for real.

They are written for TorchServe's own envelopes. What they answer there in V1 is what is expected of
every other way; where it isn't so, the table in envelopes.md says it, which this writes.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from kserve_conformance import tensors

from fixtures.models import handled
from fixtures.payloads.make_digits import png_of_colour
from fixtures.torchserve import Envelope, handlers
from fixtures.torchserve.process import ProcessTorchServe
from tests import pages
from tests.wrapper.envelopes.asking import AS_BYTES, Asked, Told, asked

pytestmark = [
    pytest.mark.integration,
    # They need no engine, but two minutes of a processor: those that do wait for images meanwhile.
    pytest.mark.container,
    # Four TorchServes, whose workers each import torch, torchvision and captum.
    pytest.mark.timeout(1800),
]

NEWEST = "0.21.0"
# The oldest SDK with gRPC, and a middle one.
OTHERS = ("0.10.2", "0.13.1")
_OF_V1: tuple[Envelope, ...] = ("kserve", "kserve_faithful")
_OF_V2: tuple[Envelope, ...] = ("kservev2", "kservev2_faithful")
_AS_BASE64 = {"BYTES_AS_BASE64": "true"}


@dataclass(frozen=True)
class Case:
    """One input of a model.

    Attributes:
        instance: it in V1, None where it is none.
        inputs: it in V2, whose elements may be bytes.
        in_json: what JSON has in the place of bytes.
        found: what the model answers, where V1 doesn't tell.
    """

    model: str
    what: str
    instance: Any
    inputs: tuple[dict[str, Any], ...]
    in_json: tuple[dict[str, Any], ...]
    found: list[Any] | None = None


def _of_bytes(model: str, what: str, element: str | bytes, in_json: str) -> Case:
    as_bytes, as_text = (tensors.tensor("x", "BYTES", [1], [each]) for each in (element, in_json))
    return Case(model, what, {"data": in_json}, (as_bytes,), (as_text,))


def _of_numbers(
    model: str, what: str, instance: Any, *inputs: dict[str, Any], found: list[Any] | None = None
) -> Case:
    return Case(model, what, instance, inputs, inputs, found)


_SIZE = 8
_PNG = png_of_colour(255, 0, 0, _SIZE)
_PNG_IN_BASE64 = base64.b64encode(_PNG).decode()
# Channel by channel, as a network gets them.
_DOTS = [[[1.0 if channel == 0 else -1.0] * _SIZE] * _SIZE for channel in range(3)]
_TEXT = "A <b>good</b> day!"
_TEXT_IN_JSON = json.dumps({"text": "it's é"})
PICTURES = ("image_classifier", "image_segmenter", "object_detector", "sample_image")
CASES = (
    *(_of_bytes(model, "a PNG", _PNG, _PNG_IN_BASE64) for model in PICTURES),
    _of_numbers(
        "image_classifier",
        "numbers",
        {"data": _DOTS},
        tensors.tensor("x", "FP32", [3, _SIZE, _SIZE], _DOTS),
    ),
    _of_bytes("text_classifier", "a text", _TEXT, _TEXT),
    _of_bytes("sample_text", "a text", _TEXT_IN_JSON, _TEXT_IN_JSON),
    _of_numbers(
        "sample_text",
        "numbers",
        None,
        tensors.tensor("input_ids", "INT64", [3], [7, 8, 9]),
        tensors.tensor("attention_masks", "INT64", [3], [1, 1, 0]),
        found=[15],
    ),
)
_NAMES = {"sample_image": "KServe's, for pictures", "sample_text": "KServe's, for texts"}


@dataclass
class Seen:
    """What came of it.

    Attributes:
        columns: what each case was told, by envelope and way.
        explained: what a picture's explanation came to, by envelope.
        by_grpc: what KServe's own test for TorchServe was told, by SDK release.
    """

    columns: dict[str, list[Told]] = field(default_factory=dict)
    explained: dict[str, Told] = field(default_factory=dict)
    by_grpc: dict[str, Told] = field(default_factory=dict)


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Seen:
    """All models behind all envelopes, each asked by all ways."""
    told = Seen()
    for envelope in _OF_V1:
        _ask_v1(told, envelope, tmp_path_factory.mktemp(envelope))
    for envelope in _OF_V2:
        _ask_v2(told, envelope, tmp_path_factory.mktemp(envelope))
    return told


def _ask_v1(told: Seen, envelope: Envelope, folder: Path) -> None:
    with _torchserve(envelope) as running, asked(NEWEST, running.instance, folder) as subject:
        told.columns[envelope] = [
            subject.v1(case.model, json={"instances": [case.instance]})
            if case.instance
            else _NOT_SENT
            for case in CASES
        ]
        body = {"instances": [{"data": _PNG_IN_BASE64}]}
        told.explained[envelope] = subject.v1("image_classifier", "explain", json=body)


def _ask_v2(told: Seen, envelope: Envelope, folder: Path) -> None:
    with _torchserve(envelope) as running:
        with asked(NEWEST, running.instance, folder) as subject:
            told.columns[f"{envelope} by JSON"] = [
                subject.v2(case.model, "json", *case.in_json) for case in CASES
            ]
            told.columns[f"{envelope} by bytes"] = [_by_bytes(subject, case) for case in CASES]
        with asked(NEWEST, running.instance, folder, more=_AS_BASE64) as subject:
            told.columns[f"{envelope} in base64"] = [_by_bytes(subject, case) for case in CASES]
        if envelope == "kservev2":
            for release in (*OTHERS, NEWEST):
                picture = tensors.tensor("x", "BYTES", [], [_PNG])
                of_then = asked(release, running.instance, folder, protocol="grpc-v2")
                with of_then as subject:
                    told.by_grpc[release] = subject.v2("image_classifier", "typed", picture)


_NOT_SENT = Told(0)


def _torchserve(envelope: Envelope) -> ProcessTorchServe:
    names = (*handled.TORCHSERVES, *handled.SAMPLES)
    return handlers.start(envelope, [handled.archive(name) for name in names])


def _by_bytes(subject: Asked, case: Case) -> Told:
    told = {subject.v2(case.model, way, *case.inputs) for way in AS_BYTES}
    assert len(told) == 1, f"{case.model}, {case.what}: the ways aren't one"
    return told.pop()


def _essence(told: Told) -> list[Any]:
    """Give what an answer says, in V1 or in V2: flat, with texts that are JSON read."""
    assert told.status == 200
    return _flat([json.loads(each) if isinstance(each, str) else each for each in told.elements])


def _flat(element: Any) -> list[Any]:
    if not isinstance(element, list):
        return [element]
    return [each for inner in element for each in _flat(inner)]


def _expected(seen: Seen) -> list[list[Any]]:
    stock = seen.columns["kserve"]
    return [case.found or _essence(told) for case, told in zip(CASES, stock, strict=True)]


def test_they_are_served_behind_torchserves_own_envelope_in_v1(seen: Seen) -> None:
    told = dict(zip(((case.model, case.what) for case in CASES), _expected(seen), strict=True))
    for what in ("a PNG", "numbers"):
        (scores,) = told["image_classifier", what]
        assert (max(scores, key=scores.get), len(scores)) == ("red", 5)
    # A class and its share for each dot.
    assert len(told["image_segmenter", "a PNG"]) == 224 * 224 * 2
    assert set(told["image_segmenter", "a PNG"][::2]) == {0.0}
    assert told["object_detector", "a PNG"] == [
        {"picture": [0.0, 0.0, _SIZE, _SIZE], "score": 1.0},
        {"corner": [0.0, 0.0, 1.0, 1.0], "score": 0.75},
    ]
    (scores,) = told["text_classifier", "a text"]
    assert max(scores, key=scores.get) == "good"
    assert told["sample_image", "a PNG"] == [0]
    assert told["sample_text", "a text"] == [6]


def test_they_are_served_unchanged_behind_those_that_lose_nothing(seen: Seen) -> None:
    expected = _expected(seen)
    for column in ("kservev2_faithful by JSON", "kservev2_faithful by bytes"):
        assert [_essence(told) for told in seen.columns[column]] == expected, column
    assert seen.columns["kserve_faithful"] == seen.columns["kserve"]
    assert seen.explained["kserve_faithful"] == seen.explained["kserve"]
    assert seen.explained["kserve"].status == 200


@pytest.mark.parametrize("release", [*OTHERS, NEWEST])
def test_kserves_own_test_for_torchserve_is_served(seen: Seen, release: str) -> None:
    # test_torchserve_grpc_v2: a picture as BYTES without dimensions, typed, with nothing else set.
    assert _essence(seen.by_grpc[release]) == _expected(seen)[0]


def test_the_page_tells_which_are_served(seen: Seen) -> None:
    heads = {
        "kserve": "V1 `kserve`",
        "kserve_faithful": "`kserve_faithful`",
        "kservev2 by JSON": "V2 `kservev2`: JSON",
        "kservev2 by bytes": "bytes",
        "kservev2 in base64": "bytes, `BYTES_AS_BASE64`",
        "kservev2_faithful by JSON": "`kservev2_faithful`: JSON",
        "kservev2_faithful by bytes": "bytes",
        "kservev2_faithful in base64": "bytes, `BYTES_AS_BASE64`",
    }
    rows = []
    for place, (case, expected) in enumerate(zip(CASES, _expected(seen), strict=True)):
        cells = [_in_words(seen.columns[column][place], expected) for column in heads]
        rows.append((_NAMES.get(case.model, f"`{case.model}`"), case.what, *cells))
    written = pages.table(("handler", "sent", *heads.values()), rows)
    pages.hold("envelopes.md", "which handlers are served", written)


def _in_words(told: Told, expected: list[Any]) -> str:
    if told is _NOT_SENT:
        return ""
    if told.status == 200:
        return "served" if _essence(told) == expected else "answered otherwise"
    return f"refused, {told.status}" if told.status < 500 else f"fails, {told.status}"
