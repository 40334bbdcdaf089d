"""What wakes a process that watches others: a signal to stop, or the end of one of them."""

from __future__ import annotations

import select
import signal
import socket
from collections.abc import Sequence
from types import FrameType, TracebackType


class Wakeups:
    """Notes signals from its start on, so that none is missed between two looks.

    It needs the main thread, and takes its handlers away as it ends as a context manager.
    """

    def __init__(self, stops: Sequence[signal.Signals]) -> None:
        self._stops = frozenset(stops)
        self._source, self._sink = socket.socketpair()
        self._source.setblocking(False)
        self._sink.setblocking(False)

    def __enter__(self) -> Wakeups:
        # Each signal's number is written to the socket, from within the handler of C.
        self._sink_before = signal.set_wakeup_fd(self._sink.fileno(), warn_on_full_buffer=False)
        self._before = {
            number: signal.signal(number, _note) for number in (*self._stops, signal.SIGCHLD)
        }
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(self._sink_before)
        self._source.close()
        self._sink.close()

    def wait(self, seconds: float | None = None) -> signal.Signals | None:
        """Wait for a signal or the end of a process, and give the signal to stop that came.

        Args:
            seconds: how long; for ever where it is None.
        """
        if not select.select([self._source], [], [], seconds)[0]:
            return None
        came = self._source.recv(4096)
        return next((stop for stop in map(_signal, came) if stop in self._stops), None)


def _note(number: int, frame: FrameType | None) -> None:
    """Do nothing: without a handler of Python's the number isn't written."""


def _signal(number: int) -> signal.Signals:
    return signal.Signals(number)
