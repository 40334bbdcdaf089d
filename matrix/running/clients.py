"""Asks the wrapper under test, by REST and by gRPC, and keeps what was said as evidence."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import grpc
import requests
from tritonclient.grpc import service_pb2, service_pb2_grpc

from conformance.outcomes.exhibit import Exhibit
from conformance.outcomes.verdicts import SubjectFailed
from matrix.running.launch import RunningWrapper

# Far above what an answer of the test models takes; a wrapper that hangs is found out.
TIMEOUT = 30.0


@dataclass(frozen=True)
class Answer:
    """An HTTP answer of the wrapper."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)

    def json(self) -> Any:
        """Give the body as JSON.

        Raises:
            AssertionError: when it is none.
        """
        try:
            return json.loads(self.body)
        except ValueError:
            raise AssertionError(
                f"the body of the answer {self.status} is no JSON: {self.body[:200]!r}"
            ) from None

    def error(self) -> str:
        """Give the sentence of an error answer.

        Raises:
            AssertionError: when there is no non-empty ``error`` string.
        """
        body = self.json()
        sentence = body.get("error") if isinstance(body, dict) else None
        assert isinstance(sentence, str), f'no "error" string in the answer: {self.body[:200]!r}'
        assert sentence.strip(), "the error of the answer is empty"
        return sentence


class RestClient:
    """Asks a wrapper's REST routes."""

    def __init__(self, wrapper: RunningWrapper, exhibit: Exhibit) -> None:
        self._base = wrapper.url
        self._exhibit = exhibit

    def get(self, path: str) -> Answer:
        """GET a path.

        Raises:
            SubjectFailed: when the wrapper doesn't answer.
        """
        return self.ask("GET", path)

    def post(self, path: str, body: Any) -> Answer:
        """POST bytes as they are, or anything else as JSON.

        Raises:
            SubjectFailed: when the wrapper doesn't answer.
        """
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
            SubjectFailed: when the wrapper doesn't answer.
        """
        url = self._base + path
        told = "".join(f"\n{name}: {value}" for name, value in (headers or {}).items())
        sent = f"{method} {path}{told}\n\n{(body or b'').decode('utf-8', 'replace')}".rstrip()
        try:
            with requests.Session() as session:
                session.trust_env = False
                got = session.request(method, url, data=body, headers=headers, timeout=TIMEOUT)
        except requests.RequestException as error:
            self._exhibit.exchange(sent, f"no answer: {error}")
            raise SubjectFailed(f"{method} {path} was not answered: {error}") from None
        self._exhibit.exchange(sent, f"{got.status_code}\n\n{got.text}")
        return Answer(got.status_code, got.content, got.headers)


class GrpcRefusal(SubjectFailed):
    """A gRPC status other than OK. Where a check doesn't want it, it is a finding."""

    def __init__(self, call: str, code: str, details: str | None) -> None:
        super().__init__(f"{call} ended with {code}: {details}")
        self.code = code
        self.details = details or ""


class GrpcClient:
    """Asks a wrapper's Open Inference Protocol gRPC service."""

    def __init__(self, wrapper: RunningWrapper, exhibit: Exhibit) -> None:
        self._target = f"127.0.0.1:{wrapper.grpc_port}"
        self._exhibit = exhibit

    def infer(self, request: service_pb2.ModelInferRequest) -> service_pb2.ModelInferResponse:
        """Call ModelInfer; see `call`.

        Raises:
            GrpcRefusal: when the wrapper answers an error status, or doesn't answer.
        """
        return self.call("ModelInfer", request)

    def call(self, name: str, request: Any, metadata: Mapping[str, str] | None = None) -> Any:
        """Make a call of inference.GRPCInferenceService.

        Raises:
            GrpcRefusal: when the wrapper answers an error status, or doesn't answer.
        """
        options = [("grpc.enable_http_proxy", 0)]
        with grpc.insecure_channel(self._target, options) as channel:
            stub = service_pb2_grpc.GRPCInferenceServiceStub(channel)
            try:
                sent = tuple((metadata or {}).items())
                response = getattr(stub, name)(request, timeout=TIMEOUT, metadata=sent)
            except grpc.RpcError as error:
                refusal = GrpcRefusal(name, error.code().name, error.details())
                self._exhibit.exchange(f"{name} {request}", str(refusal))
                raise refusal from None
        self._exhibit.exchange(f"{name} {request}", str(response))
        return response


def encode(body: Any) -> bytes:
    """Write a JSON body, the same bytes for the wrapper and for TorchServe."""
    return json.dumps(body).encode()
