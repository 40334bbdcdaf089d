"""What the kernel knows of a connection, also while its server doesn't read it."""

from __future__ import annotations

import asyncio
import socket
from typing import Protocol

# Seconds between two looks at which clients are still there.
LOOK_EVERY = 0.1

# Linux. Its first byte is the state, of tcp_states.h.
_TCP_INFO = getattr(socket, "TCP_INFO", None)
_ESTABLISHED = 1


class Connection(Protocol):
    """A socket, or what an event loop gives in its place."""

    def getsockopt(self, level: int, name: int, length: int, /) -> bytes:
        """Give an option, in as many bytes."""


def is_left(connection: Connection | None) -> bool:
    """Tell whether the other side has closed a connection, be it its own half alone.

    Returns:
        False, too, where the kernel doesn't say.
    """
    if connection is None or _TCP_INFO is None:
        return False
    try:
        return connection.getsockopt(socket.IPPROTO_TCP, _TCP_INFO, 1)[0] != _ESTABLISHED
    except OSError:
        # Not of TCP.
        return False


def is_over(transport: asyncio.BaseTransport) -> bool:
    """Tell whether a connection is closed by either side, also while its loop doesn't read it."""
    return transport.is_closing() or is_left(transport.get_extra_info("socket"))
