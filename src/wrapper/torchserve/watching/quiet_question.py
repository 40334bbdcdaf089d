"""A question that TorchServe answers without writing a line: is this server there, and awake?

Each of TorchServe's REST servers has Netty's HttpObjectAggregator before its own handlers. To a
request that expects what no server knows (``Expect``, RFC 9110, 10.1.1) it answers 417 by itself,
on the thread that serves the connection, and keeps the connection (seen on 0.5.3 and 0.12.0). So
nothing is logged, counted or checked for a token.
"""

from __future__ import annotations

import contextlib
import dataclasses
import enum
import errno
import select
import socket
import time
from collections.abc import Iterable, Mapping
from typing import Any, Callable

from wrapper.address import Address

# Seconds after which other connections are tried beside one that is silent: each of TorchServe's
# threads serves some connections, and stands still while it loads a model for somebody.
_TRY_OTHERS_AFTER = 0.2
# Seconds of silence, on all of them, that a server is called silent after.
_PATIENCE = 0.5
# Seconds that it is granted in the end, one share of patience after the other, while it may be busy
# with other work.
_LONGEST_PATIENCE = 5.0
# TorchServe gives its threads connections in turn. It has two for each processor by default.
_OTHERS = 4
# Seconds between two looks at the clock, which tell whether this process gets its own time.
_LOOK_EVERY = 0.05

_STARTED = (0, errno.EINPROGRESS, errno.EAGAIN)


class Finding(enum.Enum):
    """What became of the question."""

    AWAKE = "it answers"
    LOUD = "it answers as no server of TorchServe's does, and may log that"
    SILENT = "it takes connections and doesn't answer"
    GONE = "it takes no connection"


@dataclasses.dataclass(frozen=True)
class Answer:
    """What became of the question at one port.

    Attributes:
        is_new: whether the connection that was held has ended, so that another may have the port.
    """

    finding: Finding
    is_new: bool = False


class QuietQuestions:
    """Asks several ports at once, over one held connection each, on a thread of the caller's.

    Args:
        gives_time: tells whether a TorchServe that is silent gets more time to answer; is told
            whether it is silent at all of its ports.
    """

    def __init__(self, addresses: Iterable[Address], gives_time: Callable[[bool], bool]) -> None:
        self._ports = {address: _Port(address) for address in addresses}
        self._gives_time = gives_time

    def ask(self) -> Mapping[Address, Answer]:
        """Ask, and wait for the answers: for milliseconds where all is well."""
        for port in self._ports.values():
            port.begin()
        self._wait()
        return {address: port.end() for address, port in self._ports.items()}

    def is_quiet(self, address: Address) -> bool:
        """Tell whether a port may be asked so: one that has answered otherwise isn't any more."""
        return not self._ports[address].is_loud

    def close(self) -> None:
        """Close all connections; the next question opens others."""
        for port in self._ports.values():
            port.close()

    def _wait(self) -> None:
        ports = [port for port in self._ports.values() if not port.is_loud]
        began = time.monotonic()
        others_at, ends_at = began + _TRY_OTHERS_AFTER, began + _PATIENCE
        while waiting := [port for port in ports if port.is_waiting]:
            before = time.monotonic()
            _handle(waiting, _LOOK_EVERY)
            now = time.monotonic()
            # Where this process was not given its time, TorchServe's answer may not have been
            # either, or lies unread.
            late = max(0.0, now - before - _LOOK_EVERY)
            others_at, ends_at = others_at + late, ends_at + late
            if now >= others_at:
                for port in waiting:
                    port.try_others()
            if now >= ends_at:
                is_all = len(waiting) == len(ports)
                if now - began >= _LONGEST_PATIENCE or not self._gives_time(is_all):
                    return
                ends_at = now + _PATIENCE


def _handle(waiting: list[_Port], seconds: float) -> None:
    """Wait for something to happen on the connections of ports, and have them take it."""
    poll = select.poll()
    owners = {}
    for port in waiting:
        for descriptor, events in port.events():
            poll.register(descriptor, events)
            owners[descriptor] = port
    for descriptor, _ in poll.poll(seconds * 1000):
        owners[descriptor].take(descriptor)


class _Port:
    """One port: the connection that is held to it, and what is tried while the question lasts."""

    def __init__(self, address: Address) -> None:
        self._address = address
        name = f"[{address.host}]" if ":" in address.host else address.host
        self._question = f"GET /ping HTTP/1.1\r\nHost: {name}\r\nExpect: nothing\r\n\r\n".encode()
        self._held: socket.socket | None = None
        # By descriptor; those that aren't connected yet wait for that before they ask.
        self._asked: dict[int, socket.socket] = {}
        self._connecting: dict[int, socket.socket] = {}
        self._left: list[Any] = []
        self._has_others = False
        self._is_new = False
        self._finding: Finding | None = None
        self.is_loud = False

    @property
    def is_waiting(self) -> bool:
        return self._finding is None

    def begin(self) -> None:
        self._finding, self._has_others, self._is_new = None, False, False
        if self.is_loud:
            self._finding = Finding.LOUD
            return
        held, self._held = self._held, None
        if held is not None and self._send(held):
            return
        self._reach()

    def end(self) -> Answer:
        for each in (*self._asked.values(), *self._connecting.values()):
            each.close()
        self._asked, self._connecting = {}, {}
        return Answer(self._finding or Finding.SILENT, self._is_new)

    def close(self) -> None:
        self.end()
        if self._held is not None:
            self._held.close()
        self._held = None

    def events(self) -> list[tuple[int, int]]:
        reading = [(each, select.POLLIN) for each in self._asked]
        return [*reading, *((each, select.POLLOUT) for each in self._connecting)]

    def try_others(self) -> None:
        """Ask over further connections, once."""
        if not self._has_others:
            self._has_others = True
            for _ in range(_OTHERS):
                self._connect(self._places()[:1])

    def take(self, descriptor: int) -> None:
        """Take what has happened on one of its connections."""
        if descriptor in self._connecting:
            made = self._connecting.pop(descriptor)
            if made.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                made.close()
                self._connect(self._left)
            elif not self._send(made):
                self._give_up()
        elif descriptor in self._asked:
            self._read(self._asked.pop(descriptor))

    def _read(self, asked: socket.socket) -> None:
        try:
            told = asked.recv(4096)
        except OSError:
            told = b""
        if not told:
            asked.close()
            self._give_up() if self._is_new else self._reach()
        elif told.startswith(b"HTTP/1.1 417 ") and told.endswith(b"\r\n\r\n"):
            self._held, self._finding = asked, Finding.AWAKE
        else:
            asked.close()
            self._finding, self.is_loud = Finding.LOUD, True

    def _send(self, connection: socket.socket) -> bool:
        """Ask over a connection, unless it has ended."""
        try:
            # What came unasked ends a connection, as its end does.
            with contextlib.suppress(BlockingIOError):
                connection.recv(1)
                raise ConnectionResetError
            connection.send(self._question)
        except OSError:
            connection.close()
            return False
        self._asked[connection.fileno()] = connection
        return True

    def _reach(self) -> None:
        """Ask over a new connection, since there is no other or it has ended."""
        self._is_new = True
        if not self._asked and not self._connecting:
            self._connect(self._places())

    def _places(self) -> list[Any]:
        try:
            return socket.getaddrinfo(
                self._address.host, self._address.port, type=socket.SOCK_STREAM
            )
        except OSError:
            return []

    def _connect(self, places: list[Any]) -> None:
        """Begin to connect to the first of some places that doesn't refuse at once."""
        for tried, (family, kind, protocol, _, place) in enumerate(places, 1):
            connection = socket.socket(family, kind, protocol)
            connection.setblocking(False)
            if connection.connect_ex(place) in _STARTED:
                self._connecting[connection.fileno()] = connection
                self._left = places[tried:]
                return
            connection.close()
        self._give_up()

    def _give_up(self) -> None:
        """Call it gone, unless another connection may still be answered."""
        if not self._asked and not self._connecting:
            self._finding = Finding.GONE
