"""The model repository: loading and unloading models of TorchServe while it runs.

Source: docs/protocol/extension_model_repository.md of Triton, which KServe's SDK follows in
part. TorchServe loads and unloads only where its model control is on.

The extension loads and unloads models, not versions: a model is all of its versions.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import NamedTuple

from wrapper.errors import ServingError, model_not_found
from wrapper.names import Target
from wrapper.torchserve.description import Description
from wrapper.torchserve.management import Management
from wrapper.torchserve.management_errors import ManagementError
from wrapper.torchserve.readiness import Readiness
from wrapper.torchserve.unloaded import Stored


class Entry(NamedTuple):
    """A model of the repository, or one of its versions.

    Attributes:
        version: empty as long as TorchServe hasn't told it.
        state: ``READY`` or ``UNAVAILABLE``.
        reason: why it isn't ready; empty when it is.
    """

    name: str
    version: str
    state: str
    reason: str

    @classmethod
    def of(cls, name: str, version: str, reason: str | None) -> Entry:
        """Make one of what readiness says."""
        state = "READY" if reason is None else "UNAVAILABLE"
        return cls(name, version, state, reason or "")


_CONTROL_OFF = (
    "TorchServe doesn't {verb} models while it runs: start it with --enable-model-api, or with "
    "enable_model_api=true in its config.properties"
)


class Repository:
    """The models of one TorchServe, as the repository extension sees them."""

    def __init__(self, management: Management, readiness: Readiness) -> None:
        self._management = management
        self._readiness = readiness
        self._unloaded = readiness.unloaded_models

    def index(self, ready: bool = False) -> list[Entry]:
        """Give every version of every model that is served, waited for, or was unloaded.

        Args:
            ready: give those only that are ready.
        """
        readiness = self._readiness
        readiness.glance()
        entries = []
        for name in (*readiness.models(), *sorted(readiness.unloaded())):
            reason = readiness.reason_last_seen(name)
            versions = {} if name in readiness.unloaded() else readiness.versions(name)
            told = [Entry.of(name, *each) for each in versions.items()]
            entries += told or [Entry.of(name, "", reason)]
        return [entry for entry in entries if entry.state == "READY" or not ready]

    def check_known(self, target: Target) -> None:
        """Refuse a model that is neither served nor was unloaded.

        Raises:
            ServingError: 404.
        """
        served = self._readiness.models()
        if target.model not in served and target.model not in self._readiness.unloaded():
            raise model_not_found(target.model, served)

    async def load(self, model: str) -> None:
        """Load a model that was unloaded, with the versions that it had then.

        A model that is there already stays as it is.

        Raises:
            ServingError: 404 for an unknown model, 405 where TorchServe's model control is
                off, 503 when TorchServe can't.
        """
        await asyncio.to_thread(self._load, model)

    async def unload(self, model: str) -> None:
        """Unload a model with all its versions; it is not served until it is loaded again.

        Raises:
            ServingError: as for `load`.
        """
        await asyncio.to_thread(self._unload, model)

    def _load(self, model: str) -> None:
        self.check_known(Target(model))
        try:
            there = self._described(model)
            is_ready = bool(there) and there[0].why_no_worker is None
            # A load that failed midway is gone on with.
            if not is_ready or self._unloaded.stored(model):
                loaded = [each.version for each in there]
                stored = self._unloaded.stored(model) or {"": Stored(f"{model}.mar", 1)}
                for version, (archive, workers) in stored.items():
                    if version not in loaded:
                        self._management.register(model, archive, workers)
        except ManagementError as error:
            raise _refusal(error, "load") from None
        self._readiness.set_unloaded(model, False)

    def _unload(self, model: str) -> None:
        self.check_known(Target(model))
        try:
            described = self._management.describe(model)
            now = {
                each.version: Stored(each.archive, min(len(each.workers), 1)) for each in described
            }
            # What an unload that failed midway has unloaded comes back, too.
            self._unloaded.keep(model, {**now, **self._unloaded.stored(model), **now})
            # TorchServe unloads the default version last.
            for each in reversed(described):
                self._unregister(Target(model, each.version))
        except ManagementError as error:
            if error.status != 404:
                raise _refusal(error, "unload") from None
        self._readiness.set_unloaded(model, True)

    def _described(self, model: str) -> Sequence[Description]:
        try:
            return self._management.describe(model)
        except ManagementError as error:
            if error.status != 404:
                raise
            return ()

    def _unregister(self, target: Target) -> None:
        try:
            self._management.unregister(target)
        except ManagementError as error:
            # Somebody else has unloaded it: that is what was asked for.
            if error.status != 404:
                raise


def _refusal(error: ManagementError, verb: str) -> ServingError:
    if error.status == 405:
        return ServingError(405, _CONTROL_OFF.format(verb=verb))
    if error.status is not None and 400 <= error.status < 500:
        return ServingError(error.status, f"TorchServe doesn't {verb} the model: {error}")
    return ServingError(503, f"TorchServe can't {verb} the model: {error}")
