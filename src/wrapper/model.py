"""The KServe model that stands for a model of TorchServe.

It is what the SDK's own routes and its gRPC server call. The front answers REST
inference before the SDK does, unless it is switched off.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import kserve

from wrapper import errands, sdk
from wrapper import protocol as protocols
from wrapper.errors import ServingError
from wrapper.metrics import kinds
from wrapper.metrics.kinds import Kind
from wrapper.metrics.requests import Requests
from wrapper.names import Target
from wrapper.torchserve.exchange import Verb
from wrapper.torchserve.service import TorchServe


class TorchServeModel(kserve.Model):
    """Forwards predictions and explanations to TorchServe.

    The base class's client is not used: it changed in 0.10, 0.14, 0.15 and 0.16.

    Args:
        name: the model's name, the same in TorchServe.
        protocol: v1, v2 or grpc-v2; None and the empty string mean v1.
        torchserve: where to forward to. Without it, PROTOCOL_VERSION and CONFIG_PATH say
            so when the first request comes.

    Raises:
        UnsupportedProtocolError: a ValueError, for any other protocol.
    """

    protocol = protocols.DEFAULT

    def __init__(
        self,
        name: str,
        protocol: str | None = None,
        torchserve: TorchServe | None = None,
    ) -> None:
        super().__init__(name)
        self.protocol = protocols.parse(protocol)
        self._torchserve = torchserve
        self._requests: Requests | None = None

    @property
    def ready(self) -> bool:
        """Whether TorchServe has a READY worker for the model, now."""
        return self._connected().readiness.is_ready(Target(self.name))

    @ready.setter
    def ready(self, value: bool) -> None:
        # Every SDK release writes this when it makes, starts or stops a model.
        # TorchServe alone knows.
        pass

    def load(self) -> bool:
        """Tell whether the model is ready. TorchServe loads it; nothing here waits for that."""
        return self.ready

    def validate(self, payload: Any) -> Any:
        """Leave judging a body to the rules that hold for every route and release."""
        return payload

    async def predict(
        self,
        payload: Any,
        headers: Mapping[str, str] | None = None,
        response_headers: dict[str, str] | None = None,
    ) -> Any:
        """Answer a prediction: a V1 dict or bytes, or the SDK's InferRequest.

        Raises:
            Exception: the one that this SDK release turns into the right status.
        """
        installed = sdk.installed()
        try:
            envelope = self._connected().settings.envelope
            request = installed.open_inference_request(payload, envelope)
            if request is None:
                return await self._ask(kinds.V1_PREDICT, Verb.PREDICT, payload, headers)
            is_grpc = getattr(payload, "from_grpc", False)
            kind = kinds.GRPC_INFER if is_grpc else kinds.V2_INFER
            answer = await self._ask(kind, Verb.INFER, request, headers)
            return installed.open_inference_response(answer, payload)
        except ServingError as error:
            raise installed.exception(error) from None

    async def explain(
        self,
        payload: Any,
        headers: Mapping[str, str] | None = None,
        response_headers: dict[str, str] | None = None,
    ) -> Any:
        """Answer a V1 explanation.

        Raises:
            Exception: the one that this SDK release turns into the right status.
        """
        try:
            return await self._ask(kinds.V1_EXPLAIN, Verb.EXPLAIN, payload, headers)
        except ServingError as error:
            raise sdk.installed().exception(error) from None

    async def _ask(
        self, kind: Kind, verb: Verb, payload: Any, headers: Mapping[str, str] | None
    ) -> Any:
        torchserve = self._connected()
        with errands.of_client.get(), self._counted().counting(kind, self.name) as timeline:
            target = Target(self.name)
            torchserve.check_protocol(target, verb)
            body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
            forwarded = torchserve.settings.forwarded(headers or {})
            reply = await torchserve.ask(verb, target, body, forwarded, None, timeline)
            return json.loads(reply.body)

    def _counted(self) -> Requests:
        if self._requests is None:
            # The SDK's own histograms are filled by the base class, which calls this one.
            self._requests = Requests(self._connected().readiness.knows)
        return self._requests

    def _connected(self) -> TorchServe:
        # getattr: the SDK's constructor reads `ready` before ours has run to its end.
        if getattr(self, "_torchserve", None) is None:
            self._torchserve = TorchServe.from_environment()
        return self._torchserve  # type: ignore[return-value]
