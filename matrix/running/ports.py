"""TCP ports for wrappers under test: free before the start, free again after the end."""

from __future__ import annotations

import contextlib
import errno
import functools
import itertools
import os
import random
import socket
import threading
import time
from collections.abc import Iterator

import filelock
import psutil
from kserve_conformance.errors import NotKnown

from fixtures import cache
from matrix.planning.subject import Subject

# Below the ephemeral range of Linux (32768) and of the IANA (49152), from which outgoing
# connections take their ports in between.
_FIRST, _LAST = 21000, 31999
_BLOCK = 50
# The engine accepts for a container's port also where nothing listens behind it, and hangs up then.
_HANGS_UP_WITHIN = 1.0
# The loopback addresses, and how to have the latter.
IPV4, IPV6 = "127.0.0.1", "::1"
HAVE_IPV6 = "sysctl net.ipv6.conf.lo.disable_ipv6=0, and for a container docker run --sysctl"


class PortError(NotKnown):
    """A port that is not as it should be. Its text says which, and what to do."""


def free(count: int) -> tuple[int, ...]:
    """Find ports that nothing listens on, and that haven't been given out lately.

    Raises:
        PortError: when there are not that many.
    """
    with _one_at_a_time:
        candidates = itertools.islice(_block(), _BLOCK)
        found = tuple(itertools.islice(filter(is_free, candidates), count))
    if len(found) < count:
        raise PortError(f"no {count} of {_BLOCK} ports are free: end what holds them")
    return found


def of(subject: Subject) -> tuple[int, int]:
    """Give the ports of REST and gRPC for a start of a subject.

    Raises:
        PortError: when none are free, or those are not that it opens whatever it is told.
    """
    if subject.ports is None:
        http, grpc = free(2)
        return http, grpc
    for port in subject.ports:
        if not is_free(port):
            raise PortError(f"port {port}, which --ports names, is held: end what holds it")
    return subject.ports


def is_free(port: int) -> bool:
    """Tell whether a server could listen on the port, on every address, IPv4 and IPv6."""
    return _can_bind(socket.AF_INET, "0.0.0.0", port) and _can_bind(socket.AF_INET6, "::", port)


@functools.cache
def has_ipv6() -> bool:
    """Tell whether this machine has the loopback address of IPv6."""
    with contextlib.suppress(OSError), socket.create_server((IPV6, 0), family=socket.AF_INET6):
        return True
    return False


def is_open(port: int) -> bool:
    """Tell whether something accepts connections on the port of the loopback address."""
    with contextlib.suppress(OSError), socket.create_connection((IPV4, port), timeout=1):
        return True
    return False


def is_served(port: int) -> bool:
    """Tell likewise of a container's port, where what accepts has to stay, or to say something."""
    with (
        contextlib.suppress(OSError),
        socket.create_connection((IPV4, port), timeout=1) as connection,
    ):
        connection.settimeout(_HANGS_UP_WITHIN)
        try:
            return connection.recv(1) != b""
        except TimeoutError:
            return True
    return False


def opened_by(process_group: int) -> set[int]:
    """List the TCP ports that the processes of a group listen on."""
    found = set()
    for each in psutil.net_connections(kind="tcp"):
        if each.status == psutil.CONN_LISTEN and each.pid is not None and each.laddr:
            with contextlib.suppress(ProcessLookupError):
                if os.getpgid(each.pid) == process_group:
                    found.add(each.laddr.port)
    return found


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


@functools.cache
def _block() -> Iterator[int]:
    """Take a block of ports for this process, and go round in it.

    Processes that run side by side can't be given the same port while the wrapper that it
    was found for is still importing its SDK. The kernel ends the lock with its holder.
    """
    starts = list(range(_FIRST, _LAST - _BLOCK, _BLOCK))
    random.shuffle(starts)
    for start in starts:
        lock = cache.lock(f"wrapper-ports-{start}", timeout=0)
        with contextlib.suppress(filelock.Timeout):
            lock.acquire()
            _held.append(lock)
            return itertools.cycle(range(start, start + _BLOCK))
    raise PortError(f"other runs hold all ports between {_FIRST} and {_LAST}: end one of them")


_held: list[filelock.BaseFileLock] = []
_one_at_a_time = threading.Lock()
