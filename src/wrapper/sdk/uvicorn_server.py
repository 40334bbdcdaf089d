"""SDK 0.10 to 0.14.0: FastAPI under uvicorn, worker processes by fork."""

from __future__ import annotations

import asyncio
import inspect
import logging
from typing import Any

import uvicorn
from kserve import model_server

from wrapper import shutdown
from wrapper.front import Front, MetricsFront
from wrapper.front.asgi import FrontApplication
from wrapper.sdk import grpc_server, listening, uvicorn_lane, uvicorn_shutdown
from wrapper.sdk.fastapi_model import FastApiModelFace
from wrapper.sdk.part import Part

# 0.10.0 calls it UvicornProcess.
_SERVER = "UvicornServer" if hasattr(model_server, "UvicornServer") else "UvicornProcess"
# 0.10.0 and 0.10.1 listen themselves before they make it, and then nobody else can.
_LISTENS_FIRST = "log_config" not in inspect.signature(getattr(model_server, _SERVER)).parameters


class UvicornServerSdk(FastApiModelFace):
    """The second generation (0.10.0 to 0.14.0)."""

    def __init__(self) -> None:
        self._part = Part.ALL

    def put_before(self, front: MetricsFront) -> None:
        """Have the SDK make a server that puts the front around its application."""
        original = getattr(model_server, _SERVER)
        sdk = self

        class FrontedServer(original):  # type: ignore[valid-type, misc]
            def __init__(self, *args: Any, **kwargs: Any) -> None:
                super().__init__(*args, **kwargs)
                # The logging configuration of 0.10.0 and 0.10.1 switches all other loggers off.
                logging.getLogger("wrapper").disabled = False
                # 0.14.0 names its application, and does not give it.
                application = getattr(model_server, "app", self.cfg.app)
                _begin_with_slashes(application)
                self.cfg.app = FrontApplication(front, application)
                self.cfg.http = uvicorn_lane.protocol(front)
                self.cfg.timeout_keep_alive = front.torchserve.settings.keep_alive_timeout

            async def run(self) -> None:
                # In the place of the handlers that the SDK has put by now.
                shutdown.process.listen(front.torchserve.settings.grace_period)
                if Part.GRPC in sdk._part:
                    await grpc_server.wait_until_served_here()
                if Part.REST in sdk._part:
                    sockets = listening.on_all_addresses(self.cfg.port)
                    await uvicorn_shutdown.serve(uvicorn.Server(self.cfg), sockets)

        # The SDK offers no hook: it makes its server by this name when it starts.
        setattr(model_server, _SERVER, FrontedServer)
        grpc_server.end_with_process(front.torchserve.settings.grace_period)

    def put_before_grpc(self, front: Front) -> None:
        """Serve the front in the place of the SDK's gRPC service."""
        grpc_server.put_before(front)

    def make_server(self, grace_period: float) -> Any:
        """Make a server of one process."""
        return (_Server if _LISTENS_FIRST else model_server.ModelServer)()

    def serve(self, server: Any, part: Part) -> None:
        """Serve part of a server in this process until it is told to stop."""
        self._part = part
        grpc_server.serve_only(server, part)
        server.start([])


def _begin_with_slashes(application: Any) -> None:
    """Have /openapi.json begin each path with a slash, which one route lacks up to 0.13.

    The front answers that path, so that the description alone was wrong.
    """
    for route in application.routes:
        if not route.path_format.startswith("/"):
            route.path_format = f"/{route.path_format}"


class _Server(model_server.ModelServer):
    """Serves REST in this process, as the later releases do."""

    def start(self, models: Any) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        rest = getattr(model_server, _SERVER)(
            self.http_port,
            [],
            self.dataplane,
            self.model_repository_extension,
            self.enable_docs_url,
        )
        serving = [rest.run()]
        if self.enable_grpc:
            serving.append(self._grpc_server.start(self.max_threads))
        await asyncio.gather(*serving)
