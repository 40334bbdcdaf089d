"""SDK 0.14 and later: one FastAPI application of the SDK's, worker processes by spawn."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import math
import socket
from collections.abc import Sequence
from typing import Any

from kserve import model_server
from kserve.protocol.rest.server import RESTServer

from wrapper.front import Front, MetricsFront
from wrapper.front.asgi import FrontApplication
from wrapper.sdk import grpc_server, listening, uvicorn_shutdown
from wrapper.sdk.fastapi_model import FastApiModelFace

# Since 0.15. It makes a REST server of its own for each worker process.
_MULTIPROCESS = "kserve.protocol.rest.multiprocess"


class FrontedRESTServer(RESTServer):
    """The SDK's REST server with the front around its application.

    It is pickled when the SDK spawns worker processes, and takes the front with it.
    """

    front: MetricsFront | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.front = type(self).front
        assert self.front is not None
        config = self._server.config
        config.timeout_keep_alive = self.front.torchserve.settings.keep_alive_timeout
        # Bound before worker processes are made, which then share it.
        self._on_ipv6 = listening.on_ipv6(config.port)

    def create_application(self) -> None:
        """Let the SDK add its routes to its application, then stand before it."""
        super().create_application()
        uvicorn_shutdown.read_what_was_sent()
        assert self.front is not None
        self._server.config.app = FrontApplication(self.front, model_server.app)

    async def start(self) -> None:
        """Serve in this process."""
        self.create_application()
        await self._server.serve(sockets=listening.on_all_addresses(self._server.config))

    def run(self, sockets: Sequence[socket.socket] | None = None) -> None:
        """Serve in a process of its own, on the sockets for IPv4 that the SDK hands over."""
        super().run(listening.without_delay([*(sockets or ()), *self._on_ipv6]))


class RestServerSdk(FastApiModelFace):
    """The third generation (0.14.0 to 0.21.0, the newest known)."""

    def put_before(self, front: MetricsFront) -> None:
        """Have the SDK make a server that puts the front around its application."""
        FrontedRESTServer.front = front
        # The SDK offers no hook: it makes its server by this name, in the constructor of
        # ModelServer (0.14) or when that starts (0.15 and later).
        model_server.RESTServer = FrontedRESTServer
        if importlib.util.find_spec(_MULTIPROCESS):
            module: Any = importlib.import_module(_MULTIPROCESS + ".server")
            module.RESTServer = FrontedRESTServer

    def put_before_grpc(self, front: Front) -> None:
        """Serve the front in the place of the SDK's gRPC service."""
        grpc_server.put_before(front)

    def has_processes(self, workers: int) -> bool:
        """Tell whether REST has processes of its own, beside that of gRPC."""
        return workers > 1

    def forks(self, workers: int) -> bool:
        """Tell that none is forked: from 0.15 on they are spawned, and 0.14 has none."""
        return False

    def make_server(self, grace_period: float) -> Any:
        """Make a server, which drains; the releases from 0.15 on take the grace time, too."""
        parameters = inspect.signature(model_server.ModelServer).parameters
        if "grace_period" in parameters:
            return model_server.ModelServer(grace_period=math.ceil(grace_period))
        return model_server.ModelServer()
