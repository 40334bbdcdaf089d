"""What clients see when a worker or a TorchServe is killed; on three SDKs.

What a model does wrong while it lives is seen in every cell of the matrix (test_late_model.py).
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests

from fixtures.torchserve.process import ProcessTorchServe
from matrix.running.launch import RunningWrapper
from matrix.running.patience import seconds_until
from tests.wrapper.running import RELEASES, start_torchserve, wrapper

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def torchserve() -> Iterator[ProcessTorchServe]:
    """A TorchServe whose envelope reads V1."""
    with start_torchserve("kserve", "misbehaving") as running:
        yield running


@pytest.fixture(scope="module", params=RELEASES)
def subject(
    request: pytest.FixtureRequest,
    torchserve: ProcessTorchServe,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[RunningWrapper]:
    """The wrapper on one SDK."""
    folder = tmp_path_factory.mktemp("wrapper")
    with wrapper(str(request.param), torchserve.instance, folder) as running:
        yield running


def _predict(subject: RunningWrapper, order: dict[str, Any]) -> requests.Response:
    url = f"{subject.url}/v1/models/misbehaving:predict"
    return requests.post(url, json={"instances": [order]}, timeout=30)


def _ready(subject: RunningWrapper, path: str = "/v2/health/ready") -> bool:
    return requests.get(subject.url + path, timeout=5).status_code == 200


def _settled(subject: RunningWrapper) -> None:
    seconds_until(lambda: _ready(subject), 30)


def test_a_dead_worker_is_seen_within_a_second_and_its_successor_too(
    subject: RunningWrapper, torchserve: ProcessTorchServe
) -> None:
    _settled(subject)
    endpoints = torchserve.instance.endpoints
    url = f"http://{endpoints.host}:{endpoints.management}/models/misbehaving"
    described = requests.get(url, timeout=5).json()
    psutil.Process(described[0]["workers"][0]["pid"]).send_signal(signal.SIGKILL)
    assert seconds_until(lambda: not _ready(subject), 5) < 1
    assert requests.get(f"{subject.url}/v2/health/live", timeout=5).status_code == 200
    _settled(subject)


@pytest.mark.parametrize("release", RELEASES)
def test_a_dead_torchserve_is_seen_within_a_second_and_its_return_too(
    release: str, tmp_path: Path
) -> None:
    with (
        start_torchserve("kserve", "misbehaving") as torchserve,
        wrapper(release, torchserve.instance, tmp_path) as subject,
    ):
        torchserve.kill()
        assert seconds_until(lambda: not _ready(subject), 5) < 1
        for path in ("/v1/models/misbehaving", "/v2/models/misbehaving/ready"):
            assert requests.get(subject.url + path, timeout=5).status_code == 503
        assert requests.get(f"{subject.url}/v2/health/live", timeout=5).status_code == 200
        assert requests.get(f"{subject.url}/", timeout=5).status_code == 200
        refused = _predict(subject, {"echo": 1})
        assert (refused.status_code, bool(refused.json()["error"])) == (503, True)
        torchserve.start_again()
        seconds_until(lambda: _ready(subject), 60)
        assert _predict(subject, {"echo": 1}).status_code == 200
