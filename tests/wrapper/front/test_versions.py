"""The versions of a model are served by their names, each as ready as it is."""

from __future__ import annotations

import pytest

from tests.wrapper.front.asking import V2, V2_ANSWER, answer_to, body_of, error_of, speaks_v2
from tests.wrapper.surroundings import AnsweringTorchServe
from wrapper import json_body
from wrapper.names import Target
from wrapper.torchserve.exchange import Reply, Verb

OF_VERSION = "/v2/models/digits/versions/{}"


@pytest.fixture(autouse=True)
def versions(torchserve: AnsweringTorchServe) -> None:
    """Two of them, of which the default one is ready."""
    torchserve.workers.versions["digits"] = {"2.0": None, "1/0": "it has no worker"}
    torchserve.reply = Reply(json_body.write(V2_ANSWER))


@speaks_v2
@pytest.mark.parametrize(
    ("path", "version"),
    [
        ("/v2/models/digits/infer", ""),
        (OF_VERSION.format("2.0") + "/infer", "2.0"),
        (OF_VERSION.format("2%2E0") + "/infer/", "2.0"),
    ],
)
def test_a_version_is_asked_by_its_name(
    torchserve: AnsweringTorchServe, path: str, version: str
) -> None:
    assert answer_to(torchserve, path, V2).status == 200
    assert torchserve.targets == [Target("digits", version)]


@speaks_v2
def test_a_version_without_a_worker_is_not_ready_and_the_others_are(
    torchserve: AnsweringTorchServe,
) -> None:
    lost = OF_VERSION.format("1%2F0")
    for path, body in ((f"{lost}/ready", b""), (f"{lost}/infer", V2)):
        refused = answer_to(torchserve, path, body)
        assert refused.status == 503
        assert error_of(refused) == "Version 1/0 of the model with name digits is not ready."
    ready = answer_to(torchserve, OF_VERSION.format("2.0") + "/ready")
    assert body_of(ready) == {"name": "digits", "ready": True}
    for path in ("/v2/models/digits/ready", "/v2/health/ready"):
        assert answer_to(torchserve, path).status == 200


def test_metadata_and_the_index_list_them_with_the_default_one_first(
    torchserve: AnsweringTorchServe,
) -> None:
    for path in ("/v2/models/digits", OF_VERSION.format("2.0"), OF_VERSION.format("1%2F0")):
        assert body_of(answer_to(torchserve, path))["versions"] == ["2.0", "1/0"]
    ready = {"name": "digits", "version": "2.0", "state": "READY"}
    lost = {"state": "UNAVAILABLE", "reason": "it has no worker"}
    index = "/v2/repository/index"
    told = body_of(answer_to(torchserve, index, b"{}"))
    assert told == [ready, {"name": "digits", "version": "1/0", **lost}]
    assert body_of(answer_to(torchserve, index, b'{"ready": true}')) == [ready]


def test_a_model_that_was_unloaded_has_none(torchserve: AnsweringTorchServe) -> None:
    torchserve.readiness.set_unloaded("digits", True)
    assert answer_to(torchserve, OF_VERSION.format("2.0") + "/ready").status == 404
    (told,) = body_of(answer_to(torchserve, "/v2/repository/index", b"{}"))
    assert told == {"name": "digits", "state": "UNAVAILABLE", "reason": "it was unloaded"}


@pytest.mark.parametrize(
    ("target", "path"),
    [
        (Target("m"), "/v2/models/m/infer"),
        (Target("m", "1.0"), "/predictions/m/1.0"),
    ],
)
def test_torchserve_serves_a_version_by_a_route_of_its_own(target: Target, path: str) -> None:
    assert Verb.INFER.path(target) == path
