"""The image that people run: as KServe runs it, and as a careful cluster restricts it."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing

import docker
import numpy as np
import pytest
import requests
from cyclonedx.schema import SchemaVersion
from packaging.utils import canonicalize_name
from tritonclient import grpc as triton

from fixtures import payloads
from fixtures.pods import ARGUMENTS
from fixtures.torchserve import engine
from matrix.environments.locking import pins_in
from tests import deployed_images
from tests.deploy import pods
from tests.deploy.pods import Pod
from tests.matrix.runs import REPOSITORY

pytestmark = [pytest.mark.container, pytest.mark.integration, pytest.mark.timeout(900)]

# Control planes before 0.11.1 set no PROTOCOL_VERSION; 0.12 and later do.
OLD_V1 = {"TS_SERVICE_ENVELOPE": "kserve"}
NEW_V2 = {"TS_SERVICE_ENVELOPE": "kservev2", "PROTOCOL_VERSION": "v2"}


# The wrapper's two, and TorchServe's metrics.
_MEANT_FOR_OTHERS = {8080, 8081, 8082}
# TorchServe's others: inference and management of KServe's examples, and gRPC's two.
_PAST_THE_WRAPPER = {8085, 7070, 7071}


def _reached(pod: Pod) -> set[int]:
    """Give the ports that somebody outside the pod can connect to."""
    found = set()
    for port in _MEANT_FOR_OTHERS | _PAST_THE_WRAPPER:
        with socket.socket() as asked:
            asked.settimeout(10)
            if not asked.connect_ex((pod.address, port)):
                found.add(port)
    return found


@pytest.fixture(scope="module")
def client() -> docker.DockerClient:
    return engine.connect()


@pytest.fixture(scope="module")
def image(client: docker.DockerClient, tmp_path_factory: pytest.TempPathFactory) -> str:
    return deployed_images.torchserve_kserve(client, tmp_path_factory.mktemp("image"))


@pytest.fixture(scope="module")
def v2(client: docker.DockerClient, image: str) -> Iterator[Pod]:
    # As OpenShift chooses users.
    with pods.started(client, image, NEW_V2, user="1000740000:0") as pod:
        pods.wait_ready(pod)
        yield pod


@pytest.fixture(scope="module")
def exemplary(client: docker.DockerClient, image: str) -> Iterator[Pod]:
    """Give a pod with the example's config.properties, until the test that kills it."""
    example = (REPOSITORY / "deploy" / "image" / "example.properties").read_text()
    with pods.started(client, image, OLD_V1, config=example) as pod:
        pods.wait_ready(pod)
        yield pod


def test_a_pod_of_an_old_control_plane_answers_v1_and_ends_well(
    client: docker.DockerClient, image: str
) -> None:
    with pods.started(client, image, OLD_V1) as pod:
        pods.wait_ready(pod)
        for form in ("tensor", "image"):
            asked = payloads.load(f"digits-v1-{form}")
            answer = requests.post(f"{pod.url}/v1/models/digits:predict", json=asked, timeout=30)
            known = payloads.answer(f"digits-v1-{form}")
            assert {key: answer.json()[key] for key in known} == known
        # KServe's examples let anybody manage TorchServe.
        assert _reached(pod) == {*_MEANT_FOR_OTHERS, 8085}
        assert "past the wrapper" in pod.log()
        pod.container.stop(timeout=30)
        assert pod.container.wait()["StatusCode"] == 0, pod.log()


def test_with_the_example_nobody_reaches_torchserve(exemplary: Pod) -> None:
    assert _reached(exemplary) == _MEANT_FOR_OTHERS
    assert "past the wrapper" not in exemplary.log()


def test_a_killed_torchserve_ends_the_container(exemplary: Pod) -> None:
    kill = ["sh", "-c", "kill -9 $(pidof java)"]
    assert exemplary.container.exec_run(kill).exit_code == 0
    assert exemplary.container.wait(timeout=60)["StatusCode"] == 137


def test_v2_is_answered_by_rest(v2: Pod) -> None:
    asked = payloads.load("digits-v2-tensor")
    answer = requests.post(f"{v2.url}/v2/models/digits/infer", json=asked, timeout=30).json()
    known = payloads.answer("digits-v2-tensor")
    assert {key: answer[key] for key in known} == known


def test_v2_is_answered_by_grpc(v2: Pod) -> None:
    (asked,) = payloads.load("digits-v2-tensor")["inputs"]
    tensor = triton.InferInput(asked["name"], asked["shape"], asked["datatype"])
    tensor.set_data_from_numpy(np.array(asked["data"], np.float32).reshape(asked["shape"]))
    with closing(triton.InferenceServerClient(f"{v2.address}:8081")) as grpc:
        answer = grpc.infer("digits", [tensor])
    (known,) = payloads.answer("digits-v2-tensor")["outputs"]
    assert answer.as_numpy(known["name"]).tolist() == known["data"]


def test_both_endpoints_have_metrics(v2: Pod) -> None:
    assert requests.get(f"{v2.url}/metrics", timeout=30).ok
    own = requests.get(f"http://{v2.address}:8082/metrics", timeout=30).text
    assert "ts_inference_requests_total" in own


@pytest.mark.parametrize(
    ("variables", "arguments", "code", "said"),
    [
        ({"PROTOCOL_VERSION": "v3"}, ARGUMENTS, 2, "PROTOCOL_VERSION='v3' is not supported"),
        (OLD_V1, ("serve",), 2, "'serve' is not TorchServe's command"),
    ],
)
def test_what_cant_be_run_ends_with_a_line(
    client: docker.DockerClient,
    image: str,
    variables: dict[str, str],
    arguments: tuple[str, ...],
    code: int,
    said: str,
) -> None:
    with pods.started(client, image, variables, arguments=arguments) as pod:
        assert pod.container.wait(timeout=60)["StatusCode"] == code
        (line,) = pod.log().splitlines()
        assert said in line


def test_the_bill_of_materials_has_every_package(image: str) -> None:
    # It takes a second, in each process that collects.
    from cyclonedx.validation.json import JsonStrictValidator

    program = REPOSITORY / "deploy" / "image" / "sbom.py"
    made = subprocess.run(
        [sys.executable, program, image], capture_output=True, text=True, check=True
    ).stdout
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(made) is None
    listed = {
        (each["purl"].partition("/")[0], canonicalize_name(each["name"]), each["version"])
        for each in json.loads(made)["components"]
    }
    locks = (
        REPOSITORY / "matrix" / "locks" / "kserve-0.16.0.txt",
        REPOSITORY / "deploy" / "image" / "locks" / "torchserve-0.12.0-cpu.txt",
    )
    for lock in locks:
        wanted = {
            ("pkg:pypi", canonicalize_name(name), version)
            for name, version in pins_in(lock.read_text()).items()
        }
        assert wanted - listed == set()
    assert "openjdk-17-jre-headless" in {name for kind, name, _ in listed if kind == "pkg:deb"}


def test_an_image_that_isnt_there_is_told_in_a_line() -> None:
    program = REPOSITORY / "deploy" / "image" / "sbom.py"
    ran = subprocess.run([sys.executable, program, "none/such:1"], capture_output=True, text=True)
    assert ran.returncode == 3
    assert ran.stderr.startswith("error: ")
    assert len(ran.stderr.splitlines()) == 1


def test_the_labels_say_what_it_holds(client: docker.DockerClient, image: str) -> None:
    labels = client.images.get(image).labels
    assert labels["org.opencontainers.image.revision"] == deployed_images.COMMIT
    assert labels["org.opencontainers.image.licenses"] == "Apache-2.0"
    assert labels["torchserve-kserve.torchserve"] == "0.12.0"
    assert labels["torchserve-kserve.kserve"] == "0.16.0"
