"""``grpc.health.v1``, as Kubernetes' gRPC probes, Envoy and grpc_health_probe ask it.

Its messages are described here, and not those that grpcio-health-checking generates: see
`wrapper.message_classes`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc
from google.protobuf import text_format
from google.protobuf.descriptor_pb2 import FileDescriptorProto

from wrapper import message_classes
from wrapper.front.health import Health
from wrapper.sdk.grpc_packing import Unpack
from wrapper.steps import at_once

NAME = "grpc.health.v1.Health"

FILE = text_format.Parse(
    """
    name: "grpc/health/v1/health.proto"
    package: "grpc.health.v1"
    syntax: "proto3"
    message_type {
      name: "HealthCheckRequest"
      field { name: "service" number: 1 label: LABEL_OPTIONAL type: TYPE_STRING }
    }
    message_type {
      name: "HealthCheckResponse"
      field {
        name: "status" number: 1 label: LABEL_OPTIONAL type: TYPE_ENUM
        type_name: ".grpc.health.v1.HealthCheckResponse.ServingStatus"
      }
      enum_type {
        name: "ServingStatus"
        value { name: "UNKNOWN" number: 0 }
        value { name: "SERVING" number: 1 }
        value { name: "NOT_SERVING" number: 2 }
        value { name: "SERVICE_UNKNOWN" number: 3 }
      }
    }
    service {
      name: "Health"
      method {
        name: "Check"
        input_type: ".grpc.health.v1.HealthCheckRequest"
        output_type: ".grpc.health.v1.HealthCheckResponse"
      }
      method {
        name: "Watch"
        input_type: ".grpc.health.v1.HealthCheckRequest"
        output_type: ".grpc.health.v1.HealthCheckResponse"
        server_streaming: true
      }
    }
    """,
    FileDescriptorProto(),
)

_pool = message_classes.pool_of(FILE)
_Request = message_classes.find(_pool, "grpc.health.v1.HealthCheckRequest")
_Response = message_classes.find(_pool, "grpc.health.v1.HealthCheckResponse")

_SERVICE_UNKNOWN = 3
_STATUSES = {True: 1, False: 2, None: _SERVICE_UNKNOWN}

# Seconds between two looks at what is known of readiness, which asks nobody.
_LOOK_EVERY = 0.2


class HealthService:
    """Answers ``Check`` and ``Watch``. Has to be made by the event loop that it answers in."""

    def __init__(self, health: Health) -> None:
        self._health = health
        self._ending = asyncio.Event()

    def add_to(self, server: Any, unpack: Unpack) -> None:
        """Have a server answer them.

        Args:
            unpack: is given each message of a client as it came.
        """
        codec = {
            "request_deserializer": lambda asked: _Request.FromString(at_once(unpack(asked))),
            "response_serializer": _Response.SerializeToString,
        }
        handlers = {
            "Check": grpc.unary_unary_rpc_method_handler(self._check, **codec),
            "Watch": grpc.unary_stream_rpc_method_handler(self._watch, **codec),
        }
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(NAME, handlers),))

    def end(self) -> None:
        """Tell who watches that nothing is served any more; each of them would keep a server that
        drains from ending."""
        self._ending.set()

    async def _check(self, request: Any, context: Any) -> Any:
        status = self._status(request.service)
        if status == _SERVICE_UNKNOWN:
            context.set_code(grpc.StatusCode.NOT_FOUND)
            context.set_details("There is no such service")
        return _Response(status=status)

    async def _watch(self, request: Any, _context: Any) -> AsyncIterator[Any]:
        told = None
        while not self._ending.is_set():
            status = self._status(request.service)
            if status != told:
                told = status
                yield _Response(status=status)
            try:
                await asyncio.wait_for(self._ending.wait(), _LOOK_EVERY)
            except asyncio.TimeoutError:
                continue
        if told != _STATUSES[False]:
            yield _Response(status=_STATUSES[False])

    def _status(self, service: str) -> int:
        return _STATUSES[self._health.is_serving(service)]
