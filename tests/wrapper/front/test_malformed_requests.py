"""Thousands of malformed requests: each refused as the caller's fault, on three SDKs."""

from __future__ import annotations

import errno
import functools
import http.client
import json
import socket
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st
from kserve_conformance.strategies import invalid, valid
from tritonclient.grpc import service_pb2, service_pb2_grpc

from fixtures.torchserve import Envelope, Instance
from matrix.running.launch import RunningWrapper
from tests import lending
from tests.wrapper.running import RELEASES, wrapper

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]

_AT_LEAST = 2000
_HANGS_AFTER = 10.0
_JSON = {"content-type": "application/json"}
_MODEL_INFER = "/inference.GRPCInferenceService/ModelInfer"
_LEAKS = ("127.0.0.1", "localhost", "org.pytorch", "Traceback", "http://", "site-packages", "/tmp")
_REFUSED = {"INVALID_ARGUMENT", "NOT_FOUND", "UNIMPLEMENTED", "RESOURCE_EXHAUSTED"}

_thoroughly = settings(
    max_examples=400, deadline=None, database=None, suppress_health_check=list(HealthCheck)
)


# TorchServe's own envelope hands on one element of BYTES only, and can't give back the tensors
# that the contract model would return as they are.
_INPUTS = valid.tensor_lists(
    valid.tensors(
        names=st.text(max_size=5).filter(lambda name: name not in ("raise", "sleep")),
        datatypes=[name for name in valid.TYPED if name != "BYTES"],
        shapes=valid.shapes(min_side=1, max_rank=3),
    ),
    max_size=3,
)
_BODIES = valid.v2_bodies(inputs=_INPUTS)
_MESSAGES = valid.typed_requests(bodies=valid.v2_bodies(inputs=_INPUTS, parameters=st.just({})))


def _strict(protocol: str) -> list[str]:
    # The wrapper is strict: it refuses what the texts leave to a server, too. But it takes null for
    # absent, as the clients that write it mean it.
    return [name for name in invalid.names(protocol, strict=True) if name != "null"]


@st.composite
def _no_text(draw: st.DrawFn) -> service_pb2.ModelInferRequest:
    """Give valid requests with BYTES that TorchServe's own envelope can't read."""
    tensor = valid.tensors(datatypes=["BYTES"], shapes=st.just([1]), text=False)
    bodies = valid.v2_bodies(inputs=valid.tensor_lists(tensor), parameters=st.just({}))
    message = draw(valid.typed_requests(bodies=bodies))
    message.inputs[0].contents.bytes_contents[0] = b"\xff" + draw(st.binary(max_size=4))
    return message


# What is sent, and which of it, so that it is the same in each run.
_V1 = st.tuples(invalid.v1(*_strict("v1")), st.sampled_from(["predict", "explain"])), 1
_V2 = invalid.v2(*_strict("v2"), bodies=_BODIES), 2
_BINARY = invalid.binary(*_strict("binary"), requests=valid.binary_requests(bodies=_BODIES)), 3
_PATHS = invalid.paths(*_strict("path")), 4
_GRPC = invalid.grpc(*_strict("grpc"), messages=_MESSAGES) | _no_text(), 5
_WIRE = invalid.wire(), 6
_MORE_BODIES = invalid.v2(*_strict("v2"), bodies=_BODIES), 7


@functools.cache
def _drawn(strategy: st.SearchStrategy[Any], number: int) -> Sequence[Any]:
    """Draw requests, which takes longer than to send them, once for all SDKs."""
    drawn: list[Any] = []

    @seed(number)
    @_thoroughly
    @given(strategy)
    def draw(request: Any) -> None:
        drawn.append(request)

    draw()
    return drawn


@dataclass
class Pair:
    """The wrapper on one SDK, before each of the two envelopes."""

    v1: RunningWrapper
    v2: RunningWrapper
    sent: Counter[str] = field(default_factory=Counter)
    connections: dict[int, http.client.HTTPConnection] = field(default_factory=dict)

    def post(
        self, subject: RunningWrapper, path: str, body: bytes, headers: Mapping[str, str] = _JSON
    ) -> tuple[int, bytes]:
        """Send a request over a kept connection.

        Raises:
            OSError: when the wrapper hangs or drops it, also on a connection of its own.
        """
        connection = self.connections.setdefault(
            subject.http_port,
            http.client.HTTPConnection("127.0.0.1", subject.http_port, timeout=_HANGS_AFTER),
        )
        try:
            return _ask(connection, path, body, headers)
        except (ConnectionError, http.client.HTTPException):
            # A server may close a connection that is idle for some seconds.
            connection.close()
            return _ask(connection, path, body, headers)

    def expect_refusal(
        self, subject: RunningWrapper, path: str, body: bytes, headers: Mapping[str, str] = _JSON
    ) -> None:
        """Send a request that has to be refused as the caller's fault."""
        self.sent["HTTP"] += 1
        status, answer = self.post(subject, path, body, headers)
        # Explanations and versions in V2 are what no client can have here (501).
        assert 400 <= status < 500 or status == 501, (path, body, headers, status, answer)
        _check_sentence(json.loads(answer)["error"], f"{path} {body!r}")

    def expect_grpc_refusal(self, infer: Any, request: Any, asked: str) -> None:
        """Send a message that has to be refused as the caller's fault."""
        self.sent["gRPC"] += 1
        with pytest.raises(grpc.RpcError) as refusal:
            infer(request, timeout=_HANGS_AFTER)
        error: Any = refusal.value
        assert error.code().name in _REFUSED, (request, error.code(), error.details())
        _check_sentence(error.details(), asked)


def _ask(
    connection: http.client.HTTPConnection, path: str, body: bytes, headers: Mapping[str, str]
) -> tuple[int, bytes]:
    connection.request("POST", path, body, dict(headers))
    answer = connection.getresponse()
    return answer.status, answer.read()


def _check_sentence(sentence: str, asked: str) -> None:
    assert sentence.strip(), asked
    told = [leak for leak in _LEAKS if leak in sentence and leak not in asked]
    assert not told, (sentence, asked)


@pytest.fixture(scope="module")
def instances() -> dict[str, Instance]:
    """A TorchServe for each of its own envelopes."""
    envelopes: dict[str, Envelope] = {"v1": "kserve", "v2": "kservev2"}
    return {name: lending.instance(envelope, "contract") for name, envelope in envelopes.items()}


# Of 0.12 the protobuf takes some of what is no message for one.
@pytest.fixture(scope="module", params=("0.9.0", "0.13.1", "0.21.0"))
def pair(
    request: pytest.FixtureRequest,
    instances: dict[str, Instance],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Pair]:
    """Both wrappers of an SDK; they must have lived through it all."""
    release: str = request.param
    folders = [tmp_path_factory.mktemp(name) for name in instances]
    with (
        wrapper(release, instances["v1"], folders[0]) as v1,
        wrapper(release, instances["v2"], folders[1], protocol="v2") as v2,
    ):
        made = Pair(v1, v2)
        yield made
        for subject in (v1, v2):
            assert subject.exit_code() is None
            assert "Traceback" not in subject.log(), subject.log()[-4000:]
        if not request.session.testsfailed:
            assert sum(made.sent.values()) >= _AT_LEAST, made.sent


def test_v1(pair: Pair) -> None:
    for body, verb in _drawn(*_V1):
        pair.expect_refusal(pair.v1, f"/v1/models/contract:{verb}", body)


def test_v2(pair: Pair) -> None:
    for body in _drawn(*_V2):
        pair.expect_refusal(pair.v2, "/v2/models/contract/infer", body)


def test_binary_tensors(pair: Pair) -> None:
    for request in _drawn(*_BINARY):
        length = request.length
        headers = {} if length is None else {"inference-header-content-length": length}
        pair.expect_refusal(pair.v2, "/v2/models/contract/infer", request.body, headers)


def test_paths(pair: Pair) -> None:
    for path in _drawn(*_PATHS):
        pair.expect_refusal(pair.v1, path, b'{"instances": [1]}')


def test_grpc(pair: Pair) -> None:
    if "KServe SDK 0.9" in pair.v1.log():
        # Its SDK has no gRPC server.
        with socket.socket() as client:
            assert client.connect_ex(("127.0.0.1", pair.v2.grpc_port)) == errno.ECONNREFUSED
        return
    with grpc.insecure_channel(f"127.0.0.1:{pair.v2.grpc_port}") as channel:
        infer = service_pb2_grpc.GRPCInferenceServiceStub(channel).ModelInfer
        for request in _drawn(*_GRPC):
            pair.expect_grpc_refusal(infer, request, str(request))
        for message in _drawn(*_WIRE):
            # Releases of protobuf don't agree on what is no message, so that some go on from there.
            pair.expect_grpc_refusal(channel.unary_unary(_MODEL_INFER), message, "")


def test_more_bodies(pair: Pair) -> None:
    # What is no V2 body is none in V1 either, unless its inputs are a list.
    for body in _drawn(*_MORE_BODIES):
        pair.expect_refusal(pair.v1, "/v2/models/contract/infer", body)


@pytest.mark.parametrize("release", RELEASES[-1:])
def test_what_is_not_malformed_is_answered(
    release: str, instances: dict[str, Instance], tmp_path: Path
) -> None:
    # So that the others don't pass by refusing everything.
    with wrapper(release, instances["v2"], tmp_path, protocol="v2") as subject:
        pair = Pair(subject, subject)

        @settings(_thoroughly, max_examples=200, derandomize=True)
        @given(_BODIES)
        def judge(body: valid.Body) -> None:
            status, answer = pair.post(
                subject, "/v2/models/contract/infer", json.dumps(body).encode()
            )
            assert status == 200, answer

        judge()
