"""uvicorn until the process is told to stop, for the SDKs that serve by it (0.10 and later)."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import inspect
import itertools
import socket
from collections.abc import Sequence
from typing import Any

import uvicorn

from wrapper import shutdown
from wrapper.sdk import listening

# Seconds.
_LOOK_EVERY = 0.02


async def serve(server: Any, sockets: Sequence[socket.socket]) -> None:
    """Have a ``uvicorn.Server`` serve until this process is told to stop, and drain then."""
    # It is told by `wrapper.shutdown`, and by no signal of its own: until 0.28, and later.
    server.install_signal_handlers = lambda: None
    server.capture_signals = contextlib.nullcontext
    loop = asyncio.get_running_loop()

    def stop() -> None:
        # Before it has started it would leave its application in the midst of that.
        if server.started:
            server.should_exit = True
        else:
            loop.call_later(_LOOK_EVERY, stop)

    shutdown.process.on_begin(stop)
    await server.serve(sockets=list(sockets))


def read_what_was_sent() -> None:
    """Have uvicorn read the requests that were sent before it stopped to listen.

    As it stops it resets each connection that it had not come to accept, and closes those whose
    request had been sent and it had not come to read. It is asked of each process, once or more.
    """
    server: Any = uvicorn.Server
    if not hasattr(server.shutdown, "__wrapped__"):
        server.shutdown = _reading_first(server.shutdown)


def _reading_first(original: Any) -> Any:
    @functools.wraps(original)
    async def stop(server: Any, sockets: Sequence[socket.socket] | None = None) -> None:
        accepted = []
        for accepting, bound in itertools.zip_longest(server.servers, sockets or ()):
            if bound is None:
                # One that it has made itself.
                accepting.close()
                continue
            accepted += listening.accept_all(bound)
            accepting.close()
            bound.close()
        serving = [asyncio.ensure_future(_serve_accepted(server, each)) for each, _ in accepted]
        connections = server.server_state.connections
        # Those that greet by TLS are among them once they have.
        await shutdown.linger(lambda: connections or not all(each.done() for each in serving))
        await original(server, sockets=sockets)
        for each in serving:
            each.cancel()

    return stop


async def _serve_accepted(server: Any, accepted: socket.socket) -> None:
    """Serve a connection as uvicorn does those that it accepts."""
    protocol = server.config.http_protocol_class
    known = {"config": server.config, "server_state": server.server_state}
    # Since 0.21.
    if "app_state" in inspect.signature(protocol).parameters:
        known["app_state"] = server.lifespan.state
    # A client may go away, or fail to greet by TLS.
    with contextlib.suppress(OSError):
        loop = asyncio.get_running_loop()
        make = functools.partial(protocol, **known)
        await loop.connect_accepted_socket(make, accepted, ssl=server.config.ssl)
