"""KServe's flags, and the wrapper's own, on an SDK of each generation, before real TorchServe."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psutil
import pytest
import requests

from fixtures import payloads
from fixtures.torchserve import Instance
from matrix.running.launch import RunningWrapper
from matrix.running.timing import seconds_until
from tests import lending
from tests.wrapper.running import wrapper

GENERATIONS = ["0.9.0", "0.10.0", "0.10.1", "0.13.1", "0.14.1", "0.21.0"]

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def torchserve() -> Instance:
    """A TorchServe whose envelope reads V1."""
    return lending.instance("kserve", "contract")


@pytest.fixture(params=GENERATIONS)
def release(request: pytest.FixtureRequest) -> str:
    """One release of each generation of the SDK, and those of the second that listen first."""
    return str(request.param)


def _predict(subject: RunningWrapper) -> list[Any]:
    return [each["received"] for each in _post(subject, "predict")["predictions"]]


def _post(subject: RunningWrapper, verb: str) -> dict[str, Any]:
    url = f"{subject.url}/v1/models/contract:{verb}"
    answer = requests.post(url, json=payloads.load("contract-v1"), timeout=30)
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


def test_the_bare_sdk_predicts_by_the_model_class(
    release: str, torchserve: Instance, tmp_path: Path
) -> None:
    instances = payloads.load("contract-v1")["instances"]
    with wrapper(release, torchserve, tmp_path, flags="--bare-sdk") as subject:
        assert _predict(subject) == instances
        refused = requests.post(f"{subject.url}/v2/models/contract/infer", data="{}", timeout=30)
        assert "Post to /v1/models" not in refused.text, "these words are the front's"
        explained = _post(subject, "explain")["explanations"]
        assert [each["explained"] for each in explained] == instances
        # Long before its grace period, of 30 s, is over.
        subject.terminate()
        assert subject._process.wait(timeout=20) == 0


def test_workers_are_processes_that_all_have_the_front(
    release: str, torchserve: Instance, tmp_path: Path
) -> None:
    with wrapper(release, torchserve, tmp_path, flags="--workers 2") as subject:
        assert _predict(subject) == payloads.load("contract-v1")["instances"]
        refused = [
            requests.post(f"{subject.url}/v2/models/contract/infer", data="{}", timeout=30)
            for _ in range(16)
        ]
        # Only the front says where to post instead.
        assert {answer.status_code for answer in refused} == {400}
        assert all("Post to /v1/models" in answer.json()["error"] for answer in refused)
        # One of them answers while others may still be starting.
        seconds_until(lambda: len(_serving_children(subject)) == 2, 30, "both")


def _serving_children(subject: RunningWrapper) -> list[int]:
    """Give the child processes that hold the wrapper's HTTP port, by inheritance or their own."""
    return [
        child.pid
        for child in psutil.Process(subject._process.pid).children(recursive=True)
        if any(_port(each) == subject.http_port for each in child.net_connections("tcp"))
    ]


def _port(connection: object) -> object:
    return getattr(getattr(connection, "laddr", None), "port", None)
