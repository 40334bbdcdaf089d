"""Names before versions before bodies, on every route that names a model."""

from __future__ import annotations

import asyncio
import importlib
import json
import sys
import types
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tritonclient.grpc import service_pb2, service_pb2_grpc

from tests.wrapper.front.asking import answer_to, error_of, speaks_v2
from tests.wrapper.openinference.ways import thoroughly
from tests.wrapper.surroundings import AnsweringTorchServe
from wrapper.errors import ServingError
from wrapper.front import Front
from wrapper.front.asgi import FrontApplication
from wrapper.names import Target

POSTED = (
    "/v1/models/{}:predict",
    "/v1/models/{}:explain",
    "/v2/models/{}/infer",
    "/v2/models/{}/explain",
    "/v2/models/{}/versions/1/infer",
    "/v2/repository/models/{}/load",
    "/v2/repository/models/{}/unload",
)
CALLS = (
    *("ModelReady", "ModelMetadata", "ModelInfer"),
    *("RepositoryModelLoad", "RepositoryModelUnload"),
)
# Takes the name of a call and its message, and gives the status and the sentence of its end.
Call = Callable[[str, Any], "tuple[int, str]"]

VERSIONS = {"1.0": None, "2.0": "it has no worker"}
NO_VERSION = (
    "Model with name digits has no version 1. It has 1.0, 2.0: ask for one of them, or for "
    "/v2/models/digits without a version."
)

# Whatever may be wrong with the rest of a request.
_HEADERS = st.fixed_dictionaries(
    {},
    optional={
        "content-type": st.sampled_from(["image/png", "application/json"]),
        "content-encoding": st.just("br"),
        "inference-header-content-length": st.sampled_from(["0", "x", "2"]),
    },
)
_BODIES = st.binary(max_size=4) | st.sampled_from([b"", b"{}", b"{", b'{"inputs": [1]}'])


@settings(thoroughly, suppress_health_check=list(HealthCheck))
@given(path=st.sampled_from(POSTED), body=_BODIES, headers=_HEADERS)
def test_a_wrong_name_is_told_whatever_else_is_wrong(
    torchserve: AnsweringTorchServe, path: str, body: bytes, headers: dict[str, str]
) -> None:
    front = Front(torchserve)
    route = front.route("POST", path.format("unknown"))
    assert route is not None
    too_large = route.refuse(ServingError(413, "too large"))

    async def ask() -> Any:
        return await route(body, headers)

    for answer in (asyncio.run(ask()), too_large):
        assert (answer.status, path) == (404, path)
        assert "unknown does not exist" in error_of(answer)


@pytest.fixture
def grpc_call(monkeypatch: pytest.MonkeyPatch, torchserve: AnsweringTorchServe) -> Call:
    """The calls of the gRPC service, with Triton's messages in the place of the SDK's."""
    for name in ("kserve", "kserve.protocol", "kserve.protocol.grpc"):
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
    generated = sys.modules["kserve.protocol.grpc"]
    for name, module in (("_pb2", service_pb2), ("_pb2_grpc", service_pb2_grpc)):
        monkeypatch.setattr(generated, f"grpc_predict_v2{name}", module, raising=False)
        monkeypatch.setitem(sys.modules, f"{generated.__name__}.grpc_predict_v2{name}", module)
    monkeypatch.delitem(sys.modules, "wrapper.sdk.grpc_servicer", raising=False)
    servicer = importlib.import_module("wrapper.sdk.grpc_servicer")
    monkeypatch.delitem(sys.modules, "wrapper.sdk.grpc_servicer")
    calls = servicer._Calls(Front(torchserve))

    def call(name: str, message: Any) -> tuple[int, str]:
        request_class = servicer._CALLS[name][0]
        context = types.SimpleNamespace(invocation_metadata=lambda: (), time_remaining=lambda: None)
        try:
            asked = request_class.FromString(message.SerializeToString())
            asyncio.run(getattr(calls, name)(asked, context))
        except ServingError as error:
            return error.status, error.message
        return 200, ""

    return call


@settings(thoroughly, suppress_health_check=list(HealthCheck))
@given(
    name=st.sampled_from(CALLS),
    version=st.sampled_from(["", "1"]),
    datatype=st.sampled_from(["INT64", "wrong"]),
    data=st.lists(st.just(1), max_size=2),
    parameter=st.sampled_from(["", "config"]),
)
def test_a_wrong_name_is_told_by_every_grpc_call(
    grpc_call: Call, name: str, version: str, datatype: str, data: list[int], parameter: str
) -> None:
    message = getattr(service_pb2, f"{name}Request")()
    if name == "ModelInfer":
        message.model_name, message.model_version = "unknown", version
        added = message.inputs.add(name="x", datatype=datatype, shape=[1])
        added.contents.int64_contents.extend(data)
    elif name.startswith("Repository"):
        message.model_name = "unknown"
    else:
        message.name, message.version = "unknown", version
    if parameter and hasattr(message, "parameters"):
        message.parameters[parameter].SetInParent()
    status, said = grpc_call(name, message)
    assert (status, name) == (404, name)
    assert "unknown does not exist" in said


@speaks_v2
def test_a_version_is_told_by_grpc_before_the_body(
    grpc_call: Call, torchserve: AnsweringTorchServe
) -> None:
    torchserve.workers.versions["digits"] = VERSIONS
    message = service_pb2.ModelInferRequest(model_name="digits", model_version="1")
    for name in ("ModelInfer", "ModelReady", "ModelMetadata"):
        message = getattr(service_pb2, f"{name}Request")()
        setattr(message, "model_version" if name == "ModelInfer" else "version", "1")
        setattr(message, "model_name" if name == "ModelInfer" else "name", "digits")
        assert grpc_call(name, message) == (404, NO_VERSION)
    for version in ("", *VERSIONS):
        message = service_pb2.ModelInferRequest(model_name="digits", model_version=version)
        assert grpc_call("ModelInfer", message)[0] == 400


@pytest.mark.parametrize("torchserve", ["kserve"], indirect=True)
def test_the_protocol_is_told_by_grpc_before_the_body(grpc_call: Call) -> None:
    message = service_pb2.ModelInferRequest(model_name="digits")
    message.inputs.add(datatype="wrong")
    assert "speaks V1, not V2" in grpc_call("ModelInfer", message)[1]


def test_a_version_is_told_before_the_body(torchserve: AnsweringTorchServe) -> None:
    path = POSTED[4].format("digits")
    torchserve.workers.versions["digits"] = VERSIONS
    for body in (b"", b"{", b'{"inputs": [1]}'):
        assert error_of(answer_to(torchserve, path, body, "POST")) == NO_VERSION
    route = Front(torchserve).route("POST", path)
    assert route is not None
    assert error_of(route.refuse(ServingError(413, "too large"))) == NO_VERSION


def test_a_version_may_be_there_as_long_as_not_all_are_told(
    torchserve: AnsweringTorchServe,
) -> None:
    torchserve.workers.versions["digits"], torchserve.workers.are_all = VERSIONS, False
    assert answer_to(torchserve, "/v2/models/digits/versions/1/ready").status == 503
    for version in VERSIONS:
        torchserve.check_known(Target("digits", version))


def test_a_name_is_told_before_a_version(torchserve: AnsweringTorchServe) -> None:
    torchserve.workers.versions["digits"] = VERSIONS
    for version in ("", "1", "1.0"):
        with pytest.raises(ServingError) as refused:
            torchserve.check_known(Target("unknown", version))
        assert refused.value.status == 404
        assert "unknown does not exist" in refused.value.message
    for version in ("", *VERSIONS):
        torchserve.check_known(Target("digits", version))
    with pytest.raises(ServingError) as refused:
        torchserve.check_known(Target("digits", "1"))
    assert (refused.value.status, refused.value.message) == (404, NO_VERSION)


def test_each_version_may_be_one_until_they_are_told(torchserve: AnsweringTorchServe) -> None:
    torchserve.check_known(Target("digits", "1"))
    assert answer_to(torchserve, "/v2/models/digits/versions/1/ready").status == 503


def test_a_body_that_is_too_large_is_told_after_the_name(torchserve: AnsweringTorchServe) -> None:
    told: list[Any] = []

    async def send(message: Any) -> None:
        told.append(message)

    async def receive() -> Any:
        return {"type": "http.disconnect"}

    for name, status in (("unknown", 404), ("digits", 413)):
        scope = {
            "type": "http",
            "method": "POST",
            "path": f"/v1/models/{name}:predict",
            "headers": [(b"content-length", b"999999999999")],
        }
        application = FrontApplication(Front(torchserve), send)  # type: ignore[arg-type]
        asyncio.run(application(scope, receive, send))
        assert told[0]["status"] == status
        assert json.loads(told[1]["body"])["error"]
        told.clear()
