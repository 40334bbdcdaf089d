"""SDK 0.10 to 0.14.0: FastAPI under uvicorn, worker processes by fork."""

from __future__ import annotations

import asyncio
import multiprocessing
import signal
import socket
import time
from typing import Any

from kserve import model_server

from wrapper import shutdown
from wrapper.front import Front, MetricsFront
from wrapper.front.asgi import FrontApplication
from wrapper.sdk import grpc_server, listening, uvicorn_shutdown
from wrapper.sdk.fastapi_model import FastApiModelFace

# 0.10.0 and 0.10.1 call it UvicornProcess.
_SERVER = "UvicornServer" if hasattr(model_server, "UvicornServer") else "UvicornProcess"
# In seconds; REST is served even so.
_GRPC_WITHIN = 30.0


class UvicornServerSdk(FastApiModelFace):
    """The second generation (0.10.0 to 0.14.0)."""

    def put_before(self, front: MetricsFront) -> None:
        """Have the SDK make a server that puts the front around its application."""
        original = getattr(model_server, _SERVER)

        class FrontedServer(original):  # type: ignore[valid-type, misc]
            def __init__(self, *args: Any, **kwargs: Any) -> None:
                super().__init__(*args, **kwargs)
                self.cfg.app = FrontApplication(front, self.cfg.app)
                self.cfg.timeout_keep_alive = front.torchserve.settings.keep_alive_timeout
                self.sockets = listening.on_all_addresses(self.cfg, getattr(self, "sockets", ()))

            def run(self) -> Any:
                # 0.10.0 and 0.10.1 run it in a process of its own, later ones beside gRPC.
                if _SERVER == "UvicornProcess":
                    _wait_for_grpc()
                    return super().run()
                return self.server.serve(sockets=self.sockets)

            def run_sync(self) -> None:
                _wait_for_grpc()
                super().run_sync()

            async def stop(self, sig: Any = None) -> None:
                if sig is None:
                    # 0.14.0 tells no signal, which uvicorn would raise again when it has
                    # drained: the process would end with a TypeError and exit code 1.
                    self.server.should_exit = True
                else:
                    await super().stop(sig)

        # The SDK offers no hook: it makes its server by this name when it starts.
        setattr(model_server, _SERVER, FrontedServer)
        uvicorn_shutdown.read_what_was_sent()

    def put_before_grpc(self, front: Front) -> None:
        """Serve the front in the place of the SDK's gRPC service."""
        grpc_server.put_before(front)

    def has_processes(self, workers: int) -> bool:
        """Tell whether REST has its own processes: 0.10.0 and 0.10.1 fork for one worker, too."""
        return workers > 1 or _SERVER == "UvicornProcess"

    def forks(self, workers: int) -> bool:
        """Tell whether REST has its own processes: all are forked, before gRPC is served."""
        return self.has_processes(workers)

    def make_server(self, grace_period: float) -> Any:
        """Make a server that ends its worker processes with itself."""
        has_stop = hasattr(model_server.ModelServer, "stop")
        server = (_Server if has_stop else _UnstoppableServer)()
        server.grace_period = grace_period
        return server


class _Server(model_server.ModelServer):
    """Stops its worker processes, too, each of which drains what it has in flight."""

    grace_period = 0.0

    async def stop(self, sig: Any = None) -> None:
        shutdown.start_timer(self.grace_period)
        _terminate_children()
        await super().stop(sig)


class _UnstoppableServer(model_server.ModelServer):
    """Stops on SIGTERM, where 0.10.0 and 0.10.1 die of it and leave their workers behind."""

    grace_period = 0.0

    def start(self, *args: Any, **kwargs: Any) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        super().start(*args, **kwargs)

    def _stop(self, *_: Any) -> None:
        shutdown.start_timer(self.grace_period)
        _terminate_children()
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            # Without gRPC this process only waits for its workers.
            return
        loop.call_soon_threadsafe(lambda: loop.create_task(self._grpc_server.stop()))


def _wait_for_grpc() -> None:
    """Let a process for REST, forked before gRPC starts, serve only after it.

    Else a client that is told by REST that a model is ready would find the port for gRPC closed.
    """
    # Those that it has are of the process that it was forked from; uvicorn sets its own.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)
    deadline = time.monotonic() + _GRPC_WITHIN
    while model_server.args.enable_grpc and time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", model_server.args.grpc_port), timeout=1).close()
        except OSError:
            time.sleep(0.02)
        else:
            return


def _terminate_children() -> None:
    for child in multiprocessing.active_children():
        child.terminate()
