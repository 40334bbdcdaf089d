"""A pytest plugin for tests: Ctrl-C comes where what its handler raises is dropped."""

from __future__ import annotations

import signal
import sys


class _Finalized:
    def __del__(self) -> None:
        # Python would tell on stderr that it ignores what is raised.
        sys.unraisablehook = lambda _: None
        signal.raise_signal(signal.SIGINT)


def pytest_sessionstart() -> None:
    """Have it dropped before the first check; of xdist's workers each has Ctrl-C of its own."""
    _Finalized()
