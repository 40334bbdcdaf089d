"""The model repository: loading and unloading models of TorchServe while it runs.

Source: docs/protocol/extension_model_repository.md of Triton, which KServe's SDK follows in
part. TorchServe loads and unloads only where its model control is on.
"""

from __future__ import annotations

import asyncio

from wrapper.errors import ServingError, model_not_found
from wrapper.torchserve.management import Management
from wrapper.torchserve.management_errors import ManagementError
from wrapper.torchserve.readiness import Readiness

# A model of the repository: its name, its state and why.
Entry = tuple[str, str, str]

_CONTROL_OFF = (
    "TorchServe doesn't {verb} models while it runs: start it with --enable-model-api, or with "
    "enable_model_api=true in its config.properties"
)


class Repository:
    """The models of one TorchServe, as the repository extension sees them."""

    def __init__(self, management: Management, readiness: Readiness) -> None:
        self._management = management
        self._readiness = readiness
        self._archives: dict[str, str] = {}

    def index(self, ready: bool = False) -> list[Entry]:
        """Give every model that is served, waited for, or was unloaded.

        Args:
            ready: give those only that are ready.
        """
        readiness = self._readiness
        served = [(name, readiness.reason_last_seen(name)) for name in readiness.models()]
        entries: list[Entry] = [
            (name, "READY" if reason is None else "UNAVAILABLE", reason or "")
            for name, reason in served
        ]
        for name in sorted(self._readiness.unloaded()):
            entries.append((name, "UNAVAILABLE", "it was unloaded"))
        return [entry for entry in entries if entry[1] == "READY" or not ready]

    def check_known(self, model: str) -> None:
        """Refuse a model that is neither served nor was unloaded.

        Raises:
            ServingError: 404.
        """
        served = self._readiness.models()
        if model not in served and model not in self._readiness.unloaded():
            raise model_not_found(model, served)

    async def load(self, model: str) -> None:
        """Load a model that was unloaded; a model that is there already stays as it is.

        Raises:
            ServingError: 404 for an unknown model, 405 where TorchServe's model control is
                off, 503 when TorchServe can't.
        """
        await asyncio.to_thread(self._load, model)

    async def unload(self, model: str) -> None:
        """Unload a model; it is not served until it is loaded again.

        Raises:
            ServingError: as for `load`.
        """
        await asyncio.to_thread(self._unload, model)

    def _load(self, model: str) -> None:
        self.check_known(model)
        try:
            if self._management.why_no_worker(model) is not None:
                self._management.register(model, self._archives.get(model, f"{model}.mar"))
        except ManagementError as error:
            raise _refusal(error, "load") from None
        self._readiness.set_unloaded(model, False)

    def _unload(self, model: str) -> None:
        self.check_known(model)
        try:
            described = self._management.describe(model)
            if described:
                self._archives[model] = described[0].archive
            self._management.unregister(model)
        except ManagementError as error:
            # Somebody else has unloaded it: that is what was asked for.
            if error.status != 404:
                raise _refusal(error, "unload") from None
        self._readiness.set_unloaded(model, True)


def _refusal(error: ManagementError, verb: str) -> ServingError:
    if error.status == 405:
        return ServingError(405, _CONTROL_OFF.format(verb=verb))
    if error.status is not None and 400 <= error.status < 500:
        return ServingError(error.status, f"TorchServe doesn't {verb} the model: {error}")
    return ServingError(503, f"TorchServe can't {verb} the model: {error}")
