"""Watches one TorchServe, and asks it when that is due; on two threads, so that no loop waits.

One of them looks (`Signs`), many times a second, and one asks (`ModelDescriber`), which may wait
for TorchServe for seconds.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Callable, Protocol

from wrapper.torchserve.description import Description
from wrapper.torchserve.management_errors import ManagementError
from wrapper.torchserve.unloaded import Unloaded
from wrapper.torchserve.watching.lateness import Lateness
from wrapper.torchserve.watching.picture import Picture, Told
from wrapper.torchserve.watching.report import NOT_ASKED, Report, Seen
from wrapper.torchserve.watching.schedule import Schedule, Standing, Wish
from wrapper.torchserve.watching.vital_signs import Signs

logger = logging.getLogger("wrapper")

# Seconds between two looks at what other processes want, and between two at TorchServe.
_LOOK_EVERY = 0.1
_LOOK_AT_TORCHSERVE_EVERY = 0.2
# Seconds between two rounds of asking, at most; also while TorchServe is not asked at all.
_LONGEST_PAUSE = 1.0

# In the place of a model's name, which is never empty: which models TorchServe has.
_ALL = ""


class ModelDescriber(Protocol):
    """What is needed of TorchServe's management API."""

    def why_no_worker(self, model: str) -> str | None:
        """Ask now, and say why no worker of a model is READY; None when one is.

        The one version counts that TorchServe serves by default.
        """

    def versions_last_seen(self, model: str) -> Mapping[str, str | None]:
        """Give by version why no worker of it was READY when last asked; the default one first."""

    def has_seen_all_versions(self, model: str) -> bool:
        """Tell whether a model had no versions but those when last asked about."""

    def has_more_to_tell(self, model: str) -> bool:
        """Tell whether some of what was asked of a model last is still to be told."""

    def last_described(self, model: str) -> Sequence[Description] | None:
        """Give what TorchServe said of a model when last asked.

        Returns:
            Its versions, the default one first; nothing where TorchServe has no such model; None
            where it didn't tell.
        """

    def models(self) -> tuple[str, ...]:
        """Give the names of TorchServe's models.

        Raises:
            ManagementError: when it doesn't say.
        """


class Watcher:
    """Knows what has become of the models of one TorchServe.

    Belongs to the process that made it.

    Args:
        last: what is known so far; its models are those that are served.
        discovers: whether TorchServe says which models are served.
        unloaded: the models that are to be asked about when they are loaded again.
        wanted: gives what other processes want since it was last called; is called many times a
            second as long as this watches.
        is_needed: tells, many times a second, whether to go on.
        publish: takes what is known, whenever that has changed.
        warn_after: seconds without a READY worker after which the log says so.
    """

    def __init__(
        self,
        last: Report,
        *,
        discovers: bool,
        describer: ModelDescriber,
        signs: Signs,
        unloaded: Unloaded,
        wanted: Callable[[], set[Wish]],
        is_needed: Callable[[], bool],
        publish: Callable[[Report], None],
        warn_after: float,
    ) -> None:
        self._discovers = discovers
        self._describer = describer
        self._signs = signs
        self._unloaded = unloaded
        self._wanted = wanted
        self._is_needed = is_needed
        self._publish = publish
        self._late = Lateness(warn_after)
        self._last = last
        self._picture = Picture(last.models, signs.is_dead)
        for name, seen in last.models.items():
            self._picture.tell(name, Told(seen.reason, seen.versions, has_all=seen.has_all))
        self._schedule = Schedule(time.monotonic)
        # What was answered before the latest trouble doesn't count.
        self._troubles = 0
        self._asked: set[str] = set()
        # Unloaded models that an earlier start, or an earlier TorchServe, may have back.
        self._doubted = set(unloaded.names())
        self._tells_unseen = True
        self._wishes: set[Wish] = set()
        self._lock = threading.RLock()
        self._wake = threading.Event()
        self._set_names()

    def want(self, wish: Wish) -> None:
        """Have TorchServe asked soon; may be called on an event loop."""
        self._wishes.add(wish)

    def change(self) -> None:
        """Have everything be asked about soon, and forget what was unloaded."""
        with self._lock:
            self._set_names()
            self._schedule.change()
            self._tell()
        self._wake.set()

    def run(self) -> None:
        """Watch for as long as that is needed."""
        threading.Thread(target=self._keep_asking, name="asking", daemon=True).start()
        due = time.monotonic()
        while self._is_needed():
            now = time.monotonic()
            if now >= due:
                self._look()
                due = time.monotonic() + _LOOK_AT_TORCHSERVE_EVERY
            self._fulfil()
            time.sleep(_LOOK_EVERY)

    def _fulfil(self) -> None:
        """Have TorchServe asked for whom that is wanted by."""
        wishes = self._wanted()
        # One by one: others may be added on other threads meanwhile.
        while self._wishes:
            wishes.add(self._wishes.pop())
        if self._unloaded.look() or Wish.HURRY in wishes:
            self.change()
        elif wishes:
            with self._lock:
                self._schedule.glance()
            self._wake.set()

    def _look(self) -> None:
        try:
            sign = self._signs.look()
        except Exception:  # the thread has to outlive a process that has no file left
            logger.exception("TorchServe can't be watched")
            return
        with self._lock:
            has_ended = self._picture.trouble is not None and sign.trouble is None
            if sign.trouble is not None:
                self._troubles += 1
            self._picture.set_trouble(sign.trouble)
            if has_ended:
                self._doubted = set(self._unloaded.names())
            if has_ended or sign.has_changed:
                self.change()
            self._see_which()
            self._tell()

    def _see_which(self) -> None:
        """Know the TorchServe of now; what was unloaded from an earlier one doesn't count."""
        identity = self._signs.identity()
        if identity and identity != self._unloaded.torchserve:
            self._unloaded.torchserve = identity
            if self._unloaded.begin_anew():
                self.change()

    def _set_names(self) -> None:
        unloaded = self._unloaded.names()
        self._doubted &= unloaded
        for name in unloaded - self._doubted:
            self._picture.forget(name)
        served = [each for each in self._picture.names if each not in unloaded - self._doubted]
        self._schedule.set_names([_ALL, *served] if self._discovers else served)

    def _keep_asking(self) -> None:
        while self._is_needed():
            self._wake.wait(self._pause())
            self._wake.clear()
            for name in self._due():
                self._ask(name)

    def _pause(self) -> float:
        with self._lock:
            if self._picture.trouble is not None:
                return _LONGEST_PAUSE
            return min(_LONGEST_PAUSE, self._schedule.pause())

    def _due(self) -> list[str]:
        with self._lock:
            return [] if self._picture.trouble is not None else self._schedule.due()

    def _ask(self, name: str) -> None:
        with self._lock:
            if self._picture.trouble is not None:
                return
            troubles, unloaded = self._troubles, self._unloaded.names()
        take = self._ask_for_models() if name == _ALL else self._ask_about(name)
        with self._lock:
            # What was told of a model before it was unloaded, or loaded, isn't so any more.
            if troubles != self._troubles or unloaded != self._unloaded.names():
                return
            standing = take()
            self._asked.add(name)
            self._schedule.tell(name, standing)
            self._tell()

    def _ask_for_models(self) -> Callable[[], Standing]:
        """Ask which models there are, and give what takes the answer."""
        try:
            names = self._describer.models()
        except ManagementError:
            return lambda: Standing.WRONG

        def take() -> Standing:
            self._picture.set_names(names)
            self._set_names()
            standings = {self._picture.standing(each) for each in names}
            if not standings:
                return Standing.WRONG
            return Standing.UNSEEN if Standing.UNSEEN in standings else Standing.WELL

        return take

    def _ask_about(self, name: str) -> Callable[[], Standing]:
        """Ask about one model, and give what takes the answer."""
        described: Sequence[Description] | None = None
        try:
            reason = self._describer.why_no_worker(name)
            described = self._describer.last_described(name)
        except Exception as error:  # the thread has to outlive whatever TorchServe says
            logger.exception("model %s can't be asked about", name)
            reason = f"asking about it failed ({type(error).__name__})"
        workers = [worker for each in described or () for worker in each.each_worker]
        is_followed = self._signs.follow(workers) if workers else False
        told = Told(
            reason,
            dict(self._describer.versions_last_seen(name)),
            described or (),
            is_followed,
            self._describer.has_seen_all_versions(name),
            self._describer.has_more_to_tell(name),
        )

        def take() -> Standing:
            if name in self._doubted and described is not None:
                self._doubt_no_more(name, is_there=bool(described))
            self._picture.tell(name, told)
            standing = self._picture.standing(name)
            if standing is Standing.UNSEEN and described and self._tells_unseen:
                self._tells_unseen = False
                logger.info(
                    "the processes of TorchServe's workers aren't seen from here, so TorchServe "
                    "is asked about each model every 0.3 s, which it logs (docs/readiness.md)"
                )
            return standing

        return take

    def _doubt_no_more(self, name: str, is_there: bool) -> None:
        self._doubted.discard(name)
        if is_there:
            self._unloaded.bring_back(name)
        self._set_names()

    def _tell(self) -> None:
        """Publish what is known, and log what has become of models, where that has changed."""
        models = self._picture.seen()
        unloaded = self._unloaded.names()
        wanted = {*models, *([_ALL] if self._discovers else [])} - unloaded
        is_whole = self._last.is_whole or self._picture.trouble is not None or wanted <= self._asked
        report = Report(models, self._unloaded.torchserve, is_whole)
        for name, seen in models.items():
            if name in unloaded:
                continue
            if seen.reason != self._last.models.get(name, Seen()).reason:
                _tell_change(name, seen.reason)
            self._late.see(name, seen.reason)
        # As it is written: the order of versions says which is the default one.
        if report.to_json() != self._last.to_json():
            self._last = report
            self._publish(report)


def _tell_change(model: str, reason: str | None) -> None:
    if reason is None:
        logger.info("model %s is ready", model)
    elif reason != NOT_ASKED:
        logger.warning("model %s is not ready: %s", model, reason)
