"""TorchServe's gRPC inference API, the transport of PROTOCOL_VERSION=grpc-v2."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import grpc

from wrapper.names import Target
from wrapper.settings import Settings
from wrapper.torchserve import error_table, messages
from wrapper.torchserve.error_table import Limits
from wrapper.torchserve.exchange import Reply

_OPTIONS = [
    # TorchServe's max_request_size and max_response_size are the limits.
    ("grpc.max_send_message_length", -1),
    ("grpc.max_receive_message_length", -1),
    # TorchServe is in the same pod.
    ("grpc.enable_http_proxy", 0),
]


class GrpcInference:
    """Sends V2 bodies through TorchServe's ``Predictions`` call.

    TorchServe's own Open Inference service drops ``raw_input_contents`` and is served
    under a package name of its own, so the JSON body goes to the envelope unchanged, as
    it does over REST.
    """

    def __init__(self, settings: Settings) -> None:
        self._target = str(settings.grpc_inference)
        self._timeout = settings.request_timeout
        self._limits = Limits(settings.max_request_size, settings.max_response_size)
        self._tells_errors = settings.envelope.tells_errors
        self._predictions: Any | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    async def infer(
        self,
        target: Target,
        body: bytes,
        headers: Mapping[str, str],
        timeout: float | None = None,
    ) -> Reply:
        """Send a V2 body to the model and give the V2 body it answers.

        Raises:
            ServingError: when TorchServe can't be reached or answers an error.
        """
        request = messages.PredictionsRequest(model_name=target.model, model_version=target.version)
        request.input.add(key="data", value=body)
        metadata = [
            (name, value)
            for name, value in headers.items()
            # gRPC has a content type of its own, and takes printable ASCII only.
            if name != "content-type" and value.isascii() and value.isprintable()
        ]
        try:
            answer = await self._call()(
                request, timeout=timeout or self._timeout, metadata=metadata
            )
        except grpc.aio.AioRpcError as error:
            said = error.code().name, error.details() or ""
            raise error_table.from_call(*said, len(body), self._limits) from None
        if self._tells_errors:
            told = error_table.from_prediction(answer.prediction, self._limits)
            if told is not None:
                raise told
        return Reply(answer.prediction)

    def _call(self) -> Any:
        loop = asyncio.get_running_loop()
        if self._predictions is None or self._loop is not loop:
            self._loop = loop
            channel = grpc.aio.insecure_channel(self._target, options=_OPTIONS)
            self._predictions = channel.unary_unary(
                messages.PREDICTIONS,
                request_serializer=messages.PredictionsRequest.SerializeToString,
                response_deserializer=messages.PredictionResponse.FromString,
            )
        return self._predictions

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_predictions": None, "_loop": None}
