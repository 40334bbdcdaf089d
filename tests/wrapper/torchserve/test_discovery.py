"""Where TorchServe is and what it has: discovery, proxies, ports that are wanted twice."""

from __future__ import annotations

from pathlib import Path

import pytest
import requests

from fixtures.torchserve import Instance
from matrix.environments import provision
from matrix.planning.subject import Subject
from matrix.running import launch
from matrix.running.launch import Situation
from matrix.running.timing import seconds_until
from tests import lending, processes
from tests.wrapper.running import RELEASES, start_torchserve, wrapper

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def torchserve_v2() -> Instance:
    """A TorchServe whose envelope reads V2."""
    return lending.instance("kservev2", "contract")


def test_models_that_nobody_configured_are_found(tmp_path: Path) -> None:
    with start_torchserve("kserve", "contract", "echo") as running:
        endpoints = running.instance.endpoints
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
            with wrapper(release, running.instance, folder, more=none) as subject:
                url = subject.url
                seconds_until(
                    lambda url=url: requests.get(f"{url}/v2/health/ready", timeout=30).ok,  # type: ignore[misc]
                    5,
                )
                told = requests.get(f"{url}/v1/models", timeout=30).json()
                assert "models those that TorchServe has" in subject.log()
                assert told == {"models": ["contract", "echo"]}
                body = {"instances": [1]}
                path = f"{url}/v1/models/echo:predict"
                assert requests.post(path, json=body, timeout=30).json() == {"predictions": [1]}


@pytest.mark.parametrize("protocol", ["v2", "grpc-v2"])
@pytest.mark.parametrize("release", RELEASES)
def test_proxies_are_not_asked_for_what_is_in_the_pod(
    release: str, protocol: str, torchserve_v2: Instance, tmp_path: Path
) -> None:
    # Port 9 is "discard": nobody answers there.
    loud = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
    # gRPC reads its own in small letters only.
    names = (*loud, *map(str.lower, loud), "grpc_proxy")
    proxies = {**dict.fromkeys(names, "http://127.0.0.1:9"), "NO_PROXY": "", "no_proxy": ""}
    with wrapper(release, torchserve_v2, tmp_path, protocol=protocol, more=proxies) as subject:
        tensor = {"name": "x", "shape": [1], "datatype": "INT64", "data": [1]}
        url = f"{subject.url}/v2/models/contract/infer"
        answer = requests.post(url, json={"inputs": [tensor]}, timeout=10)
        assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("release", RELEASES)
def test_a_port_that_torchserve_has_stops_the_start(release: str, tmp_path: Path) -> None:
    endpoints = lending.instance("kserve").endpoints
    situation = Situation(None, "kserve", endpoints, ["contract"], tmp_path)
    python = provision.provision(release).python
    argv = Subject().argv(python, endpoints.management, endpoints.grpc_management + 1)
    with launch.situation_log(situation) as log:
        process = launch.spawn(Subject(), argv, situation, log, log, processes.of_sdks())
    assert process.wait(timeout=30) == 2
    told = situation.log.read_text().splitlines()
    assert "is wanted twice: by the wrapper (--http_port) and by TorchServe" in told[-1]
    assert situation.termination_log.read_text().strip() == told[-1]
