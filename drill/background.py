"""What goes on in threads beside a fault, from its entry to its end."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Self


class Background:
    """Work of threads, each of which goes on until `over` is set.

    Attributes:
        over: set when the work is to end.
    """

    def __init__(self, work: Sequence[Callable[[], None]]) -> None:
        self.over = threading.Event()
        self._threads = [threading.Thread(target=each, daemon=True) for each in work]

    def stop(self) -> None:
        """End it, and wait for what each thread has begun."""
        self.over.set()
        for thread in self._threads:
            thread.join()

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
