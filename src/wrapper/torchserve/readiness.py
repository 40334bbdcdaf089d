"""Whether each model can be served now, known in the background for as long as it lives.

No event loop ever waits for TorchServe, and the answer doesn't depend on which kind of loop an SDK
release runs: one thread of one of the wrapper's processes watches and asks, one thread in each
other reads what that has found. Nothing is decided once and for all: a model that is late becomes
ready when it is, one whose worker dies stops being ready, and comes back by itself.
docs/readiness.md shows the states.
"""

from __future__ import annotations

import logging
import os
import threading
import time
import weakref
from collections.abc import Mapping, Sequence
from typing import Any, Callable

from wrapper import forking
from wrapper.names import Target
from wrapper.torchserve.unloaded import Unloaded
from wrapper.torchserve.watching.folder import SharedFolder
from wrapper.torchserve.watching.report import NOT_ASKED, Report, Seen
from wrapper.torchserve.watching.schedule import Wish
from wrapper.torchserve.watching.vital_signs import NoSigns, Signs
from wrapper.torchserve.watching.watcher import ModelDescriber, Watcher

logger = logging.getLogger("wrapper")

# Seconds between two looks at what another process has found.
_READ_EVERY = 0.05


class Readiness:
    """The live state of the models of one TorchServe.

    Args:
        models: the names of the models that are to be served. Without any, all that
            TorchServe has are.
        warn_after: seconds without a READY worker after which the log says so.
        make_signs: makes what watches TorchServe, in the process that does.
        shared: where the processes of one wrapper tell each other; None where each is on its own.

    Attributes:
        unloaded_models: the models that were unloaded on purpose.
    """

    def __init__(
        self,
        models: Sequence[str],
        describer: ModelDescriber,
        warn_after: float,
        make_signs: Callable[[], Signs] = NoSigns,
        unloaded: Unloaded | None = None,
        shared: SharedFolder | None = None,
    ) -> None:
        self._describer = describer
        self._warn_after = warn_after
        self._make_signs = make_signs
        self._shared = shared
        self._discovers = not models
        self._configured = frozenset(models)
        # Replaced as a whole, never changed, so that readers need no lock, which a fork
        # in the wrong moment would leave locked for ever.
        self._report = Report({model: Seen() for model in models})
        self.unloaded_models = Unloaded() if unloaded is None else unloaded
        self._runs_in: int | None = None
        self._watcher: Watcher | None = None

    def begin(self) -> None:
        """Have TorchServe asked from now on, where this process may have threads.

        Whatever is asked of this does so, too.
        """
        self._now()

    def models(self) -> tuple[str, ...]:
        """Give the names of the models that are served or waited for."""
        now, unloaded = self._now(), self.unloaded()
        return tuple(model for model in now if model not in unloaded) if unloaded else tuple(now)

    def knows(self, model: str) -> bool:
        """Tell whether a model is served, waited for, or was unloaded on purpose."""
        return model in self._report.models or model in self.unloaded()

    def is_ready(self, target: Target) -> bool:
        """Tell whether a model, or a version of it, can be served as far as is known now."""
        if target.version and target.model not in self.unloaded():
            return self.versions(target.model).get(target.version, NOT_ASKED) is None
        return self.reason_last_seen(target.model) is None

    def versions(self, model: str) -> Mapping[str, str | None]:
        """Give a model's versions, that which is served by default first.

        Returns:
            By version why it isn't ready, None for one that is; those that TorchServe has told
            so far.
        """
        return self._now().get(model, Seen()).versions

    def has_all_versions(self, model: str) -> bool:
        """Tell whether a model has no versions but those, as far as can be known."""
        seen = self._now().get(model, Seen())
        return seen.has_all and bool(seen.versions)

    def workers(self, model: str) -> tuple[str, ...]:
        """Give the states of a model's workers, such as ``READY``, of all versions."""
        return self._now().get(model, Seen()).workers

    def reason_last_seen(self, model: str) -> str | None:
        """Say in a clause why a model isn't ready as far as is known; None when it is."""
        now = self._now()
        if model in self.unloaded():
            return "it was unloaded"
        return now.get(model, Seen()).reason

    def ask_now(self) -> None:
        """Have TorchServe asked soon: a request met what readiness had not seen yet."""
        self._want(Wish.HURRY)

    def glance(self) -> None:
        """Have TorchServe asked once, unless it has been a moment ago.

        Some of what is told of models changes without being seen, such as which of a model's
        versions is the default one.
        """
        self._want(Wish.GLANCE)

    def _want(self, wish: Wish) -> None:
        if self._watcher is not None and self._runs_in == os.getpid():
            self._watcher.want(wish)
        elif self._shared is not None:
            self._shared.want(wish)

    def set_unloaded(self, model: str, unloaded: bool) -> None:
        """Count a model out, or in again, because somebody unloaded or loaded it on purpose."""
        if unloaded:
            self.unloaded_models.take_out(model)
        else:
            self.unloaded_models.bring_back(model)
        if self._watcher is not None and self._runs_in == os.getpid():
            # At once: loaded again, it would seem to be as ready as it was.
            self._watcher.change()
        else:
            self.ask_now()

    def unloaded(self) -> frozenset[str]:
        """Give the names of the models that were unloaded on purpose."""
        names = self.unloaded_models.names()
        # Another wrapper may serve other models of the same TorchServe.
        return names if self._discovers else names & self._configured

    def wait_for_first_answer(self, timeout: float) -> None:
        """Wait until every model has been asked about once, for at most ``timeout`` seconds.

        Does not wait for models to become ready.
        """
        deadline = time.monotonic() + timeout
        self._now()
        while not self._report.is_whole and time.monotonic() < deadline:
            time.sleep(0.005)

    def _now(self) -> Mapping[str, Seen]:
        """Give what is known now, and see to it that it stays so."""
        # A forked or spawned process has the state but not the thread.
        if self._runs_in != os.getpid() and forking.allows_threads():
            self._runs_in = os.getpid()
            self._watcher = None
            run = threading.Thread(
                target=_keep_known, args=(weakref.ref(self),), name="readiness", daemon=True
            )
            run.start()
        return self._report.models

    def _has_been_read(self) -> bool:
        """Take what the process that watches has found; tell whether there is another that does."""
        shared = self._shared
        if shared is None or shared.may_watch():
            return False
        if shared.is_silent():
            logger.warning("another process of the wrapper doesn't tell what it sees any more")
            self._shared = None
            return False
        self._read(shared.news())
        self.unloaded_models.look()
        return True

    def _make_watcher(self) -> Watcher:
        shared = self._shared
        this = weakref.ref(self)
        self._watcher = Watcher(
            self._report,
            discovers=self._discovers,
            describer=self._describer,
            signs=self._make_signs(),
            unloaded=self.unloaded_models,
            wanted=lambda: _wanted_in(shared),
            is_needed=lambda: this() is not None,
            publish=lambda report: _publish(this(), report),
            warn_after=self._warn_after,
        )
        return self._watcher

    def _read(self, news: bytes | None) -> None:
        if news is None:
            return
        try:
            self._take(Report.from_json(news))
        except (ValueError, KeyError, TypeError):
            logger.exception("what another process has found can't be read")

    def publish(self, report: Report) -> None:
        """Take what this process has found, and tell the others."""
        self._take(report)
        if self._shared is not None:
            self._shared.publish(report.to_json())

    def _take(self, report: Report) -> None:
        self._report = report
        self.unloaded_models.torchserve = report.torchserve

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_runs_in": None, "_watcher": None}


def _keep_known(readiness: weakref.ref[Readiness]) -> None:
    """See to it that what is known stays so, as long as there is somebody who asks for it."""
    while (this := readiness()) is not None:
        if not this._has_been_read():
            watcher = this._make_watcher()
            del this
            watcher.run()
            return
        del this
        time.sleep(_READ_EVERY)


def _publish(readiness: Readiness | None, report: Report) -> None:
    if readiness is not None:
        readiness.publish(report)


def _wanted_in(shared: SharedFolder | None) -> set[Wish]:
    """Give what other processes want, and tell them that this one watches."""
    if shared is None:
        return set()
    shared.beat()
    return shared.wanted()
