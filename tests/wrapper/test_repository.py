"""Load and unload do what they say, or say why TorchServe refuses (P31); on three SDKs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import requests

from fixtures.torchserve import TorchServe
from matrix.launch import RunningWrapper
from matrix.patience import seconds_until
from tests.wrapper.running import RELEASES, start_torchserve, wrapper

pytestmark = pytest.mark.integration


def _start(**config: str) -> TorchServe:
    return start_torchserve("kserve", "contract", "misbehaving", **config)


def _post(subject: RunningWrapper, path: str) -> tuple[int, Any]:
    answer = requests.post(f"{subject.url}/v2/repository/{path}", json={}, timeout=30)
    return answer.status_code, answer.json()


def _predict(subject: RunningWrapper) -> int:
    url = f"{subject.url}/v1/models/contract:predict"
    return requests.post(url, json={"instances": [1]}, timeout=30).status_code


def test_without_model_control_it_says_how_to_switch_it_on(tmp_path: Path) -> None:
    with _start() as torchserve:
        for release in RELEASES:
            folder = tmp_path / release
            folder.mkdir()
            with wrapper(release, torchserve.instance, folder) as subject:
                status, told = _post(subject, "models/contract/unload")
                assert (status, "enable_model_api=true" in told["error"]) == (405, True), told
                assert _post(subject, "models/contract/load") == (
                    200,
                    {"name": "contract", "load": True},
                )
                assert _post(subject, "models/unknown/load")[0] == 404
                assert _predict(subject) == 200


def test_with_model_control_models_come_and_go(tmp_path: Path) -> None:
    with _start(enable_model_api="true") as torchserve:
        for release in RELEASES:
            folder = tmp_path / release
            folder.mkdir()
            with wrapper(release, torchserve.instance, folder) as subject:
                assert _states(subject) == {"contract": "READY", "misbehaving": "READY"}
                status, told = _post(subject, "models/contract/unload")
                assert (status, told) == (200, {"name": "contract", "unload": True})
                assert _predict(subject) == 404
                assert _states(subject) == {"contract": "UNAVAILABLE", "misbehaving": "READY"}
                # What was unloaded on purpose doesn't take the others out of service.
                health = requests.get(f"{subject.url}/v2/health/ready", timeout=5)
                assert health.status_code == 200, health.text
                assert _post(subject, "models/contract/load")[0] == 200
                seconds_until(lambda subject=subject: _predict(subject) == 200, 10)  # type: ignore[misc]


def _states(subject: RunningWrapper) -> dict[str, str]:
    status, entries = _post(subject, "index")
    assert status == 200
    return {entry["name"]: entry["state"] for entry in entries}
