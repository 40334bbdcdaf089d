"""The TorchServe instances of a run: started once, by the controller, for all workers."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

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
from matrix.stage import MODELS, instance_key
from matrix.verdicts import Verdict

_TAIL = 4000

# What stands for a TorchServe that isn't there: the verdict to give and the reason.
Absence = tuple[str, str]


class Instances:
    """Starts the instances that a plan needs and ends them."""

    def __init__(self) -> None:
        self._running: dict[str, TorchServe] = {}
        self._absent: dict[str, Absence] = {}

    def start(self, needed: Sequence[tuple[str, str]], runtime: Runtime, image: str | None) -> None:
        """Start TorchServe for each (release, envelope), side by side.

        What doesn't start is kept as the reason for its cells' verdicts.
        """
        with ThreadPoolExecutor(max_workers=2) as pool:
            for (release, envelope), outcome in zip(
                needed,
                pool.map(lambda each: _start(each[0], each[1], runtime, image), needed),
                strict=True,
            ):
                key = instance_key(release, envelope)
                if isinstance(outcome, tuple):
                    self._absent[key] = outcome
                else:
                    self._running[key] = outcome

    def withhold(self, needed: Sequence[tuple[str, str]], reason: str) -> None:
        """Say why no instance can be started at all."""
        for release, envelope in needed:
            self._absent[instance_key(release, envelope)] = (Verdict.UNPROVISIONED, reason)

    def stop(self) -> None:
        """End all of them; what one can't be ended for must not keep the others."""
        running, self._running = self._running, {}
        with contextlib.ExitStack() as stack:
            for torchserve in running.values():
                stack.callback(torchserve.stop)

    def log_tail(self, torchserve: str, envelope: str) -> str:
        """Give the end of an instance's log, empty where it isn't running."""
        running = self._running.get(instance_key(torchserve, envelope))
        return running.logs()[-_TAIL:] if running else ""

    def identity(self, torchserve: str, envelope: str) -> str:
        """Give what identifies the software of an instance, empty where it isn't running."""
        running = self._running.get(instance_key(torchserve, envelope))
        return running.instance.identity if running else ""

    def to_dict(self) -> dict[str, Any]:
        """Give all as plain data, for the workers."""
        return {
            "running": {key: each.instance.to_dict() for key, each in self._running.items()},
            "absent": {key: list(absence) for key, absence in self._absent.items()},
        }


def from_dict(data: Mapping[str, Any]) -> dict[str, Instance | Absence]:
    """Read what `Instances.to_dict` gave."""
    running = {key: Instance.from_dict(each) for key, each in data["running"].items()}
    absent = {key: (each[0], each[1]) for key, each in data["absent"].items()}
    return {**running, **absent}


def _start(
    release: str, envelope: str, runtime: Runtime, image: str | None
) -> TorchServe | Absence:
    try:
        archives = [models.archive(name) for name in MODELS]
        return torchserves.start(
            runtime,
            release=release,
            envelope=cast("Envelope", envelope),
            models=archives,
            image=image,
        )
    except RuntimeUnavailable as error:
        return (str(Verdict.UNPROVISIONED), str(error))
    except TorchServeError as error:
        return (str(Verdict.ERROR), f"TorchServe {release} with envelope {envelope}: {error}")
