"""Asks the wrapper under test, by REST and by gRPC, and keeps what was said as evidence."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import grpc
import requests
from tritonclient.grpc import service_pb2, service_pb2_grpc

from matrix.exhibit import Exhibit
from matrix.launch import RunningWrapper
from matrix.subject import SubjectFailed

# Far above what an answer of the test models takes; a wrapper that hangs is found out.
TIMEOUT = 30.0


@dataclass(frozen=True)
class Answer:
    """An HTTP answer of the wrapper."""

    status: int
    body: bytes

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
        return self._ask("GET", path, None)

    def post(self, path: str, body: Any) -> Answer:
        """POST bytes as they are, or anything else as JSON.

        Raises:
            SubjectFailed: when the wrapper doesn't answer.
        """
        return self._ask("POST", path, body if isinstance(body, bytes) else encode(body))

    def _ask(self, method: str, path: str, body: bytes | None) -> Answer:
        url = self._base + path
        sent = f"{method} {path}\n\n{(body or b'').decode('utf-8', 'replace')}".rstrip()
        headers = {"content-type": "application/json"} if body is not None else {}
        try:
            with requests.Session() as session:
                session.trust_env = False
                got = session.request(method, url, data=body, headers=headers, timeout=TIMEOUT)
        except requests.RequestException as error:
            self._exhibit.exchange(sent, f"no answer: {error}")
            raise SubjectFailed(f"{method} {path} was not answered: {error}") from None
        self._exhibit.exchange(sent, f"{got.status_code}\n\n{got.text}")
        return Answer(got.status_code, got.content)


class GrpcRefusal(SubjectFailed):
    """A gRPC status other than OK. Where a check doesn't want it, it is a finding."""

    def __init__(self, code: str, details: str | None) -> None:
        super().__init__(f"ModelInfer ended with {code}: {details}")
        self.code = code


class GrpcClient:
    """Asks a wrapper's Open Inference Protocol gRPC service."""

    def __init__(self, wrapper: RunningWrapper, exhibit: Exhibit) -> None:
        self._target = f"127.0.0.1:{wrapper.grpc_port}"
        self._exhibit = exhibit

    def infer(self, request: service_pb2.ModelInferRequest) -> service_pb2.ModelInferResponse:
        """Call ModelInfer.

        Raises:
            GrpcRefusal: when the wrapper answers an error status, or doesn't answer.
        """
        options = [("grpc.enable_http_proxy", 0)]
        with grpc.insecure_channel(self._target, options) as channel:
            stub = service_pb2_grpc.GRPCInferenceServiceStub(channel)
            try:
                response = stub.ModelInfer(request, timeout=TIMEOUT)
            except grpc.RpcError as error:
                refusal = GrpcRefusal(error.code().name, error.details())
                self._exhibit.exchange(str(request), str(refusal))
                raise refusal from None
        self._exhibit.exchange(str(request), str(response))
        return response


def encode(body: Any) -> bytes:
    """Write a JSON body, the same bytes for the wrapper and for TorchServe."""
    return json.dumps(body).encode()
