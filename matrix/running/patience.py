"""Waiting for what takes its time, with a limit."""

from __future__ import annotations

import time
from collections.abc import Callable

_INTERVAL = 0.02


def seconds_until(condition: Callable[[], bool], at_most: float, what: str = "it") -> float:
    """Give the seconds until a condition holds.

    Raises:
        AssertionError: when that takes longer than ``at_most`` seconds; names ``what``.
    """
    started = time.monotonic()
    while not condition():
        assert time.monotonic() - started < at_most, f"{what} did not happen within {at_most:g} s"
        time.sleep(_INTERVAL)
    return time.monotonic() - started
