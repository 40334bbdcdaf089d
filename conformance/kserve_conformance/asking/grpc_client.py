"""Calls a server's inference.GRPCInferenceService, and shows each call as a grpcurl line."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import grpc
from google.protobuf import descriptor_pb2, json_format
from google.protobuf.message import Message
from tritonclient.grpc import service_pb2

from kserve_conformance.asking.access import DIRECT, Access, Address
from kserve_conformance.asking.http_client import LONGEST_LINE, TIMEOUT, NoAnswer, Request
from kserve_conformance.expect import Departure, shortened

SERVICE = "inference.GRPCInferenceService"
PROTOSET = "open_inference.protoset"
# Of gRPC's own health protocol, which is beside the service.
HEALTH_CHECK = "/grpc.health.v1.Health/Check"
HEALTH_WATCH = "/grpc.health.v1.Health/Watch"
# Of Triton's and MLServer's services, beside the protocol's own calls.
STREAM_INFER = f"/{SERVICE}/ModelStreamInfer"
_LONGEST = 64 * 1024 * 1024
# Seconds. A port that speaks no gRPC never becomes ready: no answer tells so.
_CONNECTING = 5.0


class CallFailed(Departure):
    """A gRPC status other than OK. Where a check doesn't want it, it is a departure."""

    def __init__(self, call: str, code: str, details: str) -> None:
        super().__init__(f"{call} ended with {code}: {shortened(details, 300)}", "OK", code)
        self.code = code
        self.details = details

    def shown(self) -> str:
        """Give the end of the call for a person to read."""
        return f"{self.code}: {self.details}"

    @property
    def is_no_answer(self) -> bool:
        """Tell whether the server let the time run out, which is no way to refuse a call."""
        return self.code == "DEADLINE_EXCEEDED"


@dataclass(frozen=True)
class Streamed:
    """What a call answered that has streams in both directions.

    Attributes:
        code: the name of the code that it ended with, None where as much came as was asked for.
    """

    answers: Sequence[bytes]
    code: str | None = None
    details: str = ""

    def shown(self) -> str:
        """Give what came for a person to read."""
        return "\n".join((*map(repr, self.answers), f"{self.code or 'left'}: {self.details}"))


class GrpcClient:
    """Makes calls over one channel."""

    def __init__(
        self, target: str, user_agent: str, timeout: float = TIMEOUT, access: Access = DIRECT
    ) -> None:
        self.target = target
        self._timeout = timeout
        self._access = access
        self._address = Address.of(target)
        options = [
            ("grpc.primary_user_agent", user_agent),
            ("grpc.max_receive_message_length", _LONGEST),
            ("grpc.max_send_message_length", _LONGEST),
        ]
        self._channel = access.channel(self._address, options)

    def connect(self) -> None:
        """Wait for the connection; `NoAnswer` where there is none in time."""
        try:
            grpc.channel_ready_future(self._channel).result(min(self._timeout, _CONNECTING))
        except grpc.FutureTimeoutError:
            raise NoAnswer(f"no gRPC connection in time{self._why()}") from None

    def call(self, name: str, request: Message, metadata: Mapping[str, str]) -> Any:
        """Make a call; `CallFailed` where it ends with another status than OK, or not at all."""
        return self._answer(name, self._method(name), request, metadata)

    def call_bytes(self, method: str, message: bytes, metadata: Mapping[str, str]) -> bytes:
        """Make a call of any method with bytes that need be no message; fails as `call` does."""
        call = self._channel.unary_unary(
            method, request_serializer=None, response_deserializer=None
        )
        answer: bytes = self._answer(method, call, message, metadata)
        return answer

    def told_beside(
        self, name: str, request: Message, metadata: Mapping[str, str]
    ) -> Mapping[str, Any]:
        """Make a call, and give what its end tells beside the answer: metadata and message."""
        try:
            _, ended = self._method(name).with_call(
                request, timeout=self._timeout, metadata=self._sent(metadata)
            )
        except grpc.RpcError as error:
            ended = error
        told = (*(ended.initial_metadata() or ()), *(ended.trailing_metadata() or ()))
        return {**dict(told), "grpc-message": ended.details() or ""}

    def stream_bytes(
        self, method: str, messages: Sequence[bytes], metadata: Mapping[str, str], most: int
    ) -> Streamed:
        """Make a call of any method with some messages, and give the answers until its end.

        Args:
            most: leave it once so many have come.
        """
        call = self._channel.stream_stream(
            method, request_serializer=None, response_deserializer=None
        )
        answering = call(iter(messages), timeout=self._timeout, metadata=self._sent(metadata))
        answers: list[bytes] = []
        try:
            for answer in answering:
                answers.append(answer)
                if len(answers) == most:
                    answering.cancel()
                    return Streamed(answers)
        except grpc.RpcError as error:
            return Streamed(answers, error.code().name, error.details() or "")
        return Streamed(answers, "OK")

    def _method(self, name: str) -> Any:
        # Not the service's stub, which makes all its methods: most channels are for a call or two.
        return self._channel.unary_unary(
            f"/{SERVICE}/{name}",
            request_serializer=getattr(service_pb2, f"{name}Request").SerializeToString,
            response_deserializer=getattr(service_pb2, f"{name}Response").FromString,
        )

    def _answer(self, name: str, call: Any, request: Any, metadata: Mapping[str, str]) -> Any:
        try:
            return call(request, timeout=self._timeout, metadata=self._sent(metadata))
        except grpc.RpcError as error:
            raise CallFailed(name, error.code().name, error.details() or "") from None

    def _sent(self, metadata: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
        return tuple(self._access.metadata(metadata).items())

    def close(self) -> None:
        """Close the channel."""
        self._channel.close()

    def _why(self) -> str:
        # gRPC itself keeps to itself why it can't connect.
        try:
            self._access.connect(self._address, _CONNECTING).close()
        except OSError as error:
            return f": {error}"
        return ""


def shown(answer: Message) -> str:
    """Give the answer to a call for a person to read."""
    return str(answer) or "(a message of defaults only)"


def grpcurl(
    target: str,
    name: str,
    request: Message,
    metadata: Mapping[str, str],
    access: Access = DIRECT,
) -> str:
    """Give a line for a shell that makes the same call, but for a message too long for one.

    ``BODY`` stands for that, and the line ends with a comment that tells its size.
    Servers of KServe's SDK have no reflection, so that grpcurl needs a description of the
    service: ``kserve-conformance protoset`` writes it.
    """
    address = Address.of(target)
    words = ["-protoset", PROTOSET]
    for key, value in access.chosen(metadata).items():
        words += ["-H", f"{key}: {value}"]
    body = json_format.MessageToDict(request, preserving_proto_field_name=True)
    text = json.dumps(body, ensure_ascii=False)
    # What can't be seen is no part of a line to copy.
    text = text if text.isprintable() else json.dumps(body)
    called = [str(address), f"{SERVICE}/{name}"]
    begun = access.grpcurl(address)
    if len(text) <= LONGEST_LINE:
        line = f"{begun} {shlex.join([*words, '-d', text, *called])}"
        if len(line) <= LONGEST_LINE:
            return line
    line = f"{begun} {shlex.join([*words, '-d', '@', *called])}"
    return f"{line} < BODY   # {len(text)} characters of JSON"


def framed(message: bytes) -> bytes:
    """Give a message as gRPC sends it over HTTP/2: not packed, behind its length."""
    return b"\0" + len(message).to_bytes(4, "big") + message


def curl(
    target: str,
    method: str,
    metadata: Mapping[str, str],
    *messages: bytes,
    access: Access = DIRECT,
) -> str:
    """Give a line for a shell that sends bytes as gRPC does, each message after its length.

    grpcurl sends messages of calls that are in its description only.
    """
    headers = {"content-type": "application/grpc", "te": "trailers", **metadata}
    body = b"".join(map(framed, messages))
    address = Address.of(target)
    scheme, how = ("https", "--http2") if address.is_tls else ("http", "--http2-prior-knowledge")
    return Request("POST", f"{scheme}://{address}{method}", headers, body).curl(access, how)


def protoset() -> bytes:
    """Describe the service as grpcurl's ``-protoset`` takes it: a FileDescriptorSet."""
    wanted = descriptor_pb2.FileDescriptorSet()
    seen: set[str] = set()

    def add(file: Any) -> None:
        if file.name in seen:
            return
        seen.add(file.name)
        for dependency in file.dependencies:
            add(dependency)
        file.CopyToProto(wanted.file.add())

    add(service_pb2.DESCRIPTOR)
    return wanted.SerializeToString()
