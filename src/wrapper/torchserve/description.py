"""What TorchServe says of a model, read from its management API's JSON."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

# The state of a worker that can answer, and that of every other one.
READY, NOT_READY = "READY", "UNLOADING"

# The id of a process that TorchServe is about to start; release 0.5.3 calls its worker READY.
_ABSENT, _UNTOLD = -1, 0


class Worker(NamedTuple):
    """What TorchServe says of one worker of a model.

    Attributes:
        state: such as ``READY``.
        process: the id of its process; 0 where it isn't told, or not started.
        id: what TorchServe calls it, which ends the name of its socket.
    """

    state: str
    process: int = 0
    id: str = ""

    @classmethod
    def of(cls, worker: Any) -> Worker:
        """Read one element of a version's ``workers``.

        Raises:
            AttributeError, KeyError, TypeError, ValueError: when it is none.
        """
        process = int(worker.get("pid", _UNTOLD))
        state = NOT_READY if process == _ABSENT else str(worker["status"])
        return cls(state, max(process, _UNTOLD), str(worker.get("id", "")))


@dataclasses.dataclass(frozen=True)
class Description:
    """What TorchServe says of one version of a model.

    Attributes:
        version: its name; empty where TorchServe doesn't tell it.
        archive: the archive's name, as TorchServe was told it.
        batch_size: how many requests its workers answer at once, at most.
        response_timeout: seconds that a worker may take to answer.
        each_worker: what it says of each worker.
        least_workers: how many TorchServe keeps at least.
        most_workers: how many it may have.
    """

    version: str
    archive: str
    batch_size: int
    response_timeout: float
    each_worker: tuple[Worker, ...]
    least_workers: int = 0
    most_workers: int = 0

    @property
    def workers(self) -> tuple[str, ...]:
        """The state of each worker, such as ``READY``."""
        return tuple(worker.state for worker in self.each_worker)

    @property
    def processes(self) -> frozenset[int]:
        """The ids of its workers' processes, as far as they have been started."""
        return frozenset(worker.process for worker in self.each_worker if worker.process)

    @property
    def why_no_worker(self) -> str | None:
        """Say in a clause why it can't be served, None where one of its workers is READY."""
        return why_none(self.workers)

    @classmethod
    def of(cls, version: Any) -> Description:
        """Read one element of the answer to ``GET /models/{model}``.

        Raises:
            AttributeError, KeyError, TypeError, ValueError: when it is none.
        """
        return cls(
            version=str(version.get("modelVersion") or ""),
            archive=str(version.get("modelUrl", "")),
            batch_size=int(version.get("batchSize", 1)),
            response_timeout=float(version.get("responseTimeout", math.inf)),
            each_worker=tuple(map(Worker.of, version["workers"])),
            least_workers=int(version.get("minWorkers", 0)),
            most_workers=int(version.get("maxWorkers", 0)),
        )


def why_none(states: Sequence[str]) -> str | None:
    """Say in a clause why none of some workers can serve, None where one is READY."""
    if READY in states:
        return None
    number = len(states)
    return f"none of its {number} workers is {READY}" if number else "it has no worker"
