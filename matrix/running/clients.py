"""Asks the wrapper under test by the conformance suite's clients, and keeps what was said.

Each request goes over a connection of its own: wrappers end and start again within a check, and a
request that isn't answered must be made once only, since it may be an order to a model.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import closing
from typing import Any, TypeVar

from google.protobuf.message import Message
from kserve_conformance.asking import grpc_client
from kserve_conformance.asking.grpc_client import CallFailed, grpcurl
from kserve_conformance.asking.http_client import Answer, HttpClient, NoAnswer, Request
from kserve_conformance.results.exhibit import Exhibit
from tritonclient.grpc import service_pb2

from matrix.running import ports
from matrix.running.launch import RunningWrapper

# Seconds. Far above what an answer of the test models takes; a wrapper that hangs is found out.
TIMEOUT = 30.0

_USER_AGENT = "kserve-matrix"

_Answer = TypeVar("_Answer", bound=Message)


class RestClient:
    """Asks a wrapper's REST routes."""

    def __init__(self, wrapper: RunningWrapper, exhibit: Exhibit, host: str = ports.IPV4) -> None:
        self._base = f"http://{_in_url(host)}:{wrapper.http_port}"
        self._exhibit = exhibit

    def get(self, path: str) -> Answer:
        """GET a path; see `ask`."""
        return self.ask("GET", path)

    def post(self, path: str, body: Any) -> Answer:
        """POST bytes as they are, or anything else as JSON; see `ask`."""
        encoded = body if isinstance(body, bytes) else encode(body)
        return self.ask("POST", path, encoded, {"content-type": "application/json"})

    def ask(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send a request as it is.

        Raises:
            NoAnswer: when the wrapper doesn't answer.
        """
        request = Request(method, self._base + path, headers or {}, body)
        try:
            with closing(HttpClient(self._base, TIMEOUT)) as client:
                answer = client.send(request)
        except NoAnswer as error:
            self._exhibit.exchange(request.curl(), str(error))
            raise
        self._exhibit.exchange(request.curl(), answer.shown())
        return answer


class GrpcClient:
    """Asks a wrapper's Open Inference Protocol gRPC service."""

    def __init__(self, wrapper: RunningWrapper, exhibit: Exhibit, host: str = ports.IPV4) -> None:
        self._target = f"{_in_url(host)}:{wrapper.grpc_port}"
        self._exhibit = exhibit

    def infer(self, request: service_pb2.ModelInferRequest) -> service_pb2.ModelInferResponse:
        """Call ModelInfer; see `call`."""
        return self.call("ModelInfer", request)

    def call(self, name: str, request: Any, metadata: Mapping[str, str] | None = None) -> Any:
        """Make a call of inference.GRPCInferenceService.

        Raises:
            CallFailed: when the wrapper answers an error status, or doesn't answer.
        """
        sent = metadata or {}
        line = grpcurl(self._target, name, request, sent)
        return self._asked(line, lambda client: client.call(name, request, sent))

    def call_other(self, method: str, request: Message, answer: type[_Answer]) -> _Answer:
        """Make a call of another service, such as ``grpc.health.v1.Health/Check``.

        Raises:
            CallFailed: as `call` does.
        """
        path, message = f"/{method}", request.SerializeToString()
        return self._asked(
            grpc_client.curl(self._target, path, {}, message),
            lambda client: answer.FromString(client.call_bytes(path, message, {})),
        )

    def _asked(self, line: str, ask: Callable[[grpc_client.GrpcClient], _Answer]) -> _Answer:
        with closing(grpc_client.GrpcClient(self._target, _USER_AGENT, TIMEOUT)) as client:
            try:
                answer = ask(client)
            except CallFailed as error:
                self._exhibit.exchange(line, error.shown())
                raise
        self._exhibit.exchange(line, grpc_client.shown(answer))
        return answer


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def encode(body: Any) -> bytes:
    """Write a JSON body, the same bytes for the wrapper and for TorchServe."""
    return json.dumps(body).encode()
