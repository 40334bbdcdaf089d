"""KServe's flags, and the wrapper's own, on an SDK of each generation, before real TorchServe."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests

from fixtures import models, payloads
from fixtures import torchserve as torchserves
from fixtures.leftovers import Record
from fixtures.torchserve import Instance
from matrix import launch, provision
from matrix.launch import RunningWrapper, Situation
from matrix.subject import Subject

GENERATIONS = ["0.9.0", "0.10.0", "0.13.1", "0.14.1", "0.21.0"]

# 0.14 takes --workers and serves in one process all the same.
WORKER_PROCESSES = {"0.14.1": 0}

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def torchserve() -> Iterator[Instance]:
    """A TorchServe whose envelope reads V1."""
    archives = [models.archive("contract")]
    with torchserves.start(
        "process", release="0.12.0", envelope="kserve", models=archives
    ) as running:
        yield running.instance


@pytest.fixture(params=GENERATIONS)
def release(request: pytest.FixtureRequest) -> str:
    """One KServe release of each generation of the SDK, and the oldest of the second."""
    return str(request.param)


@pytest.fixture
def record(tmp_path: Path) -> Iterator[Record]:
    """What a sweep finds the wrapper by, if this process is killed."""
    with contextlib.closing(Record(tmp_path)) as kept:
        yield kept


def _start(
    release: str, flags: str, torchserve: Instance, folder: Path, record: Record
) -> RunningWrapper:
    environment = provision.provision(release)
    situation = Situation(
        protocol_version=None,
        envelope=torchserve.envelope,
        torchserve=torchserve.endpoints,
        models=["contract"],
        folder=folder,
        marks=record.environment,
    )
    subject = Subject(command=f"{{python}} -m wrapper {flags}")
    return launch.start(subject, environment.python, situation, ["contract"])


def _predict(wrapper: RunningWrapper) -> list[Any]:
    return [each["received"] for each in _post(wrapper, "predict")["predictions"]]


def _post(wrapper: RunningWrapper, verb: str) -> dict[str, Any]:
    url = f"{wrapper.url}/v1/models/contract:{verb}"
    answer = requests.post(url, json=payloads.load("contract-v1"), timeout=30)
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


def test_the_bare_sdk_predicts_by_the_model_class(
    release: str, torchserve: Instance, tmp_path: Path, record: Record
) -> None:
    wrapper = _start(release, "--bare-sdk", torchserve, tmp_path, record)
    try:
        assert _predict(wrapper) == payloads.load("contract-v1")["instances"]
        refused = requests.post(f"{wrapper.url}/v2/models/contract/infer", data="{}", timeout=30)
        assert "Post to /v1/models" not in refused.text, "these words are the front's"
        explained = _post(wrapper, "explain")["explanations"]
        assert [each["explained"] for each in explained] == payloads.load("contract-v1")[
            "instances"
        ]
    finally:
        wrapper.stop()


def test_workers_are_processes_that_all_have_the_front(
    release: str, torchserve: Instance, tmp_path: Path, record: Record
) -> None:
    wrapper = _start(release, "--workers 2", torchserve, tmp_path, record)
    try:
        assert _predict(wrapper) == payloads.load("contract-v1")["instances"]
        refused = [
            requests.post(f"{wrapper.url}/v2/models/contract/infer", data="{}", timeout=30)
            for _ in range(16)
        ]
        # Only the front says where to post instead.
        assert {answer.status_code for answer in refused} == {400}
        assert all("Post to /v1/models" in answer.json()["error"] for answer in refused)
        assert len(_serving_children(wrapper)) == WORKER_PROCESSES.get(release, 2)
    finally:
        wrapper.stop()


def _serving_children(wrapper: RunningWrapper) -> list[int]:
    """Give the child processes that hold the wrapper's HTTP port, by inheritance or their own."""
    return [
        child.pid
        for child in psutil.Process(wrapper._process.pid).children(recursive=True)
        if any(_port(each) == wrapper.http_port for each in child.net_connections("tcp"))
    ]


def _port(connection: object) -> object:
    return getattr(getattr(connection, "laddr", None), "port", None)
