"""uvicorn until the process is told to stop, for the SDKs that serve by it (0.10 and later)."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import inspect
import socket
from collections.abc import Sequence
from typing import Any

from wrapper import shutdown
from wrapper.sdk import listening

# Seconds.
_LOOK_EVERY = 0.02


async def serve(server: Any, sockets: Sequence[socket.socket]) -> None:
    """Have a ``uvicorn.Server`` serve until this process is told to stop, and drain then.

    As it stops by itself it resets each connection that it had not come to accept, and closes those
    whose request had been sent and it had not come to read.
    """
    # It is told by `wrapper.shutdown`, and by no signal of its own: until 0.28, and later.
    server.install_signal_handlers = lambda: None
    server.capture_signals = contextlib.nullcontext
    loop = asyncio.get_running_loop()
    greeting: list[asyncio.Future[None]] = []
    drain = server.shutdown

    def stop() -> None:
        # Before it has started it would leave its application in the midst of that.
        if not server.started:
            loop.call_later(_LOOK_EVERY, stop)
            return
        # At once: whoever is told that his connection ends comes back with another. But asyncio
        # drops whom it has accepted and not yet a transport for, which it makes in the next turn.
        for bound in sockets:
            loop.remove_reader(bound.fileno())
        loop.call_soon(stop_to_listen)

    def stop_to_listen() -> None:
        for accepting, bound in zip(server.servers, sockets):
            for connection, _ in listening.accept_all(bound):
                greeting.append(asyncio.ensure_future(_serve_accepted(server, connection)))
            accepting.close()
            bound.close()
        server.should_exit = True

    async def linger_and_drain(sockets: Sequence[socket.socket] | None = None) -> None:
        connections = server.server_state.connections
        # Those that greet by TLS are among them once they have.
        await shutdown.linger(lambda: connections or not all(each.done() for each in greeting))
        await drain(sockets=sockets)
        for each in greeting:
            each.cancel()

    server.shutdown = linger_and_drain
    shutdown.process.on_begin(stop)
    await server.serve(sockets=list(sockets))


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
