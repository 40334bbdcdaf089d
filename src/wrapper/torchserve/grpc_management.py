"""TorchServe's gRPC management API, for what its REST API can't be asked.

With inference_address and management_address the same, as in TorchServe's own image for
KServe, its REST server has no routes for a model's versions, and asks for the inference token and
the management token in one header.
"""

from __future__ import annotations

import os
from typing import Any, Callable, Optional

import grpc

from wrapper.names import Target
from wrapper.settings import Settings
from wrapper.torchserve import error_table, messages, tokens
from wrapper.torchserve.error_table import Case, Limits
from wrapper.torchserve.management_errors import ManagementError, TokenRefused
from wrapper.torchserve.rest_management import CHANGE_WITHIN

# Gives the answer to what was asked, or None as long as there is none.
#
# Raises:
#     ManagementError: when TorchServe refuses or doesn't answer.
Answer = Callable[[], Optional[bytes]]

_OPTIONS = [
    # TorchServe is in the same pod.
    ("grpc.enable_http_proxy", 0),
    # Milliseconds until a port that was closed is tried again. gRPC's own are up to two minutes,
    # while TorchServe opens this one a moment after that for REST.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1000),
]

# The status with which the REST API says the same.
_STATUSES = {
    grpc.StatusCode.INVALID_ARGUMENT: 400,
    grpc.StatusCode.NOT_FOUND: 404,
    # Without a word of tokens: TorchServe's model control is off.
    grpc.StatusCode.PERMISSION_DENIED: 405,
    grpc.StatusCode.ABORTED: 409,
    grpc.StatusCode.INTERNAL: 500,
    # An exception that TorchServe doesn't catch: that a default version can't be unloaded before
    # the others, or that it was interrupted. gRPC tells no word of it.
    grpc.StatusCode.UNKNOWN: 500,
}


class GrpcManagement:
    """Asks on a thread of the caller's own; belongs to the process that made it."""

    def __init__(self, settings: Settings, keys: tokens.Keys) -> None:
        self.owner = os.getpid()
        self._keys = keys
        self._timeout = settings.load.timeout
        channel = grpc.insecure_channel(str(settings.grpc_management), options=_OPTIONS)
        self._describe = _call(channel, messages.DESCRIBE_MODEL, messages.DescribeModelRequest)
        self._list = _call(channel, messages.LIST_MODELS, messages.ListModelsRequest)
        self._register = _call(channel, messages.REGISTER_MODEL, messages.RegisterModelRequest)
        self._unregister = _call(
            channel, messages.UNREGISTER_MODEL, messages.UnregisterModelRequest
        )

    def describe(self, target: Target, customized: bool = False) -> bytes:
        """Give the JSON that the REST API's ``GET /models/{model}/{version}`` gives.

        Raises:
            ManagementError: when TorchServe refuses or doesn't answer.
        """
        return self._ask(self._describe, _description(target, customized), self._timeout)

    def describe_without_waiting(self, target: Target) -> Answer:
        """Ask for what `describe` gives, and give a function that tells it once it is there."""
        future = self._describe.future(
            _description(target), timeout=self._timeout, metadata=self._authorization()
        )
        return lambda: _text(future.result) if future.done() else None

    def models(self, page: str) -> bytes:
        """Give the JSON that the REST API's ``GET /models`` gives, one page of it.

        Raises:
            ManagementError: when TorchServe refuses or doesn't answer.
        """
        request = messages.ListModelsRequest(limit=1000, next_page_token=int(page or 0))
        return self._ask(self._list, request, self._timeout)

    def register(self, model: str, archive: str, workers: int) -> None:
        """Have TorchServe load a version of a model from an archive of its model store.

        It takes no workers for as many as its default_workers_per_model says.

        Raises:
            ManagementError: with TorchServe's own words, when it refuses.
        """
        request = messages.RegisterModelRequest(
            url=archive, model_name=model, initial_workers=workers, synchronous=True
        )
        self._ask(self._register, request, CHANGE_WITHIN)

    def unregister(self, target: Target) -> None:
        """Have TorchServe unload a model's version.

        Raises:
            ManagementError: with TorchServe's own words, when it refuses; it has none for a
                default version beside which there are others.
        """
        request = messages.UnregisterModelRequest(
            model_name=target.model, model_version=target.version
        )
        self._ask(self._unregister, request, CHANGE_WITHIN)

    def _ask(self, call: Any, request: Any, seconds: float) -> bytes:
        metadata = self._authorization()
        return _text(lambda: call(request, timeout=seconds, metadata=metadata))

    def _authorization(self) -> tuple[tuple[str, str], ...]:
        return tuple(self._keys.headers(tokens.MANAGEMENT).items())


def _description(target: Target, customized: bool = False) -> Any:
    return messages.DescribeModelRequest(
        model_name=target.model, model_version=target.version, customized=customized
    )


def _text(answered: Callable[[], Any]) -> bytes:
    try:
        answer = answered()
    except grpc.RpcError as error:
        raise _error(error.code(), error.details() or "") from None
    return str(answer.msg).encode("utf-8")


def _error(code: grpc.StatusCode, details: str) -> ManagementError:
    if error_table.from_status(code.name, details, Limits(0, 0)).case is Case.TOKEN_REFUSED:
        return TokenRefused()
    status = _STATUSES.get(code)
    if status is None:
        return ManagementError(f"TorchServe doesn't answer over gRPC ({code.name})")
    said = error_table.without_internals(details)
    return ManagementError(said or f"TorchServe answers {code.name} over gRPC", status)


def _call(channel: Any, method: str, request: Any) -> Any:
    return channel.unary_unary(
        method,
        request_serializer=request.SerializeToString,
        response_deserializer=messages.ManagementResponse.FromString,
    )
