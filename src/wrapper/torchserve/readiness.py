"""Whether each model can be served now, asked in the background for as long as it lives.

One thread per process does the asking, so that no event loop ever waits for TorchServe
and the answer doesn't depend on which kind of loop an SDK release runs. Nothing is
decided once and for all: a model that is late becomes ready when it is, one whose worker
dies stops being ready, and comes back by itself. docs/readiness.md shows the states.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from wrapper.names import Target
from wrapper.torchserve.management_errors import ManagementError

logger = logging.getLogger("wrapper")

# TorchServe itself sees a dead worker after 0.25 to 0.5 s; what is left of one second is ours.
_INTERVAL = 0.3
_INTERVAL_WHILE_WAITING = 0.2

_NOT_ASKED = "it hasn't been asked about yet"


class ModelDescriber(Protocol):
    """What the poller needs of TorchServe's management API."""

    def why_no_worker(self, model: str) -> str | None:
        """Ask now, and say why no worker of a model is READY; None when one is.

        The one version counts that TorchServe serves by default.
        """

    def versions_last_seen(self, model: str) -> Mapping[str, str | None]:
        """Give by version why no worker of it was READY when last asked; the default one first."""

    def has_seen_all_versions(self, model: str) -> bool:
        """Tell whether a model had no versions but those when last asked about."""

    def models(self) -> tuple[str, ...]:
        """Give the names of TorchServe's models.

        Raises:
            ManagementError: when it doesn't say.
        """


class Readiness:
    """The live state of the models of one TorchServe.

    Args:
        models: the names of the models that are to be served. Without any, all that
            TorchServe has are.
        warn_after: seconds without a READY worker after which the log says so.
    """

    def __init__(self, models: Sequence[str], describer: ModelDescriber, warn_after: float) -> None:
        self._describer = describer
        self._warn_after = warn_after
        self._discovers = not models
        # Replaced as a whole, never changed, so that readers need no lock, which a fork
        # in the wrong moment would leave locked for ever.
        self._reasons: Mapping[str, str | None] = dict.fromkeys(models, _NOT_ASKED)
        self._unloaded: frozenset[str] = frozenset()
        self._has_asked = False
        self._poller: int | None = None
        self._wake = threading.Event()

    def models(self) -> tuple[str, ...]:
        """Give the names of the models that are served or waited for."""
        self._watch()
        return tuple(model for model in self._reasons if model not in self._unloaded)

    def knows(self, model: str) -> bool:
        """Tell whether a model is served, waited for, or was unloaded on purpose."""
        return model in self._reasons or model in self._unloaded

    def is_ready(self, target: Target) -> bool:
        """Tell whether a model, or a version of it, had a READY worker when last asked about."""
        if target.version and target.model not in self._unloaded:
            return self.versions(target.model).get(target.version, _NOT_ASKED) is None
        return self.reason_last_seen(target.model) is None

    def versions(self, model: str) -> Mapping[str, str | None]:
        """Give a model's versions when last asked about, that which is served by default first.

        Returns:
            By version why it isn't ready, None for one that is; those that TorchServe has told
            so far.
        """
        self._watch()
        return self._describer.versions_last_seen(model)

    def has_all_versions(self, model: str) -> bool:
        """Tell whether a model has no versions but those, as far as can be known."""
        self._watch()
        return self._describer.has_seen_all_versions(model)

    def reason_last_seen(self, model: str) -> str | None:
        """Say in a clause why a model wasn't ready when last asked about; None when it was."""
        self._watch()
        if model in self._unloaded:
            return "it was unloaded"
        return self._reasons.get(model, _NOT_ASKED)

    def ask_now(self) -> None:
        """Ask again at once: a request met what readiness had not seen yet."""
        self._wake.set()

    def set_unloaded(self, model: str, unloaded: bool) -> None:
        """Count a model out, or in again, because somebody unloaded or loaded it on purpose."""
        self._unloaded = self._unloaded | {model} if unloaded else self._unloaded - {model}
        self.ask_now()

    def unloaded(self) -> frozenset[str]:
        """Give the names of the models that were unloaded on purpose."""
        return self._unloaded

    def wait_for_first_answer(self, timeout: float) -> None:
        """Wait until every model has been asked about once, for at most ``timeout`` seconds.

        Does not wait for models to become ready.
        """
        self._watch()
        deadline = time.monotonic() + timeout
        while not self._has_asked and time.monotonic() < deadline:
            time.sleep(0.005)

    def _watch(self) -> None:
        # A forked or spawned process has the state but not the thread.
        if self._poller != os.getpid():
            self._poller = os.getpid()
            self._wake = threading.Event()
            threading.Thread(target=self._poll, name="readiness", daemon=True).start()

    def _poll(self) -> None:
        late = _Lateness(self._warn_after)
        while True:
            self._wake.clear()
            before = self._reasons
            now = {model: self._ask_about(model) for model in self._names(before)}
            self._reasons = now
            self._has_asked = True
            for model, reason in now.items():
                if reason != before.get(model, _NOT_ASKED):
                    _tell_change(model, reason)
                late.see(model, reason)
            waiting = not now or any(reason is not None for reason in now.values())
            self._wake.wait(_INTERVAL_WHILE_WAITING if waiting else _INTERVAL)

    def _names(self, before: Mapping[str, str | None]) -> Sequence[str]:
        if not self._discovers:
            return tuple(before)
        try:
            return self._describer.models()
        except ManagementError:
            return tuple(before)

    def _ask_about(self, model: str) -> str | None:
        try:
            return self._describer.why_no_worker(model)
        except Exception as error:  # the thread has to outlive whatever TorchServe says
            logger.exception("model %s can't be asked about", model)
            return f"asking about it failed ({type(error).__name__})"

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_poller": None, "_wake": None}


class _Lateness:
    """Says once in the log when a model has not been ready for long."""

    def __init__(self, after: float) -> None:
        self._after = after
        self._since: dict[str, float] = {}
        self._warned: set[str] = set()

    def see(self, model: str, reason: str | None) -> None:
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


def _tell_change(model: str, reason: str | None) -> None:
    if reason is None:
        logger.info("model %s is ready", model)
    else:
        logger.warning("model %s is not ready: %s", model, reason)
