"""Without model control, load and unload say why TorchServe refuses; on three SDKs.

With it, they do what they say in every cell of the matrix (test_late_model.py).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import requests

from matrix.running.launch import RunningWrapper
from tests.wrapper.running import RELEASES, start_torchserve, wrapper

pytestmark = pytest.mark.integration


def _post(subject: RunningWrapper, path: str) -> tuple[int, Any]:
    answer = requests.post(f"{subject.url}/v2/repository/{path}", json={}, timeout=30)
    return answer.status_code, answer.json()


def _predict(subject: RunningWrapper) -> int:
    url = f"{subject.url}/v1/models/contract:predict"
    return requests.post(url, json={"instances": [1]}, timeout=30).status_code


def test_without_model_control_it_says_how_to_switch_it_on(tmp_path: Path) -> None:
    with start_torchserve("kserve", "contract") as torchserve:
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
