"""Models that only TorchServe can tell are found by asking it; port clashes stop the start."""

from __future__ import annotations

from pathlib import Path

import pytest
import requests

from fixtures import models
from fixtures import torchserve as torchserves
from matrix import launch, provision
from matrix.launch import Situation
from matrix.patience import seconds_until
from matrix.subject import Subject
from tests.wrapper.running import RELEASES, wrapper

pytestmark = pytest.mark.integration


def test_models_that_nobody_configured_are_found(tmp_path: Path) -> None:
    archives = [models.archive("contract"), models.archive("echo")]
    with torchserves.start(
        "process", release="0.12.0", envelope="kserve", models=archives
    ) as torchserve:
        endpoints = torchserve.instance.endpoints
        config = tmp_path / "names-no-model.properties"
        config.write_text(
            f"inference_address=http://127.0.0.1:{endpoints.inference}\n"
            f"management_address=http://127.0.0.1:{endpoints.management}\n"
            f"grpc_inference_port={endpoints.grpc_inference}\n"
            f"grpc_management_port={endpoints.grpc_management}\n"
            "service_envelope=kserve\n"
        )
        none = {"CONFIG_PATH": str(config)}
        for release in RELEASES:
            folder = tmp_path / release
            folder.mkdir()
            with wrapper(release, torchserve.instance, folder, more=none) as subject:
                url = subject.url
                seconds_until(
                    lambda url=url: requests.get(f"{url}/v2/health/ready", timeout=5).ok,  # type: ignore[misc]
                    5,
                )
                told = requests.get(f"{url}/v1/models", timeout=5).json()
                assert "models those that TorchServe has" in subject.log()
                assert told == {"models": ["contract", "echo"]}
                body = {"instances": [1]}
                path = f"{url}/v1/models/echo:predict"
                assert requests.post(path, json=body, timeout=5).json() == {"predictions": [1]}


@pytest.mark.parametrize("release", RELEASES)
def test_a_port_that_torchserve_has_stops_the_start(release: str, tmp_path: Path) -> None:
    with torchserves.start(
        "process", release="0.12.0", envelope="kserve", models=[models.archive("contract")]
    ) as torchserve:
        endpoints = torchserve.instance.endpoints
        situation = Situation(None, "kserve", endpoints, ["contract"], tmp_path)
        python = provision.provision(release).python
        argv = Subject().argv(python, endpoints.management, endpoints.grpc_management + 1)
        with launch.situation_log(situation) as log:
            process = launch.spawn(Subject(), argv, situation, log, log)
        assert process.wait(timeout=30) == 2
        told = situation.log.read_text().splitlines()
        assert "is wanted twice: by the wrapper (--http_port) and by TorchServe" in told[-1]
        assert situation.termination_log.read_text().strip() == told[-1]
