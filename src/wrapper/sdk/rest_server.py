"""SDK 0.14.1 and later: one FastAPI application of the SDK's."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import math
from typing import Any

from kserve import model_server
from kserve.protocol.rest.server import RESTServer

from wrapper import shutdown
from wrapper.front import Front, MetricsFront
from wrapper.front.asgi import FrontApplication
from wrapper.sdk import grpc_server, listening, uvicorn_lane, uvicorn_shutdown
from wrapper.sdk.fastapi_model import FastApiModelFace
from wrapper.sdk.part import Part


class RestServerSdk(FastApiModelFace):
    """The third generation (0.14.1 to 0.21.0, the newest known)."""

    def __init__(self) -> None:
        self._part = Part.ALL

    def put_before(self, front: MetricsFront) -> None:
        """Have the SDK make a server that puts the front around its application."""
        settings = front.torchserve.settings
        sdk = self

        class FrontedServer(RESTServer):
            def create_application(self) -> None:
                """Let the SDK add its routes to its application, then stand before it."""
                super().create_application()
                self._server.config.app = FrontApplication(front, model_server.app)
                self._server.config.http = uvicorn_lane.protocol(front)

            async def start(self) -> None:
                shutdown.process.listen(settings.grace_period)
                if Part.GRPC in sdk._part:
                    await grpc_server.wait_until_served_here()
                if Part.REST in sdk._part:
                    self.create_application()
                    config = self._server.config
                    config.timeout_keep_alive = settings.keep_alive_timeout
                    sockets = listening.on_all_addresses(config.port)
                    await uvicorn_shutdown.serve(self._server, sockets)

        # The SDK offers no hook: it makes its server by this name, in the constructor of
        # ModelServer (0.14) or when that starts (0.15 and later).
        model_server.RESTServer = FrontedServer
        grpc_server.end_with_process(settings.grace_period)

    def put_before_grpc(self, front: Front) -> None:
        """Serve the front in the place of the SDK's gRPC service."""
        grpc_server.put_before(front)

    def make_server(self, grace_period: float) -> Any:
        """Make a server of one process; the releases from 0.15 on take the grace time, too."""
        parameters = inspect.signature(model_server.ModelServer).parameters
        if "grace_period" in parameters:
            return _Server(grace_period=math.ceil(grace_period))
        return _Server()

    def serve(self, server: Any, part: Part) -> None:
        """Serve part of a server in this process until it is told to stop."""
        self._part = part
        grpc_server.serve_only(server, part)
        if part == Part.REST:
            _use_loop(getattr(server, "event_loop", "asyncio"))
        server.start([])


class _Server(model_server.ModelServer):
    def register_signal_handler(self) -> None:
        """Leave signals to `wrapper.shutdown`: the SDK's handler fails before its loop runs."""

    def setup_event_loop(self) -> None:
        """Leave out what is set up for another loop than the one that serves."""


def _use_loop(name: str) -> None:
    """Use the event loop that is asked for, as the SDK does where REST has its own processes."""
    if name in ("auto", "uvloop") and importlib.util.find_spec("uvloop"):
        uvloop: Any = importlib.import_module("uvloop")
        uvloop.install()
