"""Signals that ask a command to end.

What a signal's handler raises is lost where Python can't let it out: in a finalizer, and in the
callback of a weak reference, of which each import has one. So what was asked is remembered, for
`check`.
"""

from __future__ import annotations

import signal
from typing import NoReturn

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_asked: list[int] = []


def heed() -> None:
    """Raise KeyboardInterrupt for each such signal from now on, and remember it.

    What is ignored stays so: a shell has its background jobs ignore Ctrl-C.
    """
    for number in _SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, interrupt)


def interrupt(number: int, *_: object) -> NoReturn:
    """Handle a signal."""
    _asked.append(number)
    raise KeyboardInterrupt


def check() -> None:
    """Raise KeyboardInterrupt if a signal has asked for the end."""
    if _asked:
        raise KeyboardInterrupt


class Checks:
    """A pytest plugin that ends a run before its next check, once it was asked to."""

    def pytest_runtest_logstart(self) -> None:
        """Look before each check, also where xdist's workers make them."""
        check()
