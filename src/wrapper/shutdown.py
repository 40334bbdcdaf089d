"""The end of the process: requests in flight may finish, but only for the grace time.

Draining itself is the servers' business: uvicorn and gRPC stop to listen on SIGTERM and
wait for their requests, without a limit on some releases. Here is the limit.
"""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
from types import FrameType
from typing import Any, Callable

logger = logging.getLogger("wrapper")


def limit(grace_period: float) -> None:
    """End the process ``grace_period`` seconds after SIGTERM, whatever is in flight then.

    The exit code is 0: to be told to stop, and to stop, is no failure.

    Has to be called on the main thread after the server has put its own handlers in place,
    which stay in effect.
    """
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _chained(grace_period, signal.getsignal(number)))


def _chained(grace_period: float, previous: Any) -> Callable[[int, FrameType | None], None]:
    def handle(number: int, frame: FrameType | None) -> None:
        start_timer(grace_period)
        # asyncio's handlers are called by the wakeup descriptor; what getsignal() gives
        # for them does nothing.
        if callable(previous):
            previous(number, frame)

    return handle


def start_timer(grace_period: float) -> None:
    """End the process ``grace_period`` seconds from now."""
    threading.Thread(target=_end_after, args=(grace_period,), daemon=True).start()


def _end_after(seconds: float) -> None:
    time.sleep(seconds)
    logger.warning("the grace period of %g s is over: what is still in flight is cut off", seconds)
    os._exit(0)
