"""TorchServe's gRPC inference API, the transport of PROTOCOL_VERSION=grpc-v2."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import grpc

from wrapper.configuration import Address
from wrapper.errors import ServingError
from wrapper.torchserve import errors, messages
from wrapper.torchserve.reply import Reply
from wrapper.torchserve.rest import REQUEST_TIMEOUT

_OPTIONS = [
    # TorchServe's max_request_size and max_response_size are the limits.
    ("grpc.max_send_message_length", -1),
    ("grpc.max_receive_message_length", -1),
    # TorchServe is in the same pod.
    ("grpc.enable_http_proxy", 0),
]

_STATUSES = {
    grpc.StatusCode.INVALID_ARGUMENT: 400,
    grpc.StatusCode.NOT_FOUND: 404,
    grpc.StatusCode.RESOURCE_EXHAUSTED: 413,
}


class GrpcInference:
    """Sends V2 bodies through TorchServe's ``Predictions`` call.

    TorchServe's own Open Inference service drops ``raw_input_contents`` and is served
    under a package name of its own, so the JSON body goes to the envelope unchanged, as
    it does over REST.
    """

    def __init__(self, address: Address) -> None:
        self._target = str(address)
        self._predictions: Any | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    async def infer(
        self, model: str, body: bytes, headers: Mapping[str, str], timeout: float | None = None
    ) -> Reply:
        """Send a V2 body to the model and give the V2 body it answers.

        Raises:
            ServingError: when TorchServe can't be reached or answers an error.
        """
        request = messages.PredictionsRequest(model_name=model, input={"data": body})
        metadata = [(name, value) for name, value in headers.items() if name != "content-type"]
        try:
            answer = await self._call()(
                request, timeout=timeout or REQUEST_TIMEOUT, metadata=metadata
            )
        except grpc.aio.AioRpcError as error:
            raise _from_status(error) from None
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


def _from_status(error: grpc.aio.AioRpcError) -> ServingError:
    code = error.code()
    if code is grpc.StatusCode.UNAVAILABLE:
        return errors.UNREACHABLE
    if code is grpc.StatusCode.DEADLINE_EXCEEDED:
        return errors.TIMED_OUT
    # The first line is the message; TorchServe puts its exception's class below it.
    message = (error.details() or "").splitlines()
    sentence = message[0] if message else "without a message"
    # Over REST TorchServe says 503 to what it calls INTERNAL over gRPC.
    return ServingError(_STATUSES.get(code, 503), f"TorchServe answered {code.name}: {sentence}")
