"""One TorchServe, as the front and the model see it: three calls and a question."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Mapping
from typing import Callable

from wrapper import envelope, protocol
from wrapper.bodies import v1_request, v2_request
from wrapper.errors import ServingError, model_not_found, model_not_ready
from wrapper.protocol import PredictorProtocol
from wrapper.readiness import Readiness
from wrapper.settings import Settings
from wrapper.torchserve.management import Management
from wrapper.torchserve.reply import Reply
from wrapper.torchserve.rest import RestInference

_PATHS = {"V1": "/v1/models/{}:predict", "V2": "/v2/models/{}/infer"}
_CHECKED = {"V1": v1_request, "V2": v2_request}
_JSON = {"content-type": "application/json"}

# Takes a model's name, a body and headers; gives the answer.
_Call = Callable[[str, bytes, Mapping[str, str]], Awaitable[Reply]]


class TorchServe:
    """Forwards requests to TorchServe, by the transport that PROTOCOL_VERSION asks for."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._rest = RestInference(settings.inference)
        self._infer = self._rest.infer
        if settings.protocol is PredictorProtocol.GRPC_V2:
            # grpcio takes a quarter of a second to import.
            from wrapper.torchserve.grpc import GrpcInference

            self._infer = GrpcInference(settings.grpc_inference).infer
        load = settings.load
        describer = Management(settings.management, load.timeout, load.customized)
        self.readiness = Readiness(settings.models, describer, load.warn_after)

    @classmethod
    def from_environment(cls) -> TorchServe:
        """Read the process environment, as ``python -m wrapper`` does.

        Raises:
            UnsupportedProtocolError: for an unknown PROTOCOL_VERSION.
            SettingsError: when another setting can't be used.
        """
        declared = protocol.from_environment(os.environ)
        return cls(Settings.from_environment(os.environ, declared))

    async def predict(self, model: str, body: bytes, headers: Mapping[str, str]) -> Reply:
        """Answer a V1 prediction: JSON in, TorchServe's JSON out.

        Raises:
            ServingError: for whatever keeps the request from being answered.
        """
        return await self._forward("V1", self._rest.predict, model, body, headers)

    async def explain(self, model: str, body: bytes, headers: Mapping[str, str]) -> Reply:
        """Answer a V1 explanation: JSON in, TorchServe's JSON out.

        Raises:
            ServingError: for whatever keeps the request from being answered.
        """
        return await self._forward("V1", self._rest.explain, model, body, headers)

    async def infer(self, model: str, body: bytes, headers: Mapping[str, str]) -> Reply:
        """Answer an Open Inference Protocol request: JSON in, TorchServe's JSON out.

        Raises:
            ServingError: for whatever keeps the request from being answered.
        """
        return await self._forward("V2", self._infer, model, body, headers)

    async def _forward(
        self, asked: str, call: _Call, model: str, body: bytes, headers: Mapping[str, str]
    ) -> Reply:
        self._check_protocol(model, asked)
        request = _CHECKED[asked](body)
        self.check_ready(model)
        return await call(model, request, {**headers, **_JSON})

    def check_ready(self, model: str) -> None:
        """Refuse a model that isn't served, or that TorchServe has no ready worker for now.

        Raises:
            ServingError: 404 or 503.
        """
        self._check_known(model)
        if not self.readiness.is_ready(model):
            raise model_not_ready(model)

    def _check_known(self, model: str) -> None:
        if model not in self.settings.models:
            raise model_not_found(model)

    def _check_protocol(self, model: str, asked: str) -> None:
        self._check_known(model)
        spoken = envelope.find(self.settings.envelope).speaks or asked
        if asked != spoken:
            raise ServingError(
                400,
                f"This service speaks {spoken}, not {asked}: its TorchServe has the envelope "
                f"{self.settings.envelope}. Post to {_PATHS[spoken].format(model)}",
            )
