"""Requests that TorchServe has, and what becomes of them when their model goes.

TorchServe ends the workers of a model that is unloaded (`WorkLoadManager.modelChanged`), and nobody
ever takes what is in its queue: whoever waits for that has a connection that is open, and silent. A
request that a worker has is answered "Worker died", or is put back into the queue, by chance.
"""

from __future__ import annotations

from collections.abc import Mapping

from wrapper.errands import Errand, Rounds
from wrapper.names import Served, Target
from wrapper.torchserve import error_table
from wrapper.torchserve.error_table import Case

# Seconds between two looks. What TorchServe says of a request itself says more, and has from one
# look to the next one to come.
_LOOK_EVERY = 0.2


class Waiting:
    """Calls off requests whose model, or version of it, is there no more."""

    def __init__(self, served: Served) -> None:
        self._served = served
        self._rounds: Rounds[_Job] = Rounds(_LOOK_EVERY, self._look)

    def job(self, target: Target) -> _Job:
        """Give a context in which TorchServe is asked.

        Raises (in it):
            ServingError: 502, when TorchServe can't answer it any more.
        """
        return _Job(self._rounds, target, self._served.versions(target.model))

    def _look(self, job: _Job) -> None:
        if not self._is_gone(job):
            job.was_gone = False
        elif job.was_gone:
            job.call_off(error_table.error(Case.UNLOADED))
        else:
            job.was_gone = True

    def _is_gone(self, job: _Job) -> bool:
        model = job.target.model
        if model not in self._served.models():
            return True
        there = self._served.versions(model)
        if not there:
            # Where TorchServe had not told any, none is missed.
            return bool(job.were_there)
        version = job.target.version or next(iter(job.were_there), None)
        is_known = version is None or version in there
        return not is_known and self._served.has_all_versions(model)


class _Job(Errand):
    """One request that TorchServe has.

    Attributes:
        were_there: the versions of its model when it was sent, the default one first.
        was_gone: whether its own was there no more at the last look.
    """

    was_gone = False

    def __init__(
        self, rounds: Rounds[_Job], target: Target, were_there: Mapping[str, str | None]
    ) -> None:
        self._rounds = rounds
        self.target = target
        self.were_there = were_there
