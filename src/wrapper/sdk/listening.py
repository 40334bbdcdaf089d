"""The addresses that REST listens on: all that the machine has, of IPv4 and of IPv6.

The SDKs that serve by uvicorn (0.10 and later) listen on IPv4 alone, so that a pod with nothing but
IPv6 isn't reached (kserve#4558). Tornado and gRPC listen on both by themselves.
"""

from __future__ import annotations

import errno
import functools
import socket
from collections.abc import Sequence
from typing import Any

from wrapper.settings import SettingsError

# What a machine without IPv6 says, or one that has it and no address of it.
_NO_IPV6 = (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL)


def on_all_addresses(config: Any, bound: Sequence[socket.socket] = ()) -> list[socket.socket]:
    """Give the sockets for a ``uvicorn.Config``'s port.

    Args:
        bound: those for IPv4, where the SDK has bound them.

    Raises:
        SettingsError: when another has the port on IPv6. uvicorn ends the process where another
            has it on IPv4.
    """
    return without_delay([*(bound or (config.bind_socket(),)), *on_ipv6(config.port)])


def without_delay(sockets: Sequence[socket.socket]) -> list[socket.socket]:
    """Have what is written to the connections of these sockets sent at once.

    asyncio does it for sockets that it makes. Without it each answer on a connection that stays
    open waits 40 ms for the client's acknowledgement.
    """
    for each in sockets:
        each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return list(sockets)


@functools.cache
def on_ipv6(port: int) -> tuple[socket.socket, ...]:
    """Bind a port for IPv6 alone, once in a process; nothing where the machine has no IPv6.

    Processes that share the port have to be made after it was bound. One socket for both would have
    the logs tell clients of IPv4 as ``::ffff:10.0.0.1``.

    Raises:
        SettingsError: when another has the port.
    """
    try:
        bound = socket.socket(socket.AF_INET6, socket.SOCK_STREAM)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        bound.bind(("::", port))
    except OSError as error:
        if error.errno in _NO_IPV6:
            return ()
        raise SettingsError(
            f"port {port} can't be listened on over IPv6 ({error.strerror}): give the wrapper "
            "another one by --http_port"
        ) from None
    bound.set_inheritable(True)
    return (bound,)
