"""V1 bodies: what is refused, what is passed on, what is rewritten."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.wrapper.front.asking import V1, answer_to, error_of, without_envelope
from tests.wrapper.surroundings import AnsweringTorchServe, settings
from wrapper.errors import ServingError
from wrapper.front import Answer
from wrapper.torchserve.exchange import Reply, Verb
from wrapper.torchserve.service import TorchServe


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"{", "not valid JSON"),
        (b" ", "not valid JSON"),
        (b'{"instances": [NaN]}', "no NaN"),
        (b'{"instances": [1e400]}', "not valid JSON"),
        (b'{"instances": [1]}x', "not valid JSON"),
        (b"\xff\xfe", "no UTF-8 from byte 0"),
        (b'{"instances": ' + b"[" * 3000 + b"]" * 3000 + b"}", "nested more than"),
        (b"[1]", "Expected a JSON object as the request body, got a list"),
        (b"null", "got null"),
        (b"{}", 'Expected "instances" or "inputs"'),
        (b'{"instances": 1}', 'Expected "instances" to be a list, got a number'),
        (b'{"inputs": {}}', 'Expected "inputs" to be a list, got an object'),
        (b'{"instances": null}', 'Expected "instances" or "inputs"'),
        (b'{"instances": null, "inputs": 1}', 'Expected "inputs" to be a list, got a number'),
    ],
)
def test_what_is_no_v1_request_is_400(torchserve: TorchServe, body: bytes, said: str) -> None:
    answer = answer_to(torchserve, "/v1/models/digits:predict", body)
    assert answer.status == 400
    assert said in error_of(answer)


def test_inputs_are_instances_with_their_numbers_exact(torchserve: AnsweringTorchServe) -> None:
    body = b'{"inputs": [123456789012345678901234567890, 0.1], "more": 1}'
    assert answer_to(torchserve, "/v1/models/digits:predict", body).status == 200
    sent = json.loads(torchserve.calls[0][1])
    assert sent == {"instances": [123456789012345678901234567890, 0.1], "more": 1}


def test_instances_that_are_null_are_absent(torchserve: AnsweringTorchServe) -> None:
    path = "/v1/models/digits:predict"
    assert answer_to(torchserve, path, b'{"instances": null, "inputs": [1]}').status == 200
    assert json.loads(torchserve.calls[0][1]) == {"instances": [1]}
    assert answer_to(torchserve, path, b'{"instances": [1], "inputs": null}').status == 200


# Without an envelope, and with one that isn't known here.
@pytest.mark.parametrize("torchserve", ["", "body"], indirect=True)
@pytest.mark.parametrize(
    "body",
    [b'{"inputs": [1],  "more": 1}', b'{"text": "x"}', b"{}", b'{"instances": 1}', b"[1]", b'"x"'],
)
def test_without_an_envelope_of_v1_any_json_goes_as_it_came(
    torchserve: AnsweringTorchServe, body: bytes
) -> None:
    assert answer_to(torchserve, "/v1/models/digits:predict", body).status == 200
    assert torchserve.calls[0][1] == body


@without_envelope
@pytest.mark.parametrize(
    "body", [b"{", b"", b'{"a": NaN}', b"\xff", b"[" * 600 + b"]" * 600], ids=repr
)
def test_without_an_envelope_json_is_json_all_the_same(
    torchserve: AnsweringTorchServe, body: bytes
) -> None:
    answer = answer_to(torchserve, "/v1/models/digits:predict", body, "POST")
    assert answer.status == 400
    assert not torchserve.calls


@pytest.mark.parametrize("torchserve", ["json"], indirect=True)
def test_tensorflow_servings_envelope_reads_v1(torchserve: AnsweringTorchServe) -> None:
    path = "/v1/models/digits:predict"
    assert answer_to(torchserve, path, b'{"inputs": [1]}').status == 200
    assert json.loads(torchserve.calls[0][1]) == {"instances": [1]}
    assert answer_to(torchserve, path, b'{"instances": []}').status == 400
    assert answer_to(torchserve, path, b"\xff", content_type="image/jpeg").status == 415


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json; charset=utf-8",
        "Application/JSON",
        "application/vnd.acme+json",
        "application/x-www-form-urlencoded",
        "application/octet-stream",
    ],
)
def test_what_may_be_json_is_read_as_json(
    torchserve: AnsweringTorchServe, content_type: str
) -> None:
    path = "/v1/models/digits:predict"
    assert answer_to(torchserve, path, V1, content_type=content_type).status == 200
    assert torchserve.calls[0][1] == V1


def test_bytes_are_passed_on_where_the_envelope_reads_them(tmp_path: Path) -> None:
    torchserve = AnsweringTorchServe(settings(tmp_path))
    torchserve.reply = Reply(b"\x89PNG", "image/png")
    answer = answer_to(
        torchserve, "/v1/models/digits:predict", b"\xff\xd8", content_type="image/jpeg"
    )
    assert answer == Answer(200, b"\x89PNG", "image/png")
    assert torchserve.calls[0] == (Verb.PREDICT, b"\xff\xd8", {"content-type": "image/jpeg"})


def test_bytes_are_415_where_the_envelope_reads_json_only(torchserve: TorchServe) -> None:
    answer = answer_to(torchserve, "/v1/models/digits:predict", b"\xff", content_type="image/jpeg")
    assert answer.status == 415
    assert "kserve reads JSON only" in error_of(answer)


@pytest.mark.parametrize("number", [b"NaN", b"-Infinity"])
def test_an_answer_never_holds_nan(torchserve: AnsweringTorchServe, number: bytes) -> None:
    torchserve.reply = Reply(b'{"predictions": [' + number + b"]}")
    answer = answer_to(torchserve, "/v1/models/digits:predict", V1)
    assert answer.status == 500
    assert "NaN" in error_of(answer)
    torchserve.reply = Reply(b'{"predictions": ["' + number + b'"]}')
    assert answer_to(torchserve, "/v1/models/digits:predict", V1).status == 200


def test_only_listed_headers_reach_torchserve(tmp_path: Path) -> None:
    sent = {"x_request_id": "1", "traceparent": "00-a-b-01", "authorization": "Bearer secret"}
    torchserve = AnsweringTorchServe(settings(tmp_path))
    answer_to(torchserve, "/v1/models/digits:predict", V1, **sent)
    assert torchserve.calls[0][2] == {"x-request-id": "1", "traceparent": "00-a-b-01"}
    torchserve = AnsweringTorchServe(settings(tmp_path, FORWARDED_HEADERS="x-own, TraceParent"))
    answer_to(torchserve, "/v1/models/digits:predict", V1, x_own="2", **sent)
    assert torchserve.calls[0][2] == {"x-own": "2", "traceparent": "00-a-b-01"}


def test_an_error_has_its_status_sentence_and_hint(
    torchserve: TorchServe, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def ask(*_: object) -> Reply:
        raise ServingError(503, "The queue is full", retry_after=1)

    monkeypatch.setattr(torchserve, "ask", ask)
    answer = answer_to(torchserve, "/v1/models/digits:predict", V1)
    assert (answer.status, error_of(answer)) == (503, "The queue is full")
    assert answer.headers == {"retry-after": "1"}
