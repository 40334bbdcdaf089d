"""Whether each model can be served now, asked in the background for as long as it lives.

One thread per process does the asking, so that no event loop ever waits for TorchServe
and the answer doesn't depend on which kind of loop an SDK release runs. Nothing is
decided once and for all: a model that is late becomes ready when it is, one whose worker
dies stops being ready, and comes back by itself.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

logger = logging.getLogger("wrapper")

# Short enough that a dead worker is seen within a second.
_INTERVAL = 0.5
_INTERVAL_WHILE_WAITING = 0.2

_NOT_ASKED = "it hasn't been asked about yet"


class ModelDescriber(Protocol):
    """What the poller needs of TorchServe's management API."""

    def why_not_ready(self, model: str) -> str | None:
        """Say why a model can't be served now, or None when it can."""


class Readiness:
    """The live state of the models of one TorchServe."""

    def __init__(self, models: Sequence[str], describer: ModelDescriber, warn_after: float) -> None:
        self._describer = describer
        self._warn_after = warn_after
        # Replaced as a whole by the poller, so that readers need no lock, which a fork
        # in the wrong moment would leave locked for ever.
        self._reasons: Mapping[str, str | None] = dict.fromkeys(models, _NOT_ASKED)
        self._poller: int | None = None

    def is_ready(self, model: str) -> bool:
        """Tell whether the model had a READY worker when last asked about."""
        self._watch()
        return self._reasons.get(model, _NOT_ASKED) is None

    def wait_for_first_answer(self, timeout: float) -> None:
        """Wait until every model has been asked about once, for at most ``timeout`` seconds.

        Does not wait for models to become ready.
        """
        self._watch()
        deadline = time.monotonic() + timeout
        while _NOT_ASKED in self._reasons.values() and time.monotonic() < deadline:
            time.sleep(0.005)

    def _watch(self) -> None:
        # A forked or spawned process has the state but not the thread.
        if self._poller != os.getpid():
            self._poller = os.getpid()
            threading.Thread(target=self._poll, name="readiness", daemon=True).start()

    def _poll(self) -> None:
        waiting_since = dict.fromkeys(self._reasons, time.monotonic())
        warned: set[str] = set()
        while True:
            before = self._reasons
            now = {model: self._describer.why_not_ready(model) for model in before}
            self._reasons = now
            for model, reason in now.items():
                if reason != before[model]:
                    _tell_change(model, reason)
                if reason is None:
                    waiting_since[model] = time.monotonic()
                    warned.discard(model)
                elif model not in warned and self._is_late(waiting_since[model]):
                    warned.add(model)
                    self._warn(model, reason)
            waiting = any(reason is not None for reason in now.values())
            time.sleep(_INTERVAL_WHILE_WAITING if waiting else _INTERVAL)

    def _is_late(self, since: float) -> bool:
        return time.monotonic() - since > self._warn_after

    def _warn(self, model: str, reason: str) -> None:
        logger.warning(
            "model %s has not been ready for %.0f s: %s. The wrapper goes on asking.",
            model,
            self._warn_after,
            reason,
        )

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_poller": None}


def _tell_change(model: str, reason: str | None) -> None:
    if reason is None:
        logger.info("model %s is ready", model)
    else:
        logger.warning("model %s is not ready: %s", model, reason)
