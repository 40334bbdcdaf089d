"""The gRPC server that the SDK has since 0.10: what it serves, and what it lets clients do."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Iterable
from typing import Any

import grpc
from kserve import model_server
from kserve.protocol.grpc import grpc_predict_v2_pb2_grpc as pb_grpc
from kserve.protocol.grpc import server as sdk_server

from wrapper import shutdown
from wrapper.front import Front
from wrapper.front.health import Health
from wrapper.front.limits import of_messages
from wrapper.sdk import grpc_health, grpc_packing, grpc_reflection, grpc_servicer
from wrapper.sdk.grpc_health import HealthService
from wrapper.sdk.grpc_packing import Unpack
from wrapper.sdk.part import Part
from wrapper.settings import Settings

# Milliseconds between two pings of a client that asks nothing. A server ends the connection of one
# that pings more often, by default than every 5 min; balancers and clients ping every 10 s.
_PINGS_APART = 1000
# Seconds; REST is served even so.
_SERVED_WITHIN = 30.0
_LOOK_EVERY = 0.02
# In this process a look costs microseconds, and REST waits for it.
_LOOK_HERE_EVERY = 0.002


def serve_only(server: Any, part: Part) -> None:
    """Have a ``kserve.ModelServer`` serve in this process alone, and gRPC only if it is to."""
    server.workers = 1
    if Part.GRPC not in part:
        server.enable_grpc = False


def wait_until_served() -> None:
    """Wait until another process of this service serves gRPC, within bounds.

    Else a client that is told by REST that a model is ready would find the port for gRPC closed.
    """
    deadline = time.monotonic() + _SERVED_WITHIN
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", model_server.args.grpc_port), timeout=1).close()
        except OSError:
            time.sleep(_LOOK_EVERY)
        else:
            return


async def wait_until_served_here() -> None:
    """The same where this process serves it, too."""
    deadline = time.monotonic() + _SERVED_WITHIN
    while model_server.args.enable_grpc and time.monotonic() < deadline:
        if sdk_server.aio.is_serving or shutdown.process.has_begun:
            return
        await asyncio.sleep(_LOOK_HERE_EVERY)


def end_with_process(grace_period: float) -> None:
    """Have the SDK's gRPC server drain when this process is told to stop."""
    # The SDK offers no hook: its gRPC server is made by this name.
    sdk_server.aio = _Aio(grace_period)


def put_before(front: Front) -> None:
    """Have the SDK's gRPC server serve the front in the place of its own service."""

    unpack = grpc_packing.unpacking(front.torchserve.settings)

    def add(_servicer: Any, server: Any) -> None:
        grpc_servicer.add_to(server, front, unpack)

    # And it adds its service by this one.
    pb_grpc.add_GRPCInferenceServiceServicer_to_server = add
    sdk_server.aio = _FrontedAio(front, unpack)


class _Aio:
    """``grpc.aio`` for the SDK's module, which makes one server by it.

    Attributes:
        is_serving: whether that one takes connections, or has.
    """

    def __init__(self, grace_period: float) -> None:
        self._grace_period = grace_period
        self.is_serving = False

    def server(self, *args: Any, **kwargs: Any) -> Any:
        """Make a server that ends with this process."""
        server = grpc.aio.server(*args, **kwargs)
        loop = asyncio.get_running_loop()
        start = server.start

        async def starting() -> None:
            await start()
            self.is_serving = True

        def begin_to_end() -> None:
            self._ending = loop.create_task(self._end(server))

        server.start = starting
        shutdown.process.on_begin(begin_to_end)
        return server

    async def _end(self, server: Any) -> None:
        # Connections are told at once (GOAWAY), and what is in flight has the grace period,
        # of which the SDK makes 10 s before 0.15.
        await server.stop(self._grace_period)


class _FrontedAio(_Aio):
    """The same, with the wrapper's options, health and reflection."""

    def __init__(self, front: Front, unpack: Unpack) -> None:
        self._settings = front.torchserve.settings
        super().__init__(self._settings.grace_period)
        self._front = front
        self._unpack = unpack

    def server(self, *args: Any, options: Iterable[tuple[str, Any]] = (), **kwargs: Any) -> Any:
        own = _options(self._settings)
        server = super().server(*args, options=[*{**dict(options), **own}.items()], **kwargs)
        self._health = HealthService(Health(self._front.torchserve))
        self._health.add_to(server, self._unpack)
        if self._settings.grpc_reflection:
            files = (grpc_servicer.described(), grpc_health.FILE)
            grpc_reflection.add_to(server, files, self._unpack)
        return server

    async def _end(self, server: Any) -> None:
        self._health.end()
        await super()._end(server)


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
