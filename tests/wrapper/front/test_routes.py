"""The front answers each path as the protocols say, alike for every SDK."""

from __future__ import annotations

import asyncio
import importlib.metadata
import json
import pickle
from pathlib import Path

import pytest

from tests.wrapper.front.asking import V1, answer_to, body_of, error_of
from tests.wrapper.surroundings import AnsweringTorchServe, settings
from wrapper.front import Answer, Front, about
from wrapper.torchserve.exchange import Verb
from wrapper.torchserve.management import Management
from wrapper.torchserve.service import TorchServe


@pytest.mark.parametrize(
    ("path", "verb"),
    [
        ("/v1/models/digits:predict", Verb.PREDICT),
        ("/v1/models/digits:explain", Verb.EXPLAIN),
        ("/v1/models/di%67its:predict", Verb.PREDICT),
        ("/v1/models/digits%3Apredict", Verb.PREDICT),
        ("/v1/models/digits:predict/", Verb.PREDICT),
    ],
)
def test_a_path_finds_its_call_and_the_body_goes_on_untouched(
    torchserve: AnsweringTorchServe, path: str, verb: Verb
) -> None:
    assert answer_to(torchserve, path, V1) == Answer(200, b'{"predictions": [1]}')
    assert [(asked, body) for asked, body, _ in torchserve.calls] == [(verb, V1)]


@pytest.mark.parametrize(
    ("method", "path", "status", "allowed"),
    [
        ("GET", "/v1/models/digits:predict", 405, "POST"),
        ("PUT", "/v1/models/digits:predict", 405, "POST"),
        ("POST", "/v1/models/digits", 405, "GET, HEAD"),
        ("DELETE", "/v2/health/live", 405, "GET, HEAD"),
        ("BREW", "/v2", 405, "GET, HEAD"),
        ("POST", "/v1/models/a/b:predict", 404, None),
        ("POST", "/v2/models/digits/generate", 404, None),
        ("GET", "/v1/unknown", 404, None),
        ("GET", "/v2/unknown", 404, None),
        ("GET", "/v2/models/digits/versions", 404, None),
        ("GET", "/v2/models/digits/versions//ready", 404, None),
        ("GET", "/v2/models/digits/versions/1/load", 404, None),
        ("GET", "/v2/models/digits/versions/1/infer", 405, "POST"),
        ("POST", "/v2/models/digits/versions/1", 405, "GET, HEAD"),
        ("POST", "/v2/models/digits/versions/1/explain", 501, None),
        ("POST", "/v2/models/digits/explain", 501, None),
        ("POST", "/v2/models/unknown/versions/1/infer", 404, None),
    ],
)
def test_what_is_not_served_has_an_error_in_its_body(
    torchserve: TorchServe, method: str, path: str, status: int, allowed: str | None
) -> None:
    answer = answer_to(torchserve, path, b"{}", method)
    assert (answer.status, answer.headers.get("allow")) == (status, allowed)
    assert error_of(answer)


@pytest.mark.parametrize("path", ["/metrics/more", "/docs", "/openai/v1/models", "/v3"])
def test_the_sdk_keeps_its_other_routes(torchserve: TorchServe, path: str) -> None:
    assert Front(torchserve).route("GET", path) is None


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("/", {"status": "alive"}),
        ("/v1/models", {"models": ["digits"]}),
        ("/v2/models", {"models": ["digits"]}),
        ("/v1/models/digits", {"name": "digits", "ready": True}),
        ("/v2/models/digits/ready", {"name": "digits", "ready": True}),
        ("/v2/health/live", {"live": True}),
        ("/v2/health/ready", {"live": True, "ready": True}),
        (
            "/v2/models/digits",
            {"name": "digits", "platform": "torchserve", "inputs": [], "outputs": []},
        ),
    ],
)
def test_questions_are_answered(torchserve: TorchServe, path: str, told: object) -> None:
    for method in ("GET", "HEAD"):
        answer = answer_to(torchserve, path, method=method)
        assert (answer.status, body_of(answer)) == (200, told)
    assert answer_to(torchserve, path + "/").status == 200


def test_what_is_declared_of_a_model_is_told_by_its_metadata(tmp_path: Path) -> None:
    told = {
        each: [{"name": each, "datatype": "FP32", "shape": [-1, 8]}]
        for each in ("inputs", "outputs")
    }
    own = {"inputs": [{"name": "own", "datatype": "BYTES", "shape": []}], "outputs": []}
    document = {"digits": {**told, "versions": {"2.0": own}}}
    (tmp_path / "signatures.json").write_text(json.dumps(document))
    torchserve = AnsweringTorchServe(settings(tmp_path))
    path = "/v2/models/digits"
    body: dict[str, object] = {"name": "digits", "platform": "torchserve"}
    assert body_of(answer_to(torchserve, path)) == {**body, **told}
    torchserve.workers.versions["digits"] = {"1.0": None, "2.0": None}
    body["versions"] = ["1.0", "2.0"]
    for version, declared in (("", told), ("/versions/1.0", told), ("/versions/2.0", own)):
        assert body_of(answer_to(torchserve, path + version)) == {**body, **declared}


def test_the_server_says_what_it_is(torchserve: TorchServe) -> None:
    told = body_of(answer_to(torchserve, "/v2"))
    assert set(told) == {"name", "version", "extensions"}
    assert told["extensions"] == ["binary_tensor_data", "model_repository"]


def test_a_wrapper_whose_files_were_copied_says_what_it_is_all_the_same(
    torchserve: TorchServe, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(name: str) -> str:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", missing)
    about.version.cache_clear()
    answer = answer_to(torchserve, "/v2", b"", "GET")
    about.version.cache_clear()
    assert (answer.status, body_of(answer)["version"]) == (200, "unknown")


def test_the_server_is_ready_only_when_every_model_is(tmp_path: Path) -> None:
    torchserve = AnsweringTorchServe(settings(tmp_path), digits=None, late="it has no worker")
    answer = answer_to(torchserve, "/v2/health/ready")
    told = body_of(answer)
    assert (answer.status, told["live"], told["ready"]) == (503, False, False)
    assert "late" in error_of(answer)
    assert answer_to(torchserve, "/v2/health/live").status == 200
    assert answer_to(torchserve, "/v2/models/late/ready").status == 503
    assert answer_to(torchserve, "/v1/models/late:predict", V1).status == 503
    assert answer_to(torchserve, "/v1/models/digits:predict", V1).status == 200


def test_an_unknown_model_is_404_whatever_the_body_and_names_those_there_are(
    torchserve: TorchServe,
) -> None:
    answer = answer_to(torchserve, "/v1/models/unknown:predict", b"{")
    assert answer.status == 404
    assert error_of(answer) == "Model with name unknown does not exist. It serves digits."


@pytest.mark.parametrize(
    "name",
    [
        "https%3A%2F%2Fexample.org%2Fevil.mar",
        "..%2F..%2Ftmp%2Fevil",
        "evil.mar",
        "digits.mar",
        "digits%3Furl=https%3A%2F%2Fexample.org%2Fevil.mar",
    ],
)
def test_nothing_is_loaded_but_what_was_served(
    torchserve: TorchServe, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    asked: list[str | int] = []
    monkeypatch.setattr(Management, "register", lambda _self, *named: asked.extend(named))
    monkeypatch.setattr(Management, "describe", lambda *_: [])
    path = "/v2/repository/models/{}/load"
    assert answer_to(torchserve, path.format(name), method="POST").status == 404
    assert asked == []
    assert answer_to(torchserve, path.format("digits"), method="POST").status == 200
    assert asked == ["digits", "digits.mar", 1]


def test_a_bug_is_500_with_a_sentence_and_without_its_text(
    torchserve: TorchServe, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("secret")

    monkeypatch.setattr(torchserve, "check_protocol", broken)
    answer = answer_to(torchserve, "/v1/models/digits:predict", V1)
    assert answer.status == 500
    assert "secret" not in error_of(answer)


def test_it_goes_into_processes_that_are_spawned(torchserve: AnsweringTorchServe) -> None:
    front = pickle.loads(pickle.dumps(Front(torchserve)))
    route = front.route("POST", "/v1/models/digits:predict")
    assert asyncio.run(route(V1, {})).status == 200
