"""How long a client waits, whatever TorchServe is asked for it until then."""

from __future__ import annotations

import time

from wrapper.torchserve import error_table
from wrapper.torchserve.error_table import Case


class Deadline:
    """The moment until which all that one request asks of TorchServe has to be answered."""

    def __init__(self, seconds: float) -> None:
        self._moment = time.monotonic() + seconds

    def left(self) -> float:
        """Give the seconds until then.

        Raises:
            ServingError: 504 when it is over.
        """
        left = self._moment - time.monotonic()
        if left <= 0:
            raise error_table.error(Case.TIMED_OUT)
        return left
