"""TCP ports for wrappers under test: free before the start, free again after the end."""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import random
import socket
import time
from collections.abc import Iterator

# Below the ephemeral range of Linux (32768) and of the IANA (49152), from which outgoing
# connections take their ports in between.
_FIRST, _LAST = 21000, 31999


class PortError(Exception):
    """A port that is not as it should be. Its text says which, and what to do."""


def free(count: int) -> tuple[int, ...]:
    """Find ports that nothing listens on, and that this process hasn't given out lately.

    Raises:
        PortError: when there are not that many.
    """
    found = tuple(itertools.islice((port for port in _candidates() if is_free(port)), count))
    if len(found) < count:
        raise PortError(f"no {count} free ports between {_FIRST} and {_LAST}: end what holds them")
    return found


def is_free(port: int) -> bool:
    """Tell whether a server could listen on the port, on every address, IPv4 and IPv6."""
    return _can_bind(socket.AF_INET, "0.0.0.0", port) and _can_bind(socket.AF_INET6, "::", port)


def is_open(port: int) -> bool:
    """Tell whether something accepts connections on the port of the loopback address."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


def wait_free(ports: tuple[int, ...], seconds: float) -> None:
    """Wait until the ports are free again.

    Raises:
        PortError: when one is still held; whatever holds it would answer for the next cell.
    """
    deadline = time.monotonic() + seconds
    while held := [port for port in ports if not is_free(port)]:
        if time.monotonic() > deadline:
            raise PortError(f"port {held[0]} is still held {seconds:.0f} s after its wrapper ended")
        time.sleep(0.05)


def _can_bind(family: socket.AddressFamily, host: str, port: int) -> bool:
    try:
        with socket.socket(family, socket.SOCK_STREAM) as candidate:
            # As servers do: connections that linger in TIME_WAIT don't hold a port.
            candidate.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                candidate.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            candidate.bind((host, port))
            return True
    except OSError as error:
        # A machine without IPv6 has nothing that could hold its ports.
        return family == socket.AF_INET6 and error.errno != errno.EADDRINUSE


def _sequence() -> Iterator[int]:
    # Each process begins elsewhere, so that those that run side by side don't race.
    start = random.Random(os.getpid()).randrange(_LAST - _FIRST)
    for step in itertools.count():
        yield _FIRST + (start + step) % (_LAST - _FIRST + 1)


def _candidates() -> Iterator[int]:
    return itertools.islice(_given_out, _LAST - _FIRST + 1)


_given_out = _sequence()
