"""The addresses that REST listens on: all that the machine has, of IPv4 and of IPv6.

The SDKs that serve by uvicorn (0.10 and later) listen on IPv4 alone, so that a pod with nothing but
IPv6 isn't reached (kserve#4558). Each process that answers REST has these sockets from the one that
was started, which binds them before anything is served.
"""

from __future__ import annotations

import contextlib
import errno
import functools
import socket
from typing import Any

from wrapper.settings import SettingsError

# What a machine without IPv6 says, or one that has it and no address of it.
_NO_IPV6 = (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL)


@functools.cache
def on_all_addresses(port: int) -> tuple[socket.socket, ...]:
    """Bind a port for IPv4 and for IPv6, once in a process; forked ones share it.

    One socket for both would have the logs tell clients of IPv4 as ``::ffff:10.0.0.1``.

    Raises:
        SettingsError: when another has the port.
    """
    bound = [_bound(socket.AF_INET, "0.0.0.0", port)]
    try:
        bound.append(_bound(socket.AF_INET6, "::", port))
    except OSError as error:
        if error.errno not in _NO_IPV6:
            raise
    return tuple(bound)


def accept_all(bound: socket.socket) -> list[tuple[socket.socket, Any]]:
    """Accept who has come, right before a socket is closed; give the connections, with addresses.

    The kernel resets connections that nobody has accepted, with what their clients have sent.
    """
    accepted = []
    # Until there is none. Others may accept from it, too, and a client may have gone.
    with contextlib.suppress(OSError):
        bound.setblocking(False)
        while True:
            accepted.append(bound.accept())
    return accepted


def _bound(family: socket.AddressFamily, address: str, port: int) -> socket.socket:
    bound = socket.socket(family, socket.SOCK_STREAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        # What is written to their connections is sent at once, as asyncio does it for sockets that
        # it makes. Else each answer on a connection that stays open waits 40 ms for the client's
        # acknowledgement.
        bound.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        bound.bind((address, port))
    except OSError as error:
        bound.close()
        if error.errno in _NO_IPV6:
            raise
        raise SettingsError(
            f"port {port} can't be listened on at {address} ({error.strerror}): give the wrapper "
            "another one by --http_port"
        ) from None
    return bound
