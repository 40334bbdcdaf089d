"""Asks TorchServe itself: its answer is what a wrapper's answer is held against."""

from __future__ import annotations

import json
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, text_format
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


# pytorch/serve, frontend/server/src/main/resources/proto/inference.proto: the members used here,
# whose numbers are the same from 0.5.3 to 0.12.0.
_PROTO = f"""
name: "matrix/torchserve_inference.proto" package: "{_PACKAGE}" syntax: "proto3"
message_type {{
  name: "PredictionsRequest"
  field {{ name: "model_name" number: 1 type: TYPE_STRING label: LABEL_OPTIONAL }}
  field {{
    name: "input" number: 3 type: TYPE_MESSAGE label: LABEL_REPEATED
    type_name: ".{_PACKAGE}.PredictionsRequest.InputEntry"
  }}
  nested_type {{
    name: "InputEntry" options {{ map_entry: true }}
    field {{ name: "key" number: 1 type: TYPE_STRING label: LABEL_OPTIONAL }}
    field {{ name: "value" number: 2 type: TYPE_BYTES label: LABEL_OPTIONAL }}
  }}
}}
message_type {{
  name: "PredictionResponse"
  field {{ name: "prediction" number: 1 type: TYPE_BYTES label: LABEL_OPTIONAL }}
}}
"""
_pool = descriptor_pool.DescriptorPool()
_pool.Add(text_format.Parse(_PROTO, descriptor_pb2.FileDescriptorProto()))
_PredictionsRequest, _PredictionResponse = (
    message_factory.GetMessageClass(_pool.FindMessageTypeByName(f"{_PACKAGE}.{name}"))
    for name in ("PredictionsRequest", "PredictionResponse")
)
