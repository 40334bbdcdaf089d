"""The pods of deploy/kserve: valid, confined, probed by what is live, drained in time."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from tests import kubernetes_schemas
from tests.deploy import manifests
from tests.deploy.manifests import MODES, PROTOCOLS, Manifest
from tests.matrix.runs import REPOSITORY

SERVICES = [(mode, protocol) for mode in MODES for protocol in PROTOCOLS]
of_each_service = pytest.mark.parametrize(("mode", "protocol"), SERVICES)
of_each_protocol = pytest.mark.parametrize("protocol", PROTOCOLS)

# KServe's own runtime has them since 0.9, and pytorch/torchserve-kfs is started with them.
STOCK_ARGUMENTS = [
    "torchserve",
    "--start",
    "--model-store=/mnt/models/model-store",
    "--ts-config=/mnt/models/config/config.properties",
]
# Variables that others than the wrapper read: TorchServe and its envelopes, KServe, libraries.
OF_OTHERS = {
    "TS_SERVICE_ENVELOPE",
    "TEMP",
    "LOG_LOCATION",
    "METRICS_LOCATION",
    "STORAGE_URI",
    "HOME",
}

# What Knative 1.8 and later admits (pkg/apis/serving/fieldmask.go of knative/serving) without a
# feature that somebody has to switch on; startupProbe came in 1.15.
KNATIVE_POD = {"containers", "volumes", "serviceAccountName", "imagePullSecrets"}
KNATIVE_CONTAINER = {
    *("args", "command", "env", "envFrom", "image", "imagePullPolicy", "livenessProbe", "name"),
    *("ports", "readinessProbe", "resources", "securityContext", "volumeMounts", "workingDir"),
}
KNATIVE_PORTS = {"http1", "h2c"}


def pod_of(mode: str, protocol: str) -> Any:
    """Give the spec of the pod that KServe makes."""
    service = manifests.one(mode, protocol)
    runtime = None if mode == "self-contained" else manifests.one("runtimes", protocol)
    return manifests.pod(service, runtime)


def container_of(mode: str, protocol: str) -> Any:
    (only,) = pod_of(mode, protocol)["containers"]
    return only


def environment(container: Manifest) -> dict[str, str]:
    return {each["name"]: each["value"] for each in container["env"]}


def valid(spec: Manifest, version: str) -> bool:
    whole = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "predictor"}, "spec": spec}
    return kubernetes_schemas.is_valid(whole, version)


@pytest.mark.parametrize("version", kubernetes_schemas.VERSIONS)
def test_the_pods_are_valid(version: str) -> None:
    assert {
        (mode, protocol) for mode, protocol in SERVICES if valid(pod_of(mode, protocol), version)
    } == set(SERVICES)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda pod: pod.update(terminationGracePeriodSecond=60),
        lambda pod: pod.update(terminationGracePeriodSeconds="60"),
        lambda pod: pod["containers"][0].update(workingdir="/tmp"),
        lambda pod: pod["containers"][0]["securityContext"].update(capabilities=["ALL"]),
    ],
)
def test_what_is_not_valid_would_be_seen(spoil: Callable[[Any], None]) -> None:
    pod = pod_of("raw", "v1")
    spoil(pod)
    assert not valid(pod, kubernetes_schemas.VERSIONS[-1])


@of_each_service
def test_the_image_is_started_as_kserve_starts_torchserves(mode: str, protocol: str) -> None:
    container = container_of(mode, protocol)
    assert container["name"] == "kserve-container"
    assert container["args"] == STOCK_ARGUMENTS
    assert "command" not in container


@of_each_service
def test_one_port_is_declared_under_the_name_of_its_protocol(mode: str, protocol: str) -> None:
    """Which both make the Service of: Knative admits one port, and takes h2c for HTTP/2."""
    (port,) = container_of(mode, protocol)["ports"]
    name, number = ("h2c", 8081) if protocol == "grpc-v2" else ("http1", 8080)
    assert port == {"name": name, "containerPort": number, "protocol": "TCP"}


@of_each_service
def test_variables_are_those_that_somebody_reads(mode: str, protocol: str) -> None:
    page = (REPOSITORY / "docs" / "settings.md").read_text(encoding="utf-8")
    of_the_wrapper = environment(container_of(mode, protocol)).keys() - OF_OTHERS
    assert of_the_wrapper
    assert {name for name in of_the_wrapper if f"`{name}`" not in page} == set()


@of_each_service
def test_a_container_can_write_where_it_has_to_and_nowhere_else(mode: str, protocol: str) -> None:
    pod, container = pod_of(mode, protocol), container_of(mode, protocol)
    assert container["securityContext"] == {
        "runAsNonRoot": True,
        "runAsUser": 1000,
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert pod["volumes"] == [{"name": "tmp", "emptyDir": {}}]
    (mount,) = container["volumeMounts"]
    assert mount == {"name": "tmp", "mountPath": "/tmp"}
    given = environment(container)
    for name in ("TEMP", "LOG_LOCATION", "METRICS_LOCATION", "HOME"):
        assert f"{given[name]}/".startswith("/tmp/")
    # TorchServe writes its keys into its working directory.
    assert given["TORCHSERVE_KEY_FILE"] == f"{container['workingDir']}/key_file.json"
    assert container["workingDir"] == "/tmp"


@pytest.mark.parametrize("mode", ["raw", "self-contained"])
@of_each_protocol
def test_a_pod_is_what_the_restricted_standard_allows(mode: str, protocol: str) -> None:
    """Knative adds seccompProfile itself where it is told to (secure-pod-defaults)."""
    pod = pod_of(mode, protocol)
    assert pod["securityContext"] == {
        "runAsNonRoot": True,
        "runAsUser": 1000,
        "fsGroup": 1000,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    assert pod["automountServiceAccountToken"] is False
    assert not {"hostNetwork", "hostPID", "hostIPC"} & pod.keys()


@pytest.mark.parametrize("mode", ["raw", "self-contained"])
@of_each_protocol
def test_a_pod_has_time_to_drain(mode: str, protocol: str) -> None:
    container = container_of(mode, protocol)
    sleep, seconds = container["lifecycle"]["preStop"]["exec"]["command"]
    assert sleep == "sleep"
    drained = int(seconds) + int(environment(container)["SHUTDOWN_GRACE_PERIOD"])
    # What TorchServe and the runtime of the container have is as much again as preStop, at least.
    assert pod_of(mode, protocol)["terminationGracePeriodSeconds"] >= drained + int(seconds)


@of_each_protocol
def test_knative_admits_the_serverless_pods(protocol: str) -> None:
    pod, container = pod_of("serverless", protocol), container_of("serverless", protocol)
    assert pod.keys() <= KNATIVE_POD
    assert container.keys() <= KNATIVE_CONTAINER
    assert {port["name"] for port in container["ports"]} <= KNATIVE_PORTS


def test_knative_would_not_admit_the_raw_ones() -> None:
    assert container_of("raw", "v1").keys() - KNATIVE_CONTAINER == {"lifecycle", "startupProbe"}


@of_each_protocol
def test_what_is_self_contained_is_the_raw_service_with_its_runtime(protocol: str) -> None:
    """But for the model, which a custom predictor names in a variable."""
    alone, both = pod_of("self-contained", protocol), pod_of("raw", protocol)
    model = manifests.one("raw", protocol)["spec"]["predictor"]["model"]
    (container,) = alone["containers"]
    uri, *others = container["env"]
    assert uri == {"name": "STORAGE_URI", "value": model["storageUri"]}
    container["env"] = others
    assert alone == both


@of_each_service
def test_probes_ask_what_is_live(mode: str, protocol: str) -> None:
    """HTTP's routes are those of docs/readiness.md; Knative sends them to the declared port."""
    container = container_of(mode, protocol)
    page = (REPOSITORY / "docs" / "readiness.md").read_text(encoding="utf-8")
    asked = {name: each["httpGet"] for name, each in container.items() if "httpGet" in str(each)}
    if protocol == "grpc-v2":
        assert asked.keys() <= {"startupProbe"}
        assert container["livenessProbe"]["tcpSocket"] == {"port": 8081}
    else:
        assert asked["readinessProbe"]["path"] == "/v2/health/ready"
        assert asked["livenessProbe"]["path"] == "/v2/health/live"
    for each in asked.values():
        assert each["port"] == 8080
        assert f"`GET {each['path']}`" in page


@pytest.fixture
def answering() -> Iterator[Callable[[int], int]]:
    """Give what starts a server that answers /v2/health/ready with a status, and tells its port."""
    servers = []

    def start(status: int) -> int:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(status if self.path == "/v2/health/ready" else 404)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *arguments: object) -> None:
                pass

        server = HTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return server.server_port

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize(("status", "ready"), [(200, True), (503, False), (404, False)])
def test_the_readiness_command_of_grpc_tells_ready_from_not(
    status: int, ready: bool, answering: Callable[[int], int]
) -> None:
    assert ended(answering(status)) == (0 if ready else 1)


def test_the_readiness_command_of_grpc_fails_where_nobody_listens(
    answering: Callable[[int], int],
) -> None:
    # Port 9 is "discard": nothing answers there.
    assert ended(9) != 0


def ended(port: int) -> int:
    """Run the command with another port than the wrapper's, and give its exit code."""
    probe = container_of("raw", "grpc-v2")["readinessProbe"]
    program, *options, script = probe["exec"]["command"]
    assert (program, options) == ("python3", ["-c"])
    assert "8080" in script
    command = [sys.executable, *options, script.replace("8080", str(port))]
    return subprocess.run(command, capture_output=True, timeout=60).returncode
