"""No envelope, and grpc-v2 before the envelope of V1, as some control planes have it: for real."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import requests
from kserve_conformance import tensors
from kserve_conformance.asking.grpc_client import CallFailed, GrpcClient

from fixtures import payloads
from matrix.running.launch import RunningWrapper
from tests import lending
from tests.wrapper.running import wrapper

# The oldest SDK that is different, and the newest; the oldest has no gRPC server.
RELEASES = ("0.9.0", "0.21.0")
WITHOUT_GRPC = ("0.9.0",)
V1, V2 = payloads.load("contract-v1"), payloads.load("contract-v2")

pytestmark = [pytest.mark.integration, pytest.mark.parametrize("release", RELEASES)]


def _ask(subject: RunningWrapper, path: str, body: Any) -> tuple[int, Any]:
    answer = requests.post(subject.url + path, json=body, timeout=60)
    return answer.status_code, answer.json()


def _infer(subject: RunningWrapper, model: str) -> Any:
    with closing(GrpcClient(f"127.0.0.1:{subject.grpc_port}", "test", 60)) as client:
        return client.call("ModelInfer", tensors.request(model, V2), {})


def test_without_an_envelope_both_protocols_are_answered_or_told_the_way_out(
    release: str, tmp_path: Path
) -> None:
    instance = lending.instance("none", "contract", "digits", "echo")
    with wrapper(release, instance, tmp_path) as subject:
        assert "no envelope; V1 and V2 requests are passed on as they are" in subject.log()
        status, answer = _ask(subject, "/v1/models/contract:predict", V1)
        assert status == 200
        assert [each["received"] for each in answer["predictions"]] == V1["instances"]
        status, answer = _ask(subject, "/v2/models/contract/infer", {"id": "17", **V2})
        assert (status, answer["id"]) == (200, "17")
        assert [each["name"] for each in answer["outputs"]] == [
            each["name"] for each in V2["inputs"]
        ]
        # The handler decides what it reads.
        for body in ({"text": "x"}, {"inputs": [1], "k": 5}, [1]):
            assert _ask(subject, "/v1/models/echo:predict", body) == (200, {"body": body})
        # A model that was written for an envelope.
        for path, body in (("/v1/models/digits:predict", V1), ("/v2/models/digits/infer", V2)):
            status, answer = _ask(subject, path, body)
            assert status == 500
            assert "set service_envelope (TS_SERVICE_ENVELOPE) to kserve for V1" in answer["error"]
        if release not in WITHOUT_GRPC:
            assert len(_infer(subject, "contract").outputs) == len(V2["inputs"])
            with pytest.raises(CallFailed) as failed:
                _infer(subject, "digits")
            assert failed.value.code == "INTERNAL"
            assert "service_envelope" in failed.value.details


def test_grpc_v2_before_the_envelope_of_v1_answers_v1_by_rest(release: str, tmp_path: Path) -> None:
    instance = lending.instance("kserve", "contract")
    with wrapper(release, instance, tmp_path, protocol="grpc-v2") as subject:
        assert "V1 requests are answered" in subject.log()
        status, answer = _ask(subject, "/v1/models/contract:predict", V1)
        assert status == 200
        assert {each["transport"] for each in answer["predictions"]} == {"rest"}
        status, answer = _ask(subject, "/v2/models/contract/infer", V2)
        assert status == 400
        assert answer["error"] == (
            "This service speaks V1, not V2: its TorchServe has the envelope kserve. Post to "
            "/v1/models/contract:predict, or have service_envelope=kservev2 set"
        )
        if release not in WITHOUT_GRPC:
            with pytest.raises(CallFailed) as failed:
                _infer(subject, "contract")
            assert (failed.value.code, failed.value.details) == (
                "INVALID_ARGUMENT",
                answer["error"],
            )
