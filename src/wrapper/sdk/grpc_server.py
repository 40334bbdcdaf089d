"""The gRPC server that the SDK has since 0.10: what it serves, and what it lets clients do."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import grpc
from kserve.protocol.grpc import grpc_predict_v2_pb2_grpc as pb_grpc
from kserve.protocol.grpc import server as sdk_server

from wrapper import forking
from wrapper.front import Front
from wrapper.front.health import Health
from wrapper.front.limits import of_messages
from wrapper.sdk import grpc_health, grpc_packing, grpc_reflection, grpc_servicer
from wrapper.sdk.grpc_health import HealthService
from wrapper.sdk.grpc_packing import Unpack
from wrapper.settings import Settings

# Milliseconds between two pings of a client that asks nothing. A server ends the connection of one
# that pings more often, by default than every 5 min; balancers and clients ping every 10 s.
_PINGS_APART = 1000


def put_before(front: Front) -> None:
    """Have the SDK's gRPC server serve the front in the place of its own service."""

    unpack = grpc_packing.unpacking(front.torchserve.settings)

    def add(_servicer: Any, server: Any) -> None:
        grpc_servicer.add_to(server, front, unpack)

    # The SDK offers no hook: its gRPC server adds its service, and is made, by these names.
    pb_grpc.add_GRPCInferenceServiceServicer_to_server = add
    sdk_server.aio = _Aio(front, unpack)


class _Aio:
    """``grpc.aio`` for the SDK's module, which makes one server by it."""

    def __init__(self, front: Front, unpack: Unpack) -> None:
        self._front = front
        self._unpack = unpack

    def server(self, *args: Any, options: Iterable[tuple[str, Any]] = (), **kwargs: Any) -> Any:
        """Make a server with the wrapper's options, health and reflection."""
        # The SDK has forked its processes for REST by now, since this is gRPC, too.
        forking.is_over()
        settings = self._front.torchserve.settings
        own = _options(settings)
        server = grpc.aio.server(*args, options=[*{**dict(options), **own}.items()], **kwargs)
        health = HealthService(Health(self._front.torchserve))
        health.add_to(server, self._unpack)
        if settings.grpc_reflection:
            files = (grpc_servicer.described(), grpc_health.FILE)
            grpc_reflection.add_to(server, files, self._unpack)
        stop = server.stop

        async def end(grace: float | None) -> None:
            health.end()
            await stop(grace)

        server.stop = end
        return server


def _options(settings: Settings) -> dict[str, int]:
    received, sent = of_messages(settings)
    as_they_came, off = grpc_packing.AS_THEY_CAME
    return {
        as_they_came: off,
        "grpc.max_receive_message_length": received,
        "grpc.max_send_message_length": sent,
        "grpc.keepalive_permit_without_calls": 1,
        "grpc.http2.min_ping_interval_without_data_ms": _PINGS_APART,
    }
