"""Has dead workers replaced where TorchServe can't replace them.

TorchServe 0.8.0 to 0.9.0 starts the successor of a dead worker and interrupts it at once, over and
over, until it gives up after five minutes: it still listens to the connection of the dead one
(pytorch/serve pull request 2746, released in 0.10.0). Workers that come by scaling have
connections of their own.
"""

from __future__ import annotations

import logging
import re
import time
from typing import Callable, Protocol

from wrapper.names import Target
from wrapper.torchserve.description import Description

logger = logging.getLogger("wrapper")

_AFFECTED = re.compile(r"0\.[89]\.")

# Seconds until the same model's workers are replaced again, where that hasn't helped: their
# handler may be what ends them. It doubles up to the longest.
_FIRST_PAUSE, _LONGEST_PAUSE = 5.0, 60.0


class Scaler(Protocol):
    """What this needs of TorchServe's management API."""

    def release(self) -> str:
        """Give TorchServe's release.

        Raises:
            ManagementError: when it doesn't say.
        """

    def scale(self, target: Target, least: int, most: int) -> None:
        """Have TorchServe give a model's version so many workers, without waiting for them.

        Raises:
            ManagementError: with TorchServe's own words, when it refuses.
        """


class Recovery:
    """Knows the workers that a model's versions had, and replaces them when they can't come back.

    Not for several threads at once.
    """

    def __init__(self, scaler: Scaler, clock: Callable[[], float] = time.monotonic) -> None:
        self._scaler = scaler
        self._clock = clock
        self._is_affected: bool | None = None
        # The processes that each had, as long as none of them has been replaced.
        self._known: dict[Target, frozenset[int]] = {}
        # How many workers one must get back that has been scaled to none.
        self._owed: dict[Target, tuple[int, int]] = {}
        self._not_before: dict[Target, float] = {}
        self._pauses: dict[Target, float] = {}

    def see(self, target: Target, now: Description) -> None:
        """Look at what TorchServe says of a version, and replace its workers where that is due.

        Raises:
            ManagementError: when TorchServe refuses; the next look tries again.
        """
        if target in self._owed:
            self._give_back(target)
        elif "READY" in now.workers:
            self._known[target] = now.processes
            self._not_before.pop(target, None)
            self._pauses.pop(target, None)
        elif not now.processes or self._known.setdefault(target, now.processes) <= now.processes:
            # Scaled to none, still starting, or dead and without a successor.
            self._known[target] = self._known.get(target, now.processes) | now.processes
        elif self._is_due(target) and self._affected():
            self._replace(target, now)

    def _is_due(self, target: Target) -> bool:
        return self._clock() >= self._not_before.get(target, 0.0)

    def _affected(self) -> bool:
        if self._is_affected is None:
            self._is_affected = _AFFECTED.match(self._scaler.release()) is not None
        return self._is_affected

    def _replace(self, target: Target, now: Description) -> None:
        pause = self._pauses.get(target, _FIRST_PAUSE)
        self._pauses[target] = min(2 * pause, _LONGEST_PAUSE)
        self._not_before[target] = self._clock() + pause
        logger.warning(
            "model %s: its worker died, and this release of TorchServe can't replace it "
            "(pytorch/serve#2746): the wrapper has it scaled to none and back",
            target.model,
        )
        least = now.least_workers or len(now.workers)
        self._scaler.scale(target, 0, 0)
        self._owed[target] = least, max(least, now.most_workers)
        self._give_back(target)

    def _give_back(self, target: Target) -> None:
        self._scaler.scale(target, *self._owed[target])
        del self._owed[target]
        self._known.pop(target, None)
