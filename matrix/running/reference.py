"""Asks TorchServe itself: its answer is what a wrapper's answer is held against."""

from __future__ import annotations

import json
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from kserve_conformance.asking.http_client import HttpClient, Request
from kserve_conformance.errors import NotKnown
from kserve_conformance.expect import Departure
from kserve_conformance.results.exhibit import Exhibit

from fixtures.torchserve import Instance
from matrix.running.clients import TIMEOUT, RestClient, encode

_PACKAGE = "org.pytorch.serve.grpc.inference"


class ReferenceMissingError(NotKnown):
    """TorchServe itself didn't answer: the harness's fault, not the subject's."""


@dataclass(frozen=True)
class Reference:
    """The TorchServe behind a wrapper, and what asks that wrapper.

    Attributes:
        transport: how the wrapper asks it, ``rest`` or ``grpc``. The contract model tells the
            transport, so both have to ask by the same one.
    """

    instance: Instance
    transport: str
    rest: RestClient
    exhibit: Exhibit

    def answer(self, model: str, path: str, body: Any) -> Any:
        """Ask TorchServe itself; see `by_rest` and `by_grpc`."""
        if self.transport == "grpc":
            return by_grpc(self.instance, model, body)
        return by_rest(self.instance, path, body)

    def same(self, model: str, path: str, body: Any) -> Any:
        """Judge that the wrapper answers as TorchServe itself does, and give that answer."""
        own = self.answer(model, path, body)
        answer = self.rest.post(path, body)
        self.exhibit.equal(answer.status, 200, "status")
        self.exhibit.equal(answer.json(), own, "answer beside TorchServe's own")
        return own


def by_rest(instance: Instance, path: str, body: Any) -> Any:
    """POST a JSON body to TorchServe's inference API and give its JSON answer.

    Raises:
        ReferenceMissingError: when TorchServe doesn't answer 200 with JSON.
    """
    base = f"http://{instance.endpoints.host}:{instance.endpoints.inference}"
    headers = {"content-type": "application/json"}
    try:
        with closing(HttpClient(base, TIMEOUT)) as client:
            return client.send(Request("POST", base + path, headers, encode(body))).success()
    except Departure as error:
        raise ReferenceMissingError(f"TorchServe itself can't answer: {error}") from None


def by_grpc(instance: Instance, model: str, body: Any) -> Any:
    """Send a JSON body through TorchServe's ``Predictions`` call and give its JSON answer.

    Raises:
        ReferenceMissingError: when TorchServe doesn't answer with JSON.
    """
    target = f"{instance.endpoints.host}:{instance.endpoints.grpc_inference}"
    request = _PredictionsRequest(model_name=model, input={"data": encode(body)})
    try:
        with grpc.insecure_channel(target, [("grpc.enable_http_proxy", 0)]) as channel:
            call = channel.unary_unary(
                f"/{_PACKAGE}.InferenceAPIsService/Predictions",
                request_serializer=_PredictionsRequest.SerializeToString,
                response_deserializer=_PredictionResponse.FromString,
            )
            return json.loads(call(request, timeout=TIMEOUT).prediction)
    except (grpc.RpcError, ValueError) as error:
        raise ReferenceMissingError(f"TorchServe itself can't answer by gRPC: {error}") from None


def _messages() -> descriptor_pb2.FileDescriptorProto:
    # pytorch/serve, frontend/server/src/main/resources/proto/inference.proto: the members
    # used here, whose numbers are the same from 0.5.3 to 0.12.0.
    kind = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(
        name="matrix/torchserve_inference.proto", package=_PACKAGE, syntax="proto3"
    )
    request = file.message_type.add(name="PredictionsRequest")
    request.field.add(name="model_name", number=1, type=kind.TYPE_STRING, label=1)
    request.field.add(
        name="input",
        number=3,
        type=kind.TYPE_MESSAGE,
        label=3,
        type_name=f".{_PACKAGE}.PredictionsRequest.InputEntry",
    )
    entry = request.nested_type.add(name="InputEntry")
    entry.options.map_entry = True
    entry.field.add(name="key", number=1, type=kind.TYPE_STRING, label=1)
    entry.field.add(name="value", number=2, type=kind.TYPE_BYTES, label=1)
    response = file.message_type.add(name="PredictionResponse")
    response.field.add(name="prediction", number=1, type=kind.TYPE_BYTES, label=1)
    return file


_pool = descriptor_pool.DescriptorPool()
_pool.AddSerializedFile(_messages().SerializeToString())
_PredictionsRequest = message_factory.GetMessageClass(
    _pool.FindMessageTypeByName(f"{_PACKAGE}.PredictionsRequest")
)
_PredictionResponse = message_factory.GetMessageClass(
    _pool.FindMessageTypeByName(f"{_PACKAGE}.PredictionResponse")
)
