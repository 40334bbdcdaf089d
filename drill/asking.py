"""Clients of the model ``drilled`` in each protocol, which look whether the answer is their own."""

from __future__ import annotations

import contextlib
import http.client
import itertools
import json
import os
import select
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import grpc
from tritonclient.grpc import service_pb2, service_pb2_grpc

from drill.outcomes import CONNECT, RESET, TIMEOUT, WRONG, Outcome

HOST = "127.0.0.1"
# Seconds, above what any answer may take here; a server that hangs is found out.
PATIENCE = 15.0
_JSON = {"Content-Type": "application/json"}
# No two requests of a machine's drills have the same; all have as many digits.
_numbers = itertools.count(10**12 + os.getpid() * 10**6)
# What grpcio says of a connection that it didn't get, and of one that broke: it has one status for
# both, which servers use, too.
_NOT_CONNECTED = ("failed to connect to all addresses", "Connection refused")
_BROKEN = (
    "Socket closed",
    "Connection reset",
    "Broken pipe",
    "GOAWAY",
    "Stream removed",
    "RST_STREAM",
)


@dataclass(frozen=True)
class Address:
    """Where a wrapper is reached, and which of its models is asked.

    Attributes:
        grpc: its port, None where it has no server for gRPC.
    """

    http: int
    grpc: int | None
    model: str = "drilled"

    @property
    def protocols(self) -> tuple[str, ...]:
        """List the protocols that it can be asked in."""
        return ("V1", "V2") if self.grpc is None else ("V1", "V2", "gRPC")


class Client(Protocol):
    """Asks one request at a time, over a connection that it keeps."""

    def ask(self, order: Mapping[str, float]) -> Outcome:
        """Have an order obeyed; its number is the client's own."""

    def close(self) -> None:
        """Close the connection."""


def client(protocol: str, address: Address, patience: float = PATIENCE) -> Client:
    """Make a client of one of `Address.protocols`."""
    if protocol == "gRPC":
        return _GrpcClient(address, patience)
    return RestClient(protocol, address, patience)


class RestClient:
    """Asks over HTTP/1.1.

    Args:
        patience: seconds that an answer is waited for.
    """

    def __init__(self, protocol: str, address: Address, patience: float = PATIENCE) -> None:
        self._protocol = protocol
        self._path = path(protocol, address.model)
        self._connection = http.client.HTTPConnection(HOST, address.http, timeout=patience)

    def ask(self, order: Mapping[str, float]) -> Outcome:
        """Have an order obeyed."""
        number = next_number()
        began = time.monotonic()
        status, headers, body = self.send(request_body(self._protocol, {"number": number, **order}))
        if status == "200" and str(number).encode() not in body:
            status = WRONG
        closes = headers.get("connection", "").lower() == "close"
        ended, may_retry = time.monotonic(), "retry-after" in headers
        return Outcome(self._protocol, began, ended, status, closes, may_retry)

    def send(self, body: bytes) -> tuple[str, Mapping[str, str], bytes]:
        """Post a body; give the status, or what there was instead, the headers and the answer."""
        # What the server has closed meanwhile is seen before something is sent, as gateways do.
        if self._connection.sock is not None and has_ended(self._connection.sock):
            self._connection.close()
        try:
            if self._connection.sock is None:
                self._connection.connect()
        except OSError:
            self._connection.close()
            return CONNECT, {}, b""
        try:
            self._connection.request("POST", self._path, body, _JSON)
            answer = self._connection.getresponse()
            told = {name.lower(): value for name, value in answer.getheaders()}
            return str(answer.status), told, answer.read()
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            return TIMEOUT if isinstance(error, TimeoutError) else RESET, {}, b""

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


class _GrpcClient:
    def __init__(self, address: Address, patience: float) -> None:
        self._model = address.model
        self._patience = patience
        options = [
            ("grpc.enable_http_proxy", 0),
            # A client of its own kind waits up to two minutes before it connects anew; here that
            # would be told as the server's.
            ("grpc.initial_reconnect_backoff_ms", 100),
            ("grpc.max_reconnect_backoff_ms", 200),
            # Channels to one address share a connection unless they say so.
            ("grpc.use_local_subchannel_pool", 1),
        ]
        self._channel = grpc.insecure_channel(f"{HOST}:{address.grpc}", options)
        self._stub = service_pb2_grpc.GRPCInferenceServiceStub(self._channel)

    def ask(self, order: Mapping[str, float]) -> Outcome:
        number = next_number()
        began = time.monotonic()
        result = "OK"
        try:
            answer = self._stub.ModelInfer(self._request(number, order), timeout=self._patience)
            result = "OK" if _holds(answer, number) else WRONG
        except grpc.RpcError as error:
            waited = time.monotonic() - began
            result = _result(error.code().name, error.details() or "", waited >= self._patience)
        return Outcome("gRPC", began, time.monotonic(), result)

    def _request(self, number: int, order: Mapping[str, float]) -> service_pb2.ModelInferRequest:
        request = service_pb2.ModelInferRequest(model_name=self._model)
        told = request.inputs.add(name="number", datatype="INT64", shape=[1])
        told.contents.int64_contents.append(number)
        for name, value in order.items():
            tensor = request.inputs.add(name=name, datatype="FP64", shape=[1])
            tensor.contents.fp64_contents.append(value)
        return request

    def close(self) -> None:
        self._channel.close()


def path(protocol: str, model: str) -> str:
    """Give the path of a model's requests over REST."""
    return f"/v1/models/{model}:predict" if protocol == "V1" else f"/v2/models/{model}/infer"


def request_body(protocol: str, order: Mapping[str, Any]) -> bytes:
    """Write an order as the body of a request over REST."""
    if protocol == "V1":
        return json.dumps({"instances": [order]}).encode()
    tensors = [
        {
            "name": name,
            "datatype": "INT64" if name == "number" else "FP64",
            "shape": [1],
            "data": [value],
        }
        for name, value in order.items()
    ]
    return json.dumps({"inputs": tensors}).encode()


def has_ended(connection: socket.socket) -> bool:
    """Tell whether a connection on which nothing is awaited has something to read: its end."""
    return bool(select.select([connection], [], [], 0)[0])


def next_number() -> int:
    """Give a number that no other request has."""
    return next(_numbers)


def get(port: int, route: str, seconds: float) -> str:
    """GET a path over a connection of its own; give the status, or what there was instead."""
    connection = http.client.HTTPConnection(HOST, port, timeout=seconds)
    with contextlib.closing(connection):
        try:
            connection.connect()
        except OSError:
            return CONNECT
        try:
            connection.request("GET", route)
            answer = connection.getresponse()
            answer.read()
            return str(answer.status)
        except (OSError, http.client.HTTPException) as error:
            return TIMEOUT if isinstance(error, TimeoutError) else RESET


def _holds(answer: Any, number: int) -> bool:
    numbers = [each for output in answer.outputs for each in output.contents.int64_contents]
    raw = number.to_bytes(8, "little")
    return number in numbers or raw in answer.raw_output_contents


def _result(code: str, details: str, is_late: bool) -> str:
    if code == "DEADLINE_EXCEEDED" and is_late:
        return TIMEOUT
    if code == "UNAVAILABLE" and any(words in details for words in _NOT_CONNECTED):
        return CONNECT
    if any(words in details for words in _BROKEN):
        return RESET
    return code
