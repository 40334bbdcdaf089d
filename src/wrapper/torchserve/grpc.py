"""TorchServe's gRPC inference API, the transport of PROTOCOL_VERSION=grpc-v2."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping
from typing import Any

import grpc

from wrapper.names import Target
from wrapper.settings import Settings
from wrapper.spliced import Content
from wrapper.torchserve import error_table, messages
from wrapper.torchserve.error_table import Case, Limits
from wrapper.torchserve.exchange import Reply
from wrapper.torchserve.management_errors import ManagementError

_OPTIONS = [
    # TorchServe's max_request_size and max_response_size are the limits.
    ("grpc.max_send_message_length", -1),
    ("grpc.max_receive_message_length", -1),
    # TorchServe is in the same pod.
    ("grpc.enable_http_proxy", 0),
]

# The releases that let a call be cancelled while it is answered, be it by its deadline. The others
# lose its worker, from 0.6.1 on for ever, and go on to call that READY (pytorch/serve#3087): they
# don't look whether it is cancelled, or, from 0.10.0 to 0.11.1, look and answer it all the same.
_LETS_CANCEL = re.compile(r"0\.8\.2|0\.9\.|0\.1[2-9]\.|[1-9]")


class GrpcInference:
    """Sends V2 bodies through TorchServe's ``Predictions`` call.

    TorchServe's own Open Inference service drops ``raw_input_contents`` and is served
    under a package name of its own, so the JSON body goes to the envelope unchanged, as
    it does over REST.

    Args:
        release: asks for TorchServe's release; it may raise a ManagementError. Without it, the
            release isn't known.
    """

    def __init__(self, settings: Settings, release: Callable[[], str] | None = None) -> None:
        self._target = str(settings.grpc_inference)
        self._timeout = settings.request_timeout
        self._limits = Limits(settings.max_request_size, settings.max_response_size)
        self._tells_errors = settings.envelope.tells_errors
        self._predictions: Any | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._release = release
        # None as long as the release isn't known.
        self._lets_cancel: bool | None = None
        self._asking: asyncio.Task[None] | None = None
        # What nobody waits for any more, kept from being collected.
        self._going_on: set[asyncio.Task[Any]] = set()

    async def infer(
        self,
        target: Target,
        body: Content,
        headers: Mapping[str, str],
        timeout: float | None = None,
    ) -> Reply:
        """Send a V2 body to the model and give the V2 body it answers.

        Raises:
            ServingError: when TorchServe can't be reached or answers an error.
        """
        request = messages.PredictionsRequest(model_name=target.model, model_version=target.version)
        request.input.add(key="data", value=bytes(body))
        metadata = [
            (name, value)
            for name, value in headers.items()
            # gRPC has a content type of its own, and takes printable ASCII only.
            if name != "content-type" and value.isascii() and value.isprintable()
        ]
        seconds = timeout or self._timeout
        try:
            if self._lets_cancel:
                answer = await self._call()(request, timeout=seconds, metadata=metadata)
            else:
                answer = await self._to_its_end(request, seconds, metadata)
        except grpc.aio.AioRpcError as error:
            said = error.code().name, error.details() or ""
            raise error_table.from_call(*said, len(body), self._limits) from None
        if self._tells_errors:
            told = error_table.from_prediction(answer.prediction, self._limits)
            if told is not None:
                try:
                    raise told
                finally:
                    # It and this frame would keep each other, and what was sent.
                    del told
        return Reply(answer.prediction)

    async def _to_its_end(self, request: Any, seconds: float, metadata: Any) -> Any:
        """Wait for an answer; let the call go on where nobody waits for it any more."""
        call = asyncio.create_task(_answered(self._call()(request, metadata=metadata)))
        if self._lets_cancel is None and self._asking is None and self._release is not None:
            self._asking = asyncio.create_task(self._ask(self._release))
        self._going_on.add(call)
        call.add_done_callback(self._ended)
        # Which cancels nothing.
        await asyncio.wait([call], timeout=seconds)
        if not call.done():
            raise error_table.error(Case.TIMED_OUT)
        return call.result()

    def _ended(self, call: asyncio.Task[Any]) -> None:
        self._going_on.discard(call)
        if not call.cancelled():
            # Whoever waits is told.
            call.exception()

    async def _ask(self, release: Callable[[], str]) -> None:
        try:
            said = await asyncio.to_thread(release)
        except ManagementError:
            # The next request has it asked again.
            return
        finally:
            self._asking = None
        self._lets_cancel = _LETS_CANCEL.match(said) is not None

    def _call(self) -> Any:
        loop = asyncio.get_running_loop()
        if self._predictions is None or self._loop is not loop:
            self._loop, self._asking = loop, None
            channel = grpc.aio.insecure_channel(self._target, options=_OPTIONS)
            self._predictions = channel.unary_unary(
                messages.PREDICTIONS,
                request_serializer=messages.PredictionsRequest.SerializeToString,
                response_deserializer=messages.PredictionResponse.FromString,
            )
        return self._predictions

    def __getstate__(self) -> dict[str, Any]:
        afresh = dict.fromkeys(("_predictions", "_loop", "_asking"))
        return {**self.__dict__, **afresh, "_going_on": set()}


async def _answered(call: Any) -> Any:
    return await call
