"""Which requests are let in: no more at once than this process was told to answer.

The rule alone. Whoever has a request answered, by whichever transport, counts it here.
"""

from __future__ import annotations

from wrapper.errors import ServingError

VARIABLE = "MAX_CONCURRENT_REQUESTS"

# Seconds. What is refused was not begun, so that it may come again as soon as another has ended.
_RETRY_AFTER = 1


class Admission:
    """Counts the requests in flight of one event loop, and refuses those beyond a limit."""

    def __init__(self, limit: int) -> None:
        """Take the most requests at once; 0 lets all in."""
        self._limit = limit
        self._in_flight = 0

    def one(self) -> Admission:
        """Let a request in, which is counted for as long as the context lasts that this gives.

        Raises:
            ServingError: 503, with the time after which to try again, where as many are in
                flight as may be.
        """
        if self._limit and self._in_flight >= self._limit:
            raise ServingError(
                503,
                f"This server answers {self._limit} requests at once ({VARIABLE}), and as many "
                "are in flight: try again",
                _RETRY_AFTER,
            )
        return self

    # Itself the context: one of its own for each request would cost more than the counting.
    def __enter__(self) -> None:
        self._in_flight += 1

    def __exit__(self, *_: object) -> None:
        self._in_flight -= 1
