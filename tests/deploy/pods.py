"""A predictor pod as one container: the image, as KServe runs it, without a cluster."""

from __future__ import annotations

import contextlib
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import docker
import requests
from docker.models.containers import Container

from fixtures import models
from fixtures.pods import ARGUMENTS, MODEL_STORE, MODELS, packed
from fixtures.pods import CONFIG as CONFIG_FILE

_PATIENCE = 120.0

# What KServe's examples give TorchServe.
CONFIG = """\
inference_address=http://0.0.0.0:8085
management_address=http://0.0.0.0:8085
metrics_address=http://0.0.0.0:8082
grpc_inference_port=7070
grpc_management_port=7071
enable_metrics_api=true
metrics_mode=prometheus
metrics_format=prometheus
number_of_netty_threads=4
job_queue_size=100
enable_envvars_config=true
install_py_dep_per_model=true
model_store=/mnt/models/model-store
model_snapshot={"name":"startup.cfg","modelCount":1,"models":{"%s":{"1.0":{"defaultVersion":true,\
"marName":"%s.mar","minWorkers":1,"maxWorkers":5,"batchSize":1,"maxBatchDelay":10,\
"responseTimeout":120}}}}
"""


@dataclass(frozen=True)
class Pod:
    """A running container of the image.

    Attributes:
        address: where its ports are reached from this machine.
    """

    container: Container
    address: str

    @property
    def url(self) -> str:
        """Give the base of the wrapper's REST routes."""
        return f"http://{self.address}:8080"

    def log(self) -> str:
        """Give all that it has written."""
        return str(self.container.logs().decode(errors="replace"))


@contextlib.contextmanager
def started(
    client: docker.DockerClient,
    image: str,
    variables: Mapping[str, str],
    *,
    model: str = "digits",
    config: str = CONFIG,
    user: str = "1000",
    arguments: Sequence[str] = ARGUMENTS,
) -> Iterator[Pod]:
    """Start a container with what a control plane writes into a pod, in a network without an exit.

    Args:
        config: TorchServe's config.properties, with ``%s`` for the model's name.
    """
    # By its name, too, the engine has to know it from those of other pods.
    name = f"kserve-torchserve-harness-pod-{uuid.uuid4().hex}"
    network = client.networks.create(name, internal=True)
    container = client.containers.create(
        image,
        list(arguments),
        environment=dict(variables),
        user=user,
        cap_drop=["ALL"],
        security_opt=["no-new-privileges"],
        read_only=True,
        tmpfs={"/tmp": "mode=1777"},
        volumes=[str(MODELS)],
        network=network.id,
        mem_limit="2g",
    )
    try:
        files: dict[PurePosixPath, bytes | Path] = {
            MODEL_STORE / f"{model}.mar": models.archive(model),
            CONFIG_FILE: config.replace("%s", model).encode(),
        }
        container.put_archive(str(MODELS), packed(files, MODELS))
        container.start()
        container.reload()
        (attached,) = container.attrs["NetworkSettings"]["Networks"].values()
        yield Pod(container, attached["IPAddress"])
    finally:
        container.remove(force=True, v=True)
        network.remove()


def wait_ready(pod: Pod) -> None:
    """Wait until the pod is ready, as its readiness probe does.

    Raises:
        AssertionError: when it ends before, or isn't ready in two minutes; with its log.
    """
    deadline = time.monotonic() + _PATIENCE
    with requests.Session() as session:
        session.trust_env = False
        while time.monotonic() < deadline:
            with contextlib.suppress(requests.RequestException):
                if session.get(f"{pod.url}/v2/health/ready", timeout=5).ok:
                    return
            pod.container.reload()
            if pod.container.status == "exited":
                break
            time.sleep(0.2)
    raise AssertionError(pod.log())
