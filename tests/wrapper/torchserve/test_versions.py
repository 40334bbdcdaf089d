"""Several versions of one model on real TorchServe, as tritonclient asks for them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import numpy
import pytest
import requests
import tritonclient.grpc as triton_grpc
import tritonclient.http as triton_http
from tritonclient.utils import InferenceServerException

from fixtures import models
from fixtures import torchserve as torchserves
from fixtures.torchserve import Instance, TorchServe, configuration
from matrix.running.launch import RunningWrapper
from matrix.running.timing import seconds_until
from tests.wrapper.running import wrapper
from tests.wrapper.torchserve import by_grpc
from wrapper.torchserve import messages

pytestmark = pytest.mark.integration

# Seconds, many times what it takes.
WITHIN = 60
# As REST and, for the newest, gRPC carry requests on to TorchServe.
SUBJECTS = (("0.9.0", "v2"), ("0.12.1", "v2"), ("0.21.0", "grpc-v2"))
READY, WITHOUT_WORKER = "2.0", "10"
ECHOED = numpy.array([1, -2], numpy.int64)

# A client of tritonclient's, and its module.
Client = tuple[Any, Any]


@pytest.fixture(
    scope="module",
    params=[
        pytest.param({}, id="a port each"),
        pytest.param({"management_address": configuration.SHARED}, id="one port"),
    ],
)
def torchserve(request: pytest.FixtureRequest) -> Iterator[TorchServe]:
    """A TorchServe with one version of a model, and two more in its store."""
    with torchserves.start(
        "process",
        release="0.12.0",
        envelope="kservev2_faithful",
        models=[models.archive("echo")],
        stored=[models.archive("echo", version) for version in (READY, WITHOUT_WORKER)],
        config={"enable_model_api": "true", **request.param},
    ) as running:
        yield running


@pytest.fixture(scope="module", params=SUBJECTS, ids="-".join)
def subject(
    request: pytest.FixtureRequest,
    torchserve: TorchServe,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[RunningWrapper]:
    """The wrapper on one SDK, before which two more versions are registered while it runs."""
    release, protocol = request.param
    folder = tmp_path_factory.mktemp("wrapper")
    with wrapper(release, torchserve.instance, folder, protocol=protocol) as running:
        for version, workers in ((READY, 1), (WITHOUT_WORKER, 0)):
            archive = models.archive("echo", version).name
            asked = {"url": archive, "initial_workers": workers, "synchronous": "true"}
            _manage(torchserve.instance, "POST", "", **asked)
        _wait_for(running, ["1.0", WITHOUT_WORKER, READY])
        yield running
        for version in (READY, WITHOUT_WORKER):
            asked = messages.UnregisterModelRequest(model_name="echo", model_version=version)
            by_grpc.ask(torchserve.instance, messages.UNREGISTER_MODEL, asked)


@pytest.fixture
def clients(subject: RunningWrapper) -> Iterator[list[Client]]:
    """By REST, and by gRPC where the SDK has it."""
    with contextlib.ExitStack() as stack:
        rest = triton_http.InferenceServerClient(f"127.0.0.1:{subject.http_port}")
        both = [(stack.enter_context(rest), triton_http)]
        if "KServe SDK 0.9" not in subject.log():
            grpc = triton_grpc.InferenceServerClient(f"127.0.0.1:{subject.grpc_port}")
            both.append((stack.enter_context(grpc), triton_grpc))
        yield both


def _manage(instance: Instance, method: str, path: str, **asked: Any) -> None:
    url = f"http://{instance.endpoints.host}:{instance.endpoints.management}/models{path}"
    requests.request(method, url, params=asked, timeout=120).raise_for_status()


def _versions(subject: RunningWrapper) -> list[str]:
    told: dict[str, Any] = requests.get(f"{subject.url}/v2/models/echo", timeout=30).json()
    versions: list[str] = told.get("versions", [])
    return versions


def _wait_for(subject: RunningWrapper, versions: list[str]) -> None:
    assert seconds_until(lambda: _versions(subject) == versions, WITHIN) is not None


def _answering(client: Client, version: str) -> str:
    """Give the version that an answer says it is of."""
    asking, module = client
    tensor = module.InferInput("x", list(ECHOED.shape), "INT64")
    tensor.set_data_from_numpy(ECHOED)
    answer = asking.infer("echo", [tensor], model_version=version)
    assert answer.as_numpy("x").tolist() == ECHOED.tolist()
    told = answer.get_response()
    return str(told["model_version"] if module is triton_http else told.model_version)


def test_each_version_answers_by_its_name_and_the_default_one_without(
    clients: list[Client],
) -> None:
    for client in clients:
        assert [_answering(client, version) for version in ("", "1.0", READY)] == [
            *("1.0", "1.0", READY)
        ]


def test_a_version_is_as_ready_as_its_workers(clients: list[Client]) -> None:
    for client in clients:
        asking, module = client
        assert [asking.is_model_ready("echo", version) for version in ("", "1.0", READY)] == [
            *(True, True, True)
        ]
        assert not asking.is_model_ready("echo", WITHOUT_WORKER)
        assert asking.is_server_ready()
        with pytest.raises(InferenceServerException) as refused:
            _answering(client, WITHOUT_WORKER)
        assert refused.value.status() in ("503", "StatusCode.UNAVAILABLE")
        assert "Version 10 of the model with name echo is not ready" in refused.value.message()
        with pytest.raises(InferenceServerException) as refused:
            _answering(client, "3")
        assert refused.value.status() in ("404", "StatusCode.NOT_FOUND")
        assert "no version 3. It has 1.0, 10, 2.0" in refused.value.message()
        if module is triton_http:
            # Over gRPC it raises for what isn't there.
            assert not asking.is_model_ready("echo", "3")


def test_metadata_and_the_index_tell_them(clients: list[Client]) -> None:
    for asking, module in clients:
        for version in ("", READY):
            told = asking.get_model_metadata("echo", version)
            listed = told["versions"] if module is triton_http else list(told.versions)
            assert listed == ["1.0", WITHOUT_WORKER, READY]
        index = asking.get_model_repository_index()
        entries = index if module is triton_http else index.models
        told_of = [
            (each["version"], each["state"])
            if module is triton_http
            else (each.version, each.state)
            for each in entries
        ]
        assert told_of == [("1.0", "READY"), (WITHOUT_WORKER, "UNAVAILABLE"), (READY, "READY")]


def test_another_default_version_is_followed_through_unload_and_load(
    subject: RunningWrapper, torchserve: TorchServe, clients: list[Client]
) -> None:
    _manage(torchserve.instance, "PUT", f"/echo/{READY}/set-default")
    try:
        _wait_for(subject, [READY, "1.0", WITHOUT_WORKER])
        for client in clients:
            assert _answering(client, "") == READY
            asking, _ = client
            asking.unload_model("echo")
            assert not asking.is_server_ready()
            with pytest.raises(InferenceServerException, match="does not exist"):
                _answering(client, "1.0")
            asking.load_model("echo")
            _wait_for(subject, [READY, "1.0", WITHOUT_WORKER])
            assert [_answering(client, version) for version in ("", "1.0")] == [READY, "1.0"]
    finally:
        _manage(torchserve.instance, "PUT", "/echo/1.0/set-default")
