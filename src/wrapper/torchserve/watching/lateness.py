"""Says once in the log when a model has not been ready for long."""

from __future__ import annotations

import logging
import time

logger = logging.getLogger("wrapper")


class Lateness:
    """Knows since when models haven't been ready.

    Args:
        after: seconds after which the log says so.
    """

    def __init__(self, after: float) -> None:
        self._after = after
        self._since: dict[str, float] = {}
        self._warned: set[str] = set()

    def see(self, model: str, reason: str | None) -> None:
        """Take why a model isn't ready now, None when it is."""
        if reason is None:
            self._since.pop(model, None)
            self._warned.discard(model)
            return
        since = self._since.setdefault(model, time.monotonic())
        if model not in self._warned and time.monotonic() - since > self._after:
            self._warned.add(model)
            logger.warning(
                "model %s has not been ready for %.0f s: %s. The wrapper goes on asking.",
                model,
                self._after,
                reason,
            )
