"""One TorchServe, as the front and the model see it: inference and some questions."""

from __future__ import annotations

import asyncio
import functools
import os
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

from wrapper import names, protocol
from wrapper.admission import Admission
from wrapper.errors import ServingError, model_not_ready
from wrapper.metrics.timeline import Timeline
from wrapper.names import Target
from wrapper.openinference.signature import UNDECLARED, Signature
from wrapper.protocol import PredictorProtocol
from wrapper.settings import Settings
from wrapper.signatures import Signatures
from wrapper.spliced import Content
from wrapper.torchserve import error_table, tokens
from wrapper.torchserve.error_table import Case, TorchServeError
from wrapper.torchserve.exchange import Reply, Verb
from wrapper.torchserve.management import Management
from wrapper.torchserve.own_metrics import OwnMetrics
from wrapper.torchserve.readiness import Readiness
from wrapper.torchserve.recent import Recent
from wrapper.torchserve.repository import Repository
from wrapper.torchserve.rest import RestInference
from wrapper.torchserve.unloaded import Unloaded
from wrapper.torchserve.waiting import Waiting
from wrapper.torchserve.watching.folder import SharedFolder
from wrapper.torchserve.watching.vital_signs import VitalSigns

if TYPE_CHECKING:
    from wrapper.torchserve.grpc import GrpcInference

_JSON = {"content-type": "application/json"}

# What readiness has to see as soon as a request has met it.
_SEEN_BY_READINESS = (
    Case.NO_WORKER,
    Case.WORKER_KILLED,
    Case.WORKER_DIED,
    Case.WORKER_TOO_SLOW,
)


class TorchServe:
    """Forwards requests to TorchServe, by the transport that PROTOCOL_VERSION asks for.

    Bodies are passed on as they are; whoever calls has judged them, and by `check_protocol`
    that TorchServe reads them.

    Args:
        unloaded: the models that were unloaded on purpose; this process's own by default.
        shared: where the wrapper's processes tell each other what becomes of TorchServe.

    Attributes:
        own_metrics: what TorchServe tells of itself, None where nobody asks for that.

    Raises:
        SettingsError: when the models' signatures can't be used.
    """

    def __init__(
        self,
        settings: Settings,
        unloaded: Unloaded | None = None,
        shared: SharedFolder | None = None,
    ) -> None:
        self.settings = settings
        self._signatures = Signatures.read(settings)
        self._admission = Admission(settings.max_concurrent_requests)
        self._keys = tokens.Keys(settings.key_file)
        self._management = Management(settings, self._keys)
        self._rest = RestInference(settings)
        self._grpc: GrpcInference | None = None
        if settings.protocol is PredictorProtocol.GRPC_V2:
            # grpcio takes a quarter of a second to import.
            from wrapper.torchserve.grpc import GrpcInference

            self._grpc = GrpcInference(settings, self._management.release)
        self.readiness = Readiness(
            settings.models,
            self._management,
            settings.load.warn_after,
            functools.partial(VitalSigns, settings.inference, settings.management),
            unloaded,
            shared,
        )
        self.repository = Repository(self._management, self.readiness)
        self._recent = Recent(self._management.describe)
        self._waiting = Waiting(self.readiness)
        address = settings.torchserve_metrics
        self.own_metrics = None if address is None else OwnMetrics(address)

    @classmethod
    def from_environment(cls) -> TorchServe:
        """Read the process environment, as ``python -m wrapper`` does.

        Raises:
            UnsupportedProtocolError: for an unknown PROTOCOL_VERSION.
            SettingsError: when another setting can't be used.
        """
        declared = protocol.from_environment(os.environ)
        return cls(Settings.from_environment(os.environ, declared))

    async def ask(
        self,
        verb: Verb,
        target: Target,
        body: Content,
        headers: Mapping[str, str],
        timeout: float | None = None,
        timeline: Timeline | None = None,
    ) -> Reply:
        """Have a model, or a version of it, answer a request.

        Args:
            timeout: seconds that an answer is waited for, TORCHSERVE_REQUEST_TIMEOUT by default.
            timeline: gets the moments at which TorchServe was asked and had answered.

        Raises:
            ServingError: for whatever keeps the request from being answered.
        """
        self.check_ready(target)
        timeline = timeline or Timeline()
        timeline.asked = time.perf_counter()
        reply = await self._ask(verb, target, body, headers, timeout)
        timeline.replied = time.perf_counter()
        return reply

    async def _ask(
        self,
        verb: Verb,
        target: Target,
        body: Content,
        headers: Mapping[str, str],
        timeout: float | None,
    ) -> Reply:
        started = time.monotonic()
        key = self._keys.headers(tokens.INFERENCE)
        try:
            return await self._admitted(verb, target, body, {**_JSON, **headers, **key}, timeout)
        except TorchServeError as error:
            renew = self._management.renew
            refused = error.case is Case.TOKEN_REFUSED and bool(key)
            if refused and await asyncio.to_thread(renew, tokens.INFERENCE, key):
                # TorchServe has not run what it refused.
                another = self._keys.headers(tokens.INFERENCE)
                sent = {**_JSON, **headers, **another}
                return await self._admitted(verb, target, body, sent, timeout)
            if error.case is Case.MODEL_FAILED and not self.settings.envelope.is_there:
                raise error_table.error(Case.MODEL_FAILED_ON_WHOLE_BODY) from None
            # Without a name here: it and this frame would keep each other, and what was sent.
            raise await self._told(target, error, time.monotonic() - started) from None

    def check_protocol(self, target: Target, verb: Verb) -> None:
        """Refuse an unknown name, and a protocol that TorchServe's envelope doesn't read.

        Raises:
            ServingError: 404 or 400.
        """
        self.check_known(target)
        envelope = self.settings.envelope
        if envelope.speaks not in (None, verb.protocol):
            reads_v2 = envelope.speaks == Verb.INFER.protocol
            right, other = (Verb.INFER, "kserve") if reads_v2 else (Verb.PREDICT, "kservev2")
            path = right.path(Target(target.model))
            raise ServingError(
                400,
                f"This service speaks {envelope.speaks}, not {verb.protocol}: its TorchServe has "
                f"the envelope {envelope.name}. Post to {path}, or have "
                f"service_envelope={other} set",
            )

    def check_ready(self, target: Target) -> None:
        """Refuse a model or version that isn't served, or has no ready worker now.

        Raises:
            ServingError: 404 or 503.
        """
        self.check_known(target)
        if not self.readiness.is_ready(target):
            raise model_not_ready(*target)

    def check_known(self, target: Target) -> None:
        """Refuse a model or a version that isn't served; see `names.check`.

        Raises:
            ServingError: 404, with the names of those that are.
        """
        try:
            names.check(target, self.readiness)
        except ServingError:
            self.readiness.glance()
            raise

    def signature(self, target: Target) -> Signature:
        """Give what its author declares of a model's, or its version's, tensors."""
        declared = self._signatures
        if not declared.by_target:
            return UNDECLARED
        version = target.version or next(iter(self.readiness.versions(target.model)), "")
        return declared.of(Target(target.model, version))

    def error_unless_all_ready(self) -> ServingError | None:
        """Give what keeps the server from being ready, None when every model is ready."""
        served = self.readiness.models()
        for model in served:
            if not self.readiness.is_ready(Target(model)):
                return model_not_ready(model)
        return None if served else ServingError(503, "TorchServe has no model yet")

    async def _admitted(
        self,
        verb: Verb,
        target: Target,
        body: Content,
        headers: Mapping[str, str],
        timeout: float | None,
    ) -> Reply:
        with self._admission.one(), self._waiting.job(target):
            if verb is Verb.INFER and self._grpc is not None:
                return await self._grpc.infer(target, body, headers, timeout)
            return await self._rest.ask(verb, target, body, headers, timeout)

    async def _told(self, target: Target, error: TorchServeError, waited: float) -> TorchServeError:
        told = await self._tell_apart(target, error, waited)
        if told.case in _SEEN_BY_READINESS:
            self.readiness.ask_now()
        return told

    async def _tell_apart(
        self, target: Target, error: TorchServeError, waited: float
    ) -> TorchServeError:
        """Give what happened where TorchServe says the same of different cases."""
        if error.case not in (Case.NO_WORKER, Case.WORKER_DIED):
            return error
        versions = await self._recent.describe(target.model)
        if versions is None:
            return error
        # The first is the one that is served by default.
        asked = [each for each in versions if each.version == target.version] or versions[:1]
        if error.case is Case.WORKER_DIED:
            if not asked:
                return error_table.error(Case.UNLOADED)
            # TorchServe ends a worker that is too slow.
            limit = min(version.response_timeout for version in asked)
            if waited < limit:
                return error
            return error_table.error(Case.WORKER_TOO_SLOW, limit=limit)
        # It says that it has no worker when its job queue is full, too.
        workers = [state for version in asked for state in version.workers]
        return error_table.error(Case.QUEUE_FULL) if "READY" in workers else error
