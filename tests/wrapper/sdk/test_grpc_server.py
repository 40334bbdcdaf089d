"""What gRPC clients and platforms expect beside inference: health, reflection, pings, sizes."""

from __future__ import annotations

import contextlib
import dataclasses
import queue
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
import requests
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (
    ProtoReflectionDescriptorDatabase,
)
from tritonclient.grpc import service_pb2, service_pb2_grpc

from fixtures.torchserve import Instance
from matrix.running.launch import RunningWrapper
from tests.wrapper import http2
from tests.wrapper.running import peak_memory, start_torchserve, wrapper

pytestmark = pytest.mark.integration

# The oldest that has gRPC, a middle one and the newest.
RELEASES = ("0.10.0", "0.12.1", "0.21.0")
SERVING, NOT_SERVING, UNKNOWN = (
    health_pb2.HealthCheckResponse.SERVING,
    health_pb2.HealthCheckResponse.NOT_SERVING,
    health_pb2.HealthCheckResponse.SERVICE_UNKNOWN,
)
# A model that comes and goes.
OWN = "comes-and-goes"
# Seconds, many times what it takes.
WITHIN = 60
# Bytes. TorchServe's workers write each number of an answer on a line of its own.
MAX_REQUEST_SIZE, MAX_RESPONSE_SIZE = 2_500_000, 40_000_000
# What the first is for data that is as dense as binary tensors.
LIMIT = 4 * MAX_REQUEST_SIZE


@dataclasses.dataclass
class Pair:
    """A wrapper, and a client."""

    subject: RunningWrapper
    channel: grpc.Channel
    instance: Instance

    @property
    def health(self) -> health_pb2_grpc.HealthStub:
        """Give the health service's client."""
        return health_pb2_grpc.HealthStub(self.channel)


@pytest.fixture(scope="module")
def torchserve() -> Iterator[Instance]:
    """A TorchServe whose envelope reads V2, and that takes large requests."""
    sizes = {"max_request_size": MAX_REQUEST_SIZE, "max_response_size": MAX_RESPONSE_SIZE}
    config = {name: str(size) for name, size in sizes.items()}
    with start_torchserve(
        "kservev2_faithful", "echo", enable_model_api="true", **config
    ) as running:
        _register(running.instance, OWN)
        yield dataclasses.replace(running.instance, models=("echo", OWN))


@pytest.fixture(scope="module", params=RELEASES)
def pair(
    request: pytest.FixtureRequest,
    torchserve: Instance,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Pair]:
    """A wrapper on one SDK."""
    more = {
        "GRPC_REFLECTION": "true",
        "TS_MAX_REQUEST_SIZE": str(MAX_REQUEST_SIZE),
        "TS_MAX_RESPONSE_SIZE": str(MAX_RESPONSE_SIZE),
    }
    folder = tmp_path_factory.mktemp("wrapper")
    with (
        wrapper(str(request.param), torchserve, folder, more=more) as subject,
        grpc.insecure_channel(
            f"127.0.0.1:{subject.grpc_port}",
            options=[("grpc.max_receive_message_length", -1)],
        ) as channel,
    ):
        yield Pair(subject, channel, torchserve)


def _register(instance: Instance, name: str) -> None:
    asked = {
        "url": "echo.mar",
        "model_name": name,
        "initial_workers": "1",
        "synchronous": "true",
    }
    requests.post(_models(instance), params=asked, timeout=120).raise_for_status()


def _unregister(instance: Instance, name: str) -> None:
    requests.delete(f"{_models(instance)}/{name}", timeout=120).raise_for_status()


def _models(instance: Instance) -> str:
    return f"http://{instance.endpoints.host}:{instance.endpoints.management}/models"


class _Watching:
    """Keeps what a Watch has been told."""

    def __init__(self, pair: Pair, service: str = "") -> None:
        self._told: queue.Queue[Any] = queue.Queue()
        self.call = pair.health.Watch(health_pb2.HealthCheckRequest(service=service))
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        with contextlib.suppress(grpc.RpcError):
            for each in self.call:
                self._told.put(each.status)
        self._told.put(None)

    def next(self) -> Any:
        """Give the next status, None at the end."""
        return self._told.get(timeout=WITHIN)


def _check(pair: Pair, service: str) -> Any:
    return pair.health.Check(health_pb2.HealthCheckRequest(service=service), timeout=WITHIN).status


def test_health_follows_readiness(pair: Pair) -> None:
    ready = ("", "inference.GRPCInferenceService", "readiness")
    assert {_check(pair, each) for each in ready} == {SERVING}
    watching = _Watching(pair)
    assert watching.next() == SERVING
    _unregister(pair.instance, OWN)
    assert watching.next() == NOT_SERVING
    assert {_check(pair, each) for each in ready} == {NOT_SERVING}
    assert _check(pair, "liveness") == SERVING
    _register(pair.instance, OWN)
    assert watching.next() == SERVING
    assert {_check(pair, each) for each in ready} == {SERVING}
    watching.call.cancel()


def test_who_asks_for_what_is_not_there_is_told(pair: Pair) -> None:
    with pytest.raises(grpc.RpcError) as refused:
        _check(pair, "nobody")
    assert refused.value.code() == grpc.StatusCode.NOT_FOUND
    watching = _Watching(pair, "nobody")
    assert watching.next() == UNKNOWN
    watching.call.cancel()


def test_a_reflecting_client_needs_no_files(pair: Pair) -> None:
    database = ProtoReflectionDescriptorDatabase(pair.channel)
    assert set(database.get_services()) == {
        "grpc.health.v1.Health",
        "grpc.reflection.v1.ServerReflection",
        "grpc.reflection.v1alpha.ServerReflection",
        "inference.GRPCInferenceService",
    }
    pool = DescriptorPool(database)
    service = pool.FindServiceByName("inference.GRPCInferenceService")
    (index,) = (call for call in service.methods if call.name == "RepositoryIndex")
    asked, answered = (GetMessageClass(each) for each in (index.input_type, index.output_type))
    call = pair.channel.unary_unary(
        f"/{service.full_name}/{index.name}",
        request_serializer=asked.SerializeToString,
        response_deserializer=answered.FromString,
    )
    assert "echo" in {model.name for model in call(asked(), timeout=WITHIN).models}
    with pytest.raises(KeyError):
        pool.FindServiceByName("inference.Nothing")


def _infer(pair: Pair, elements: int, compression: Any = None) -> Any:
    request = service_pb2.ModelInferRequest(model_name="echo")
    request.inputs.add(name="x", datatype="INT64", shape=[elements])
    request.raw_input_contents.append(bytes(8 * elements))
    stub = service_pb2_grpc.GRPCInferenceServiceStub(pair.channel)
    return stub.ModelInfer(request, timeout=10 * WITHIN, compression=compression)


def test_messages_may_be_as_large_as_the_configuration_says(pair: Pair) -> None:
    # The SDK's own limit is 8 MiB.
    elements = 1_100_000
    answer = _infer(pair, elements, grpc.Compression.Gzip)
    assert len(answer.raw_output_contents[0]) == 8 * elements
    with pytest.raises(grpc.RpcError) as refused:
        _infer(pair, LIMIT // 8 + 1)
    assert refused.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    assert str(LIMIT) in str(refused.value.details())


@pytest.mark.parametrize("compression", [grpc.Compression.Gzip, grpc.Compression.Deflate])
def test_packed_messages_are_read_within_their_bound(pair: Pair, compression: Any) -> None:
    assert len(_infer(pair, 1000, compression).raw_output_contents[0]) == 8000
    asked = health_pb2.HealthCheckRequest(service="liveness" * 100)
    with pytest.raises(grpc.RpcError) as refused:
        pair.health.Check(asked, timeout=WITHIN, compression=compression)
    assert refused.value.code() == grpc.StatusCode.NOT_FOUND
    before = peak_memory(pair.subject, afresh=True)
    with pytest.raises(grpc.RpcError) as refused:
        _infer(pair, 5 * LIMIT // 8, compression)
    assert refused.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    assert f"max_request_size is {MAX_REQUEST_SIZE} bytes" in str(refused.value.details())
    assert peak_memory(pair.subject) - before < 3 * LIMIT


def test_who_pings_without_asking_is_not_sent_away(pair: Pair) -> None:
    # A client of gRPC pings no faster than each 10 s. Three pings that come too early end a
    # connection.
    with socket.create_connection(("127.0.0.1", pair.subject.grpc_port), timeout=WITHIN) as client:
        client.sendall(http2.greeting())
        stream = client.makefile("rb")
        for number in range(5):
            time.sleep(1.2)
            mark = number.to_bytes(8, "big")
            client.sendall(http2.frame(http2.PING, 0, mark))
            while (frame := http2.read_frame(stream)) != (http2.PING, mark):
                assert frame[0] != http2.GOAWAY, frame


@pytest.mark.parametrize("release", RELEASES)
def test_who_watches_is_told_of_the_end_and_does_not_delay_it(
    release: str, torchserve: Instance, tmp_path: Path
) -> None:
    with (
        wrapper(release, torchserve, tmp_path, more={"SHUTDOWN_GRACE_PERIOD": "300"}) as subject,
        grpc.insecure_channel(f"127.0.0.1:{subject.grpc_port}") as channel,
    ):
        watching = _Watching(Pair(subject, channel, torchserve))
        assert watching.next() == SERVING
        subject.terminate()
        assert watching.next() == NOT_SERVING
        assert watching.next() is None
        assert subject._process.wait(timeout=WITHIN) == 0
        with pytest.raises(grpc.RpcError):
            _check(Pair(subject, channel, torchserve), "")
