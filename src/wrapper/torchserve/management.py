"""TorchServe's management API: what it says of a model's workers, and what it serves."""

from __future__ import annotations

import http
import logging
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from wrapper.names import Target
from wrapper.settings import Settings
from wrapper.torchserve import tokens
from wrapper.torchserve.description import Description
from wrapper.torchserve.management_api import ManagementApi
from wrapper.torchserve.management_errors import ManagementError
from wrapper.torchserve.recovery import Recovery
from wrapper.torchserve.shared_port import SharedPort
from wrapper.torchserve.versions import Look, SeparatePorts, Versions

logger = logging.getLogger("wrapper")


class _Seen(NamedTuple):
    """What was seen of a model when it was last asked about.

    Attributes:
        versions: by version why no worker of it was READY; the default one first.
        are_all: whether there are no other versions.
        described: all that was told of them, the default one first; nothing where TorchServe had
            no such model, None where it didn't tell.
        is_open: whether some of what was asked is still to be told.
    """

    versions: Mapping[str, str | None]
    are_all: bool
    described: Sequence[Description] | None
    is_open: bool = False


_NOTHING = _Seen({}, False, None)


class Management:
    """Asks TorchServe about its models, on a thread of the caller's own.

    Blocking on purpose: it is never used on an event loop. Each thread keeps a connection
    of its own alive between questions.
    """

    def __init__(self, settings: Settings, keys: tokens.Keys) -> None:
        self._api = ManagementApi(settings, keys)
        customized = settings.load.customized
        self._of_versions: Versions = (
            SharedPort(self._api, customized, settings.grpc_management)
            if settings.inference == settings.management
            else SeparatePorts(self._api, customized)
        )
        self._envelope = settings.envelope
        self._warned: set[str] = set()
        # Each replaced as a whole, so that readers on other threads need no lock.
        self._seen: dict[str, _Seen] = {}
        self._recovery = Recovery(self._api)

    def why_no_worker(self, model: str) -> str | None:
        """Ask now, and say why no worker of a model is READY; None when one is.

        A model can be served when at least one worker of its default version is READY. Not for
        several threads at once.
        """
        try:
            look = self._of_versions.look(model)
        except ManagementError as error:
            is_gone = error.status == http.HTTPStatus.NOT_FOUND
            known = _NOTHING if is_gone else self._seen.get(model, _NOTHING)
            none_ready = dict.fromkeys(known.versions, str(error))
            self._seen[model] = _Seen(none_ready, known.are_all, () if is_gone else None)
            return str(error)
        default = [look.default] if look.default else []
        self._warn_of_batches(model, [*default, *look.others])
        self._recover(model, [*default, *(look.others if look.are_new else ())])
        self._seen[model] = _seen(default, look)
        return look.default.why_no_worker if look.default else "it has no worker"

    def versions_last_seen(self, model: str) -> Mapping[str, str | None]:
        """Give by version why no worker of it was READY when last asked; the default one first.

        Versions that were there stay while TorchServe doesn't answer, none of them ready.
        """
        return self._seen.get(model, _NOTHING).versions

    def has_seen_all_versions(self, model: str) -> bool:
        """Tell whether a model had no versions but those when last asked about."""
        seen = self._seen.get(model, _NOTHING)
        return seen.are_all and bool(seen.versions)

    def last_described(self, model: str) -> Sequence[Description] | None:
        """Give what TorchServe said of a model's versions when last asked, the default one first.

        Returns:
            Nothing where TorchServe had no such model, None where it didn't tell.
        """
        return self._seen.get(model, _NOTHING).described

    def has_more_to_tell(self, model: str) -> bool:
        """Tell whether some of what was asked of a model last is still to be told."""
        return self._seen.get(model, _NOTHING).is_open

    def describe(self, model: str) -> Sequence[Description]:
        """Give what TorchServe says of a model now, for each version; the default one comes first.

        Raises:
            ManagementError: when it doesn't answer, knows no such model, or says what can't
                be read.
        """
        return self._of_versions.describe(model)

    def models(self) -> tuple[str, ...]:
        """Give the names of the models that TorchServe has, in its order.

        Raises:
            ManagementError: when it doesn't say.
        """
        return self._api.models()

    def register(self, model: str, archive: str, workers: int = 1) -> None:
        """Have TorchServe load a version of a model from an archive of its model store.

        The first is the default one.

        Raises:
            ManagementError: with TorchServe's own words, when it refuses.
        """
        self._api.register(model, archive, workers)
        self._of_versions.see_change(model)

    def unregister(self, target: Target) -> None:
        """Have TorchServe unload a model's version.

        The default one can't be unloaded before the others.

        Raises:
            ManagementError: with TorchServe's own words, when it refuses.
        """
        try:
            self._of_versions.unregister(target)
        except ManagementError as error:
            # A worker that has just died makes TorchServe give up ("Interrupted while cleaning
            # resources"). It has stopped the workers by then, and goes on when it is asked again.
            if error.status != http.HTTPStatus.INTERNAL_SERVER_ERROR:
                raise
            self._of_versions.unregister(target)
        self._of_versions.see_change(target.model)

    def release(self) -> str:
        """Give TorchServe's release, as ``0.9.0``.

        Raises:
            ManagementError: when it doesn't say.
        """
        return self._api.release()

    def renew(self, kind: str, refused: Mapping[str, str]) -> bool:
        """Have TorchServe write a new key for one that it refuses; see `RestManagement.renew`."""
        return self._api.renew(kind, refused)

    def close(self) -> None:
        """Close this thread's connection; its next question opens another."""
        self._api.close()

    def _recover(self, model: str, versions: Sequence[Description]) -> None:
        for version in versions:
            try:
                self._recovery.see(Target(model, version.version), version)
            except ManagementError as error:
                logger.warning("model %s: its workers can't be replaced: %s", model, error)

    def _warn_of_batches(self, model: str, versions: Sequence[Description]) -> None:
        size = max((version.batch_size for version in versions), default=1)
        if size > 1 and not self._envelope.keeps_batches and model not in self._warned:
            self._warned.add(model)
            logger.warning(
                "model %s has batchSize %d, but TorchServe's envelope %s fails on a batch of "
                "several requests: set batchSize to 1, or service_envelope to %s_faithful "
                "(docs/envelopes.md)",
                model,
                size,
                self._envelope.name,
                self._envelope.name,
            )


def _seen(default: Sequence[Description], look: Look) -> _Seen:
    reasons = {version.version: version.why_no_worker for version in default}
    reasons.update(
        (version.version, look.problem or version.why_no_worker) for version in look.others
    )
    told = {version: why for version, why in reasons.items() if version}
    return _Seen(told, look.are_all, [*default, *look.others], look.is_open)
