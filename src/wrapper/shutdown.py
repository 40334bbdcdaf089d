"""The end of this process: requests in flight may finish, but only for the grace time.

The rules alone, for every transport. Each server that runs in this process says how it is told to
stop; whoever writes an answer asks whether it is the last one of its connection.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import threading
import time
from collections.abc import Iterator
from typing import Callable

# SIGQUIT stops the SDK since 0.10.2.
STOPS = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT)

# Seconds that a connection stays open on which nothing is asked. One that is asked on meanwhile
# ends by an answer that says so; one that is closed may just be sent a request, which is lost.
LINGER = 1.0
_LOOK_EVERY = 0.02

logger = logging.getLogger("wrapper")


class Shutdown:
    """What happens once when a process is told to stop.

    Attributes:
        has_begun: whether it was. No answer leaves a connection open from then on.
    """

    def __init__(self) -> None:
        self.has_begun = False
        self._stops: list[Callable[[], None]] = []

    def on_begin(self, stop: Callable[[], None]) -> None:
        """Call something when this process is told to stop, or now where it was."""
        if self.has_begun:
            stop()
        else:
            self._stops.append(stop)

    def begin(self, grace_period: float) -> None:
        """Tell all servers to stop, and end the process ``grace_period`` seconds from now.

        The exit code is 0 even then: to be told to stop, and to stop, is no failure.
        """
        if self.has_begun:
            return
        self.has_begun = True
        logger.info("told to stop: what is in flight has %g s", grace_period)
        start_timer(grace_period)
        # Servers are forgotten with what stops them, or the interpreter's end would be theirs.
        stops, self._stops = self._stops, []
        for stop in stops:
            stop()

    def listen(self, grace_period: float) -> None:
        """Begin when a signal to stop comes to the running event loop, which is the main thread's.

        What else was to handle the signals doesn't any more.
        """
        # Not imported before PROTOCOL_VERSION is judged: it takes longer than that.
        import asyncio

        loop = asyncio.get_running_loop()
        for number in STOPS:
            loop.add_signal_handler(number, self.begin, grace_period)


process = Shutdown()


def leave_at_once() -> None:
    """End with exit code 0 when a signal to stop comes before anything is served.

    A container's first process would not even end: the kernel drops what such a process has no
    handler for.
    """
    for number in STOPS:
        signal.signal(number, lambda *_: os._exit(0))


async def linger(has_connections: Callable[[], object]) -> None:
    """Wait until a server that no longer listens has no connections, or for `LINGER`.

    Those that were accepted last are its own from the next turns of the event loop on.
    """
    import asyncio

    until = time.monotonic() + LINGER
    await asyncio.sleep(_LOOK_EVERY)
    while has_connections() and time.monotonic() < until:
        await asyncio.sleep(_LOOK_EVERY)


@contextlib.contextmanager
def put_off() -> Iterator[None]:
    """Have signals to stop wait while what may handle them otherwise is imported.

    Ray, which SDK 0.8 to 0.13 import, ends a process by them with exit code 15.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, STOPS)
    try:
        yield
    finally:
        leave_at_once()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPS)


def start_timer(grace_period: float) -> None:
    """End the process ``grace_period`` seconds from now."""
    threading.Thread(target=_end_after, args=(grace_period,), daemon=True).start()


def _end_after(seconds: float) -> None:
    time.sleep(seconds)
    logger.warning("the grace period of %g s is over: what is still in flight is cut off", seconds)
    os._exit(0)
