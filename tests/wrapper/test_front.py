"""The front finds the call that a path is for, and turns its outcome into an answer."""

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from wrapper.errors import ServingError
from wrapper.front import Answer, Front
from wrapper.protocol import PredictorProtocol
from wrapper.readiness import Readiness
from wrapper.settings import Settings
from wrapper.torchserve.reply import Reply
from wrapper.torchserve.service import TorchServe

V1 = b'{"instances": [1, 2]}'
V2 = b'{"inputs": [{"name": "x", "shape": [1], "datatype": "INT64", "data": [1]}]}'


@pytest.fixture
def torchserve(request: pytest.FixtureRequest, tmp_path: Path) -> TorchServe:
    """A TorchServe that nobody listens for, with the envelope of the test's parameter."""
    config = tmp_path / "config.properties"
    config.write_text(
        "inference_address=http://127.0.0.1:9\nmanagement_address=http://127.0.0.1:9\n"
        f"load_models=digits.mar\nservice_envelope={getattr(request, 'param', 'kserve')}\n"
    )
    environment = {"CONFIG_PATH": str(config)}
    return TorchServe(Settings.from_environment(environment, PredictorProtocol.REST_V1))


@pytest.mark.parametrize(
    ("path", "call", "model"),
    [
        ("/v1/models/digits:predict", "predict", "digits"),
        ("/v1/models/digits:explain", "explain", "digits"),
        ("/v2/models/digits/infer", "infer", "digits"),
        ("/v1/models/di%67its:predict", "predict", "digits"),
        ("/v1/models/my.model-1_b:predict", "predict", "my.model-1_b"),
    ],
)
def test_a_path_finds_its_call(
    torchserve: TorchServe, monkeypatch: pytest.MonkeyPatch, path: str, call: str, model: str
) -> None:
    async def answered(model: str, body: bytes, headers: Mapping[str, str]) -> Reply:
        return Reply(f"{model} {body.decode()}".encode())

    monkeypatch.setattr(torchserve, call, answered)
    assert _answer(torchserve, path, b"!") == Answer(200, f"{model} !".encode())


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/models"),
        ("PUT", "/v1/models/digits:predict"),
        ("POST", "/v1/models/digits"),
        ("POST", "/v1/models/digits:generate"),
        ("POST", "/v1/models/a/b:predict"),
        ("POST", "/v1/models/:predict"),
        ("POST", "/v2/models/digits/versions/1/infer"),
        ("GET", "/v2/models/digits"),
        ("GET", "/v2/health/live"),
        ("POST", "/v2/repository/models/digits/load"),
    ],
)
def test_the_sdk_keeps_its_other_routes(torchserve: TorchServe, method: str, path: str) -> None:
    assert Front(torchserve).route(method, path) is None


def _answer(torchserve: TorchServe, path: str, body: bytes = b"", **headers: str) -> Answer:
    route = Front(torchserve).route("POST" if body else "GET", path)
    assert route is not None

    async def answer() -> Answer:
        return await route(body, headers)

    return asyncio.run(answer())


class _Describer:
    """Says of every model what it is told."""

    def __init__(self, reason: str | None) -> None:
        self.reason = reason

    def why_not_ready(self, model: str) -> str | None:
        return self.reason


@pytest.mark.parametrize("path", ["/v1/models/digits", "/v2/models/digits/ready"])
def test_readiness_is_a_boolean_or_a_refusal(torchserve: TorchServe, path: str) -> None:
    torchserve.readiness = Readiness(["digits"], _Describer(None), 300)
    torchserve.readiness.wait_for_first_answer(1)
    answer = _answer(torchserve, path)
    assert (answer.status, json.loads(answer.body)) == (200, {"name": "digits", "ready": True})
    torchserve.readiness = Readiness(["digits"], _Describer("no worker"), 300)
    assert _answer(torchserve, path).status == 503
    assert _answer(torchserve, path.replace("digits", "unknown")).status == 404


def _error(answer: Answer) -> str:
    error = json.loads(answer.body)["error"]
    assert isinstance(error, str)
    return error


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"{", "Unrecognized request format"),
        (b" ", "Unrecognized request format"),
        (b'{"instances": [NaN]}', "Unrecognized request format"),
        (b"\xff\xfe", "Unrecognized request format"),
        (b'{"instances": ' + b"[" * 3000 + b"]" * 3000 + b"}", "Unrecognized request format"),
        (b"[1]", "to be a JSON object"),
        (b"{}", 'Expected "instances" or "inputs"'),
        (b'{"instances": 1}', 'Expected "instances" to be a list'),
        (b'{"inputs": {}}', 'Expected "inputs" to be a list'),
    ],
)
def test_what_is_no_v1_request_is_400(torchserve: TorchServe, body: bytes, said: str) -> None:
    answer = _answer(torchserve, "/v1/models/digits:predict", body)
    assert answer.status == 400
    assert said in _error(answer)


@pytest.mark.parametrize("torchserve", ["kservev2"], indirect=True)
@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"{", "Unrecognized request format"),
        (b"{}", 'Expected "inputs" to be a list'),
        (b'{"inputs": [1]}', "Expected inputs[0] to be an object"),
        (b'{"inputs": [{"name": "x"}]}', 'Expected "shape" in inputs[0]'),
    ],
)
def test_what_is_no_v2_request_is_400(torchserve: TorchServe, body: bytes, said: str) -> None:
    answer = _answer(torchserve, "/v2/models/digits/infer", body)
    assert answer.status == 400
    assert said in _error(answer)


@pytest.mark.parametrize(
    ("torchserve", "path", "body", "advice"),
    [
        ("kserve", "/v2/models/digits/infer", V2, "Post to /v1/models/digits:predict"),
        ("kservev2", "/v1/models/digits:predict", V1, "Post to /v2/models/digits/infer"),
    ],
    indirect=["torchserve"],
)
def test_the_other_protocol_is_400_and_says_where_to_post(
    torchserve: TorchServe, path: str, body: bytes, advice: str
) -> None:
    answer = _answer(torchserve, path, body)
    assert answer.status == 400
    assert advice in _error(answer)


def test_an_unknown_model_is_404_whatever_the_body(torchserve: TorchServe) -> None:
    answer = _answer(torchserve, "/v1/models/unknown:predict", b"{")
    assert (answer.status, _error(answer)) == (404, "Model with name unknown does not exist.")


def test_a_model_that_is_not_ready_is_503(torchserve: TorchServe) -> None:
    answer = _answer(torchserve, "/v1/models/digits:predict", V1)
    assert (answer.status, _error(answer)) == (503, "Model with name digits is not ready.")


def test_only_headers_that_join_logs_reach_torchserve(
    torchserve: TorchServe, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: dict[str, str] = {}

    async def predict(model: str, body: bytes, headers: Mapping[str, str]) -> Reply:
        seen.update(headers)
        return Reply(b"{}")

    monkeypatch.setattr(torchserve, "predict", predict)
    sent = {"x-request-id": "1", "traceparent": "00-a-b-01", "authorization": "Bearer secret"}
    assert _answer(torchserve, "/v1/models/digits:predict", V1, **sent) == Answer(200, b"{}")
    assert seen == {"x-request-id": "1", "traceparent": "00-a-b-01"}


def test_a_serving_error_becomes_its_status_and_sentence(
    torchserve: TorchServe, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def predict(model: str, body: bytes, headers: Mapping[str, str]) -> Reply:
        raise ServingError(504, "TorchServe didn't answer in time")

    monkeypatch.setattr(torchserve, "predict", predict)
    answer = _answer(torchserve, "/v1/models/digits:predict", V1)
    assert (answer.status, _error(answer)) == (504, "TorchServe didn't answer in time")
