"""The lines that a person copies send what the suite sent."""

from __future__ import annotations

import json
import shlex
import subprocess
from contextlib import closing

import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory
from kserve_conformance import tensors
from kserve_conformance.asking import grpc_client
from kserve_conformance.asking.http_client import HttpClient, Request
from kserve_conformance.asking.offer import Offer
from kserve_conformance.asking.server import Server
from kserve_conformance.asking.target import Target
from tritonclient.grpc import service_pb2

from tests.servers import RightServer
from tests.servers.http import Answer, Handler
from tests.servers.http import Request as Received

REQUESTS = [
    ("GET", "/v2", {"x-request-id": "a"}, None),
    ("HEAD", "/v2/health/live", {}, None),
    ("POST", "/v1/models/contract:predict", {"content-type": "application/json"}, b'{"a": "\'"}'),
    ("POST", "/v2/models/a/../%2e/infer", {"content-type": "a/b"}, b"%s - 'a'"),
    ("POST", "/v1/models/c%6Fntract:predict", {}, "é\n$HOME `x` \\".encode()),
    ("POST", "/v2/models/contract/infer", {"x-empty": ""}, b""),
    ("POST", "/v2", {"content-type": "x/y"}, b"@file"),
    ("PUT", "/v2/models/contract/infer", {"content-type": "a/b"}, bytes(range(256))),
]


@pytest.mark.container
@pytest.mark.parametrize(("method", "path", "headers", "body"), REQUESTS)
def test_a_curl_line_sends_the_same(
    server: RightServer, method: str, path: str, headers: dict[str, str], body: bytes | None
) -> None:
    seen: list[Received] = []

    async def keep(request: Received, proceed: Handler) -> Answer:
        seen.append(request)
        return await proceed(request)

    server.rest_fault = keep
    named = {"user-agent": "suite", **headers}
    request = Request(method, server.url + path, named, body)
    client = HttpClient(server.url)
    client.send(request)
    client.close()
    line = request.curl()
    assert line.isprintable()
    subprocess.run(["sh", "-c", line], check=True, capture_output=True, timeout=30)
    sent, repeated = seen
    assert (repeated.method, repeated.path) == (sent.method, sent.path)
    assert repeated.body == sent.body
    for name in (*named, "content-type"):
        assert repeated.headers.get(name) == sent.headers.get(name), name


def test_a_grpcurl_line_means_the_same() -> None:
    body = {"id": "é", "inputs": [tensors.tensor("returned", "FP32", [2], [0.5, 1.0])]}
    for message in (tensors.request("m", body), tensors.raw_request("m", body)):
        line = grpc_client.grpcurl("h:1", "ModelInfer", message, {"x-request-id": "A-1"})
        words = shlex.split(line)
        assert words[-2:] == ["h:1", "inference.GRPCInferenceService/ModelInfer"]
        assert words[words.index("-H") + 1] == "x-request-id: A-1"
        document = json.loads(words[words.index("-d") + 1])
        assert json_format.ParseDict(document, service_pb2.ModelInferRequest()) == message


def test_a_request_that_is_changed_and_sent_again_is_shown_as_it_was_sent(
    server: RightServer, target: Target
) -> None:
    request = tensors.any_request(target.model, {"inputs": [tensors.returned("INT32", [1], [1])]})
    with (
        closing(HttpClient(server.url)) as http,
        closing(Server(target, "GRPC-INFER-001", http, Offer())) as asking,
    ):
        for identifier in ("first", "second"):
            request.id = identifier
            asking.infer_grpc(request)
            asking.told_beside("ModelInfer", request, {})
        lines = [shlex.split(each["request"]) for each in asking.exhibit.exchanges]
    sent = [json.loads(words[words.index("-d") + 1])["id"] for words in lines]
    assert sent == ["first", "first", "second", "second"]


def test_the_protoset_describes_the_service() -> None:
    described = descriptor_pb2.FileDescriptorSet.FromString(grpc_client.protoset())
    pool = descriptor_pool.DescriptorPool()
    for file in described.file:
        pool.Add(file)
    service = pool.FindServiceByName(grpc_client.SERVICE)
    method = service.methods_by_name["ModelInfer"]
    made = message_factory.GetMessageClass(method.input_type)
    message = tensors.request("m", {"inputs": [tensors.tensor("x", "BOOL", [1], [True])]})
    read = made.FromString(message.SerializeToString())
    assert json_format.MessageToDict(read) == json_format.MessageToDict(message)
