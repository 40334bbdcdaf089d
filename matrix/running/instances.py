"""The TorchServe instances of a run: started once, by the controller, for all workers."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

from kserve_conformance.results.verdict import Verdict
from kserve_conformance.text import messages

from fixtures import models
from fixtures import torchserve as torchserves
from fixtures.torchserve import (
    Envelope,
    Instance,
    Runtime,
    RuntimeUnavailable,
    TorchServe,
    TorchServeError,
)
from matrix.running import late_model
from matrix.running.logs import last_lines
from matrix.running.timing import Moment
from matrix.running.worker import MODELS, VERSIONS, instance_key

# Each start computes for seconds, and waits between.
_AT_ONCE = 4
# What stands for a TorchServe that isn't there: the verdict to give and the reason.
Absence = tuple[str, str]


class Instances:
    """Starts the instances that a plan needs and ends them."""

    def __init__(self) -> None:
        self._running: dict[str, TorchServe] = {}
        self._absent: dict[str, Absence] = {}
        self._identities: dict[str, str] = {}
        self._stopped = False
        self._lock = threading.Lock()

    def start(self, needed: Sequence[tuple[str, str]], runtime: Runtime, image: str | None) -> None:
        """Start TorchServe for each (release, envelope) that isn't running yet, side by side.

        What doesn't start is kept as the reason for its cells' verdicts. Once they have been ended
        nothing is started: an interrupt can come before the thread that starts them has begun.
        """
        if self._stopped:
            return
        lacking = [each for each in needed if instance_key(*each) not in self._running]
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            for release, envelope in lacking:
                pool.submit(self._start, release, envelope, runtime, image)

    def withhold(self, needed: Sequence[tuple[str, str]], reason: str) -> None:
        """Say why no instance can be started at all."""
        for release, envelope in needed:
            self._absent[instance_key(release, envelope)] = (str(Verdict.UNPROVISIONED), reason)

    def identify(self, needed: Sequence[tuple[str, str]], identity: str) -> None:
        """Say what identifies the software of those that cells start themselves."""
        self._identities = {instance_key(*each): identity for each in needed}

    def stop(self) -> None:
        """End all of them; what one can't be ended for must not keep the others."""
        with self._lock:
            self._stopped = True
            running, self._running = self._running, {}
        with contextlib.ExitStack() as stack:
            for torchserve in running.values():
                stack.callback(torchserve.stop)

    def log_of(self, torchserve: str, envelope: str, moment: Moment) -> str:
        """Give what an instance logged at a moment, empty where it isn't running.

        All cells share it, so that it may have been asked by others, too.
        """
        running = self._running.get(instance_key(torchserve, envelope))
        return last_lines(running.logs_between(moment.began, moment.ended)) if running else ""

    def identity(self, torchserve: str, envelope: str) -> str:
        """Give what identifies the software of an instance, empty where it isn't running."""
        key = instance_key(torchserve, envelope)
        running = self._running.get(key)
        return running.instance.identity if running else self._identities.get(key, "")

    def to_dict(self) -> dict[str, Any]:
        """Give all as plain data, for the workers."""
        return {
            "running": {key: each.instance.to_dict() for key, each in self._running.items()},
            "absent": {key: list(absence) for key, absence in self._absent.items()},
        }

    def _start(self, release: str, envelope: str, runtime: Runtime, image: str | None) -> None:
        # Kept by the thread that started it: an interrupted `start` has to be able to stop it.
        key = instance_key(release, envelope)
        try:
            started = start(runtime, release, envelope, image)
            with self._lock:
                if not self._stopped:
                    self._running[key] = started
                    return
            started.stop()
        except RuntimeUnavailable as error:
            self._absent[key] = (str(Verdict.UNPROVISIONED), str(error))
        except Exception as error:
            told = str(error) if isinstance(error, TorchServeError) else repr(error)
            self._absent[key] = (
                str(Verdict.ERROR),
                messages.with_cause(f"TorchServe {release} with envelope {envelope}: {told}"),
            )


def start(
    runtime: Runtime,
    release: str,
    envelope: str,
    image: str | None = None,
    timeout: float = torchserves.START_TIMEOUT,
) -> TorchServe:
    """Start a TorchServe as cells share one; see `torchserve.start`.

    Raises:
        RuntimeUnavailable: when this machine lacks what the runtime needs.
        TorchServeError: when it doesn't start.
    """
    first = MODELS[0]
    return torchserves.start(
        runtime,
        release=release,
        envelope=cast("Envelope", envelope),
        models=[models.archive(name) for name in MODELS],
        versions={f"{first}/{each}": models.archive(first, each) for each in VERSIONS[1:]},
        stored=[models.archive(late_model.ARCHIVE)],
        config={"enable_model_api": "true"},
        image=image,
        timeout=timeout,
    )


def from_dict(data: Mapping[str, Any]) -> dict[str, Instance | Absence]:
    """Read what `Instances.to_dict` gave."""
    running = {key: Instance.from_dict(each) for key, each in data["running"].items()}
    absent = {key: (each[0], each[1]) for key, each in data["absent"].items()}
    return {**running, **absent}
