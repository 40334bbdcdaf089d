"""What TorchServe says of a model, read from its management API's JSON."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

# The id of a process that TorchServe is about to start; release 0.5.3 calls its worker READY.
_ABSENT, _UNTOLD = -1, 0
_NOT_STARTED = "UNLOADING"


@dataclasses.dataclass(frozen=True)
class Description:
    """What TorchServe says of one version of a model.

    Attributes:
        version: its name; empty where TorchServe doesn't tell it.
        archive: the archive's name, as TorchServe was told it.
        batch_size: how many requests its workers answer at once, at most.
        response_timeout: seconds that a worker may take to answer.
        workers: the state of each worker, such as ``READY``.
        processes: the ids of their processes, as far as they have been started.
        least_workers: how many TorchServe keeps at least.
        most_workers: how many it may have.
    """

    version: str
    archive: str
    batch_size: int
    response_timeout: float
    workers: tuple[str, ...]
    processes: frozenset[int] = frozenset()
    least_workers: int = 0
    most_workers: int = 0

    @property
    def why_no_worker(self) -> str | None:
        """Say in a clause why it can't be served, None where one of its workers is READY."""
        if "READY" in self.workers:
            return None
        number = len(self.workers)
        return f"none of its {number} workers is READY" if number else "it has no worker"

    @classmethod
    def of(cls, version: Any) -> Description:
        """Read one element of the answer to ``GET /models/{model}``.

        Raises:
            AttributeError, KeyError, TypeError, ValueError: when it is none.
        """
        ids = [int(worker.get("pid", _UNTOLD)) for worker in version["workers"]]
        return cls(
            version=str(version.get("modelVersion") or ""),
            archive=str(version.get("modelUrl", "")),
            batch_size=int(version.get("batchSize", 1)),
            response_timeout=float(version.get("responseTimeout", math.inf)),
            workers=tuple(
                _NOT_STARTED if process == _ABSENT else str(worker["status"])
                for worker, process in zip(version["workers"], ids)
            ),
            processes=frozenset(each for each in ids if each not in (_ABSENT, _UNTOLD)),
            least_workers=int(version.get("minWorkers", 0)),
            most_workers=int(version.get("maxWorkers", 0)),
        )
