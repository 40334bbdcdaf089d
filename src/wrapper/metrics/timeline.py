"""When the parts of one request began."""

from __future__ import annotations


class Timeline:
    """The moments of one request, in seconds of `time.perf_counter`; 0 for what has not come.

    Attributes:
        came: when its body was there.
        asked: when TorchServe was asked.
        replied: when TorchServe had answered with success.
    """

    __slots__ = ("asked", "came", "replied")

    def __init__(self) -> None:
        self.came = 0.0
        self.asked = 0.0
        self.replied = 0.0
