"""CloudEvents in both modes, as KServe's SDK answers them."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests import lending
from tests.wrapper.front.asking import V1, V2, V2_ANSWER, answer_to, body_of, error_of, speaks_v2
from tests.wrapper.running import RELEASES, wrapper
from tests.wrapper.surroundings import AnsweringTorchServe, settings
from wrapper.torchserve.exchange import Reply

PREDICT = "/v1/models/digits:predict"
ATTRIBUTES = {
    "id": "36077800-0c23-4f38-a0b4-01f4369f670a",
    "source": "https://example.com/cloudevents/pull",
    "specversion": "1.0",
    "type": "com.example.sampletype1",
    "time": "2026-11-29T21:54:00+00:00",
    "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
}
EVENT = "application/cloudevents+json"


def _binary(**more: str) -> dict[str, str]:
    return {f"ce_{name}": value for name, value in {**ATTRIBUTES, **more}.items()}


def _structured(data: Any, **more: Any) -> bytes:
    return json.dumps({**ATTRIBUTES, **more, "data": data}).encode()


def test_binary_in_is_binary_out(torchserve: AnsweringTorchServe) -> None:
    answer = answer_to(torchserve, PREDICT, V1, content_type="application/json", **_binary())
    assert (answer.status, answer.content_type) == (200, "application/json")
    assert answer.body == torchserve.reply.body
    headers = dict(answer.headers)
    assert headers.pop("ce-id") != ATTRIBUTES["id"]
    assert headers.pop("ce-time") > ATTRIBUTES["time"]
    assert headers == {
        "ce-specversion": "1.0",
        "ce-type": "io.kserve.inference.response",
        "ce-source": "io.kserve.inference.digits",
    }
    assert torchserve.calls[0][1] == V1


@pytest.mark.parametrize("path", [PREDICT, "/v1/models/digits:explain"])
def test_structured_in_is_structured_out(torchserve: AnsweringTorchServe, path: str) -> None:
    big = 2**70
    torchserve.reply = Reply(b'{"predictions": [%d]}' % big)
    answer = answer_to(
        torchserve, path, _structured({"instances": [big]}), content_type=f"{EVENT}; charset=utf-8"
    )
    assert (answer.status, answer.content_type, answer.headers) == (200, EVENT, {})
    told = body_of(answer)
    assert told.pop("id") != ATTRIBUTES["id"]
    assert told.pop("time") > ATTRIBUTES["time"]
    assert told == {
        "specversion": "1.0",
        "type": "io.kserve.inference.response",
        "source": "io.kserve.inference.digits",
        "data": {"predictions": [big]},
    }
    assert json.loads(torchserve.calls[0][1]) == {"instances": [big]}


def test_the_environment_says_what_answers_are(tmp_path: Path) -> None:
    told = settings(
        tmp_path,
        more="service_envelope=kserve",
        CE_TYPE="my.type",
        CE_SOURCE="my source",
        CE_MERGE="True",
    )
    torchserve = AnsweringTorchServe(told)
    answer = answer_to(torchserve, PREDICT, V1, content_type="application/json", **_binary())
    headers = dict(answer.headers)
    assert headers["ce-traceparent"] == ATTRIBUTES["traceparent"]
    assert (headers["ce-type"], headers["ce-source"]) == ("my.type", "my%20source")
    body = _structured({"instances": [1]}, datacontenttype="application/json")
    document = body_of(answer_to(torchserve, PREDICT, body, content_type=EVENT))
    assert document["traceparent"] == ATTRIBUTES["traceparent"]
    assert (document["type"], document["source"]) == ("my.type", "my source")
    assert {headers["ce-id"], document["id"]}.isdisjoint({ATTRIBUTES["id"]})
    assert {headers["ce-time"], document["time"]}.isdisjoint({ATTRIBUTES["time"]})
    assert "datacontenttype" not in document


def test_what_resembles_an_event_is_opened_and_answered_plainly(
    torchserve: AnsweringTorchServe,
) -> None:
    body = _structured({"instances": [1]})
    answer = answer_to(torchserve, PREDICT, body, content_type="application/json")
    assert (answer.status, answer.body, answer.headers) == (200, torchserve.reply.body, {})


def test_data_in_base64_is_the_body(torchserve: AnsweringTorchServe) -> None:
    document = {**ATTRIBUTES, "data_base64": base64.b64encode(V1).decode()}
    answer = answer_to(torchserve, PREDICT, json.dumps(document).encode(), content_type=EVENT)
    assert answer.status == 200
    assert torchserve.calls[0][1] == V1


@speaks_v2
def test_v2_takes_events_too(torchserve: AnsweringTorchServe) -> None:
    torchserve.reply = Reply(json.dumps(V2_ANSWER).encode())
    path = "/v2/models/digits/infer"
    answer = answer_to(torchserve, path, V2, content_type="application/json", **_binary())
    assert answer.headers["ce-type"] == "io.kserve.inference.response"
    body = _structured(json.loads(V2))
    answer = answer_to(torchserve, path, body, content_type=EVENT)
    assert body_of(answer)["data"] == V2_ANSWER


@pytest.mark.parametrize(
    ("document", "said"),
    [
        (b"{", "not valid JSON"),
        (b"[]", "Expected a JSON object"),
        (_structured([1]), "Expected a JSON object"),
        (_structured({}), 'Expected "instances"'),
        (_structured({"instances": [1]}, specversion="9"), "specversion"),
        (b'{"instances": [1]}', 'The CloudEvent has no "id"'),
        (json.dumps({**ATTRIBUTES, "data_base64": "?"}).encode(), "no base64"),
        (json.dumps({**ATTRIBUTES, "datacontenttype": 1, "data": {}}).encode(), "no text"),
    ],
)
def test_what_is_no_event_or_holds_no_request_is_400(
    torchserve: AnsweringTorchServe, document: bytes, said: str
) -> None:
    answer = answer_to(torchserve, PREDICT, document, content_type=EVENT)
    assert (answer.status, answer.headers) == (400, {})
    assert said in error_of(answer)


@pytest.mark.integration
@pytest.mark.parametrize("release", RELEASES)
def test_answers_are_those_of_the_sdk(release: str, tmp_path: Path) -> None:
    instance = lending.instance("kserve", "contract")
    more = {"CE_MERGE": "true"}
    if release == "0.9.0":
        # Of itself it says io.kserve.kfserver.MODEL, and the later ones what all say here.
        more["CE_SOURCE"] = "io.kserve.inference.contract"
    answers = []
    for number, flags in enumerate(("", "--bare-sdk")):
        folder = tmp_path / str(number)
        folder.mkdir()
        with wrapper(release, instance, folder, flags=flags, more=more) as subject:
            answers.append(list(_answers(f"{subject.url}/v1/models/contract:predict")))
    assert answers[0] == answers[1]
    assert len(answers[0]) == 2


def _answers(url: str) -> Iterator[tuple[int, str, dict[str, Any], Any]]:
    """Send an event in each mode; give the status, the type, the attributes and the data."""
    plain = json.dumps({"instances": [{"a": 1}]}).encode()
    binary = {name.replace("_", "-"): value for name, value in _binary().items()}
    for body, headers in (
        (plain, {**binary, "content-type": "application/json"}),
        (_structured(json.loads(plain)), {"content-type": EVENT}),
    ):
        answer = requests.post(url, data=body, headers=headers, timeout=60)
        document = answer.json()
        attributes: dict[str, Any] = {
            name.lower()[3:]: value
            for name, value in answer.headers.items()
            if name.lower().startswith("ce-")
        } or {name: value for name, value in document.items() if name != "data"}
        for each in ("id", "time"):
            assert attributes.pop(each) != ATTRIBUTES[each]
        predictions = document.get("data", document)["predictions"]
        received = [each["received"] for each in predictions]
        yield answer.status_code, answer.headers["content-type"], attributes, received
