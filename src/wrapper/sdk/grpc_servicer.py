"""The front of the gRPC server that the SDK has since 0.10: every call of its service.

Source: inference_grpc.md; the SDK's own answers change by release (an unknown model was
UNKNOWN up to 0.14, a model that isn't ready was answered for, ...).
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Mapping
from typing import Any, Callable

import grpc
from kserve.protocol.grpc import grpc_predict_v2_pb2 as pb
from kserve.protocol.grpc import server as grpc_server
from kserve.protocol.grpc.servicer import InferenceServicer

from wrapper.errors import ServingError
from wrapper.front import Front
from wrapper.front.about import EXTENSIONS, NAME, PLATFORM, no_versions, version
from wrapper.openinference import messages

logger = logging.getLogger("wrapper")

_CODES = {
    400: grpc.StatusCode.INVALID_ARGUMENT,
    404: grpc.StatusCode.NOT_FOUND,
    405: grpc.StatusCode.FAILED_PRECONDITION,
    413: grpc.StatusCode.RESOURCE_EXHAUSTED,
    415: grpc.StatusCode.INVALID_ARGUMENT,
    429: grpc.StatusCode.RESOURCE_EXHAUSTED,
    501: grpc.StatusCode.UNIMPLEMENTED,
    503: grpc.StatusCode.UNAVAILABLE,
    504: grpc.StatusCode.DEADLINE_EXCEEDED,
}

_Call = Callable[[Any, Any], Awaitable[Any]]


def put_before(front: Front) -> None:
    """Have the SDK make a servicer whose calls the front answers."""
    calls = _Calls(front)

    def method(name: str) -> Any:
        call = _guarded(getattr(calls, name), _RESPONSES[name])

        async def answer(_servicer: Any, request: Any, context: Any) -> Any:
            return await call(request, context)

        return answer

    # The SDK offers no hook: its gRPC server makes the servicer by this name.
    grpc_server.InferenceServicer = type(
        "FrontedServicer", (InferenceServicer,), {name: method(name) for name in _RESPONSES}
    )


class _Calls:
    """The calls of ``inference.GRPCInferenceService``."""

    def __init__(self, front: Front) -> None:
        self._front = front
        self._torchserve = front.torchserve

    async def ServerLive(self, _request: Any, _context: Any) -> Any:  # noqa: N802
        return pb.ServerLiveResponse(live=True)

    async def ServerReady(self, _request: Any, _context: Any) -> Any:  # noqa: N802
        return pb.ServerReadyResponse(ready=self._torchserve.why_not_ready() is None)

    async def ModelReady(self, request: Any, _context: Any) -> Any:  # noqa: N802
        self._check(request.name, request.version)
        return pb.ModelReadyResponse(ready=self._torchserve.readiness.is_ready(request.name))

    async def ServerMetadata(self, _request: Any, _context: Any) -> Any:  # noqa: N802
        return pb.ServerMetadataResponse(name=NAME, version=version(), extensions=EXTENSIONS)

    async def ModelMetadata(self, request: Any, _context: Any) -> Any:  # noqa: N802
        self._check(request.name, request.version)
        return pb.ModelMetadataResponse(name=request.name, platform=PLATFORM)

    async def ModelInfer(self, request: Any, context: Any) -> Any:  # noqa: N802
        if request.model_version:
            raise no_versions(request.model_name)
        asked = messages.request_to_json(request, self._torchserve.envelope)
        answer = await self._front.infer(
            request.model_name, asked, _headers(context), _remaining(context)
        )
        response = pb.ModelInferResponse()
        messages.fill_response(response, answer, raw=bool(request.raw_input_contents))
        return response

    async def RepositoryModelLoad(self, request: Any, _context: Any) -> Any:  # noqa: N802
        await self._torchserve.repository.load(request.model_name)
        return pb.RepositoryModelLoadResponse(model_name=request.model_name, isLoaded=True)

    async def RepositoryModelUnload(self, request: Any, _context: Any) -> Any:  # noqa: N802
        await self._torchserve.repository.unload(request.model_name)
        return pb.RepositoryModelUnloadResponse(model_name=request.model_name, isUnloaded=True)

    def _check(self, model: str, wanted_version: str) -> None:
        self._torchserve.check_known(model)
        if wanted_version:
            raise no_versions(model)


_RESPONSES = {
    "ServerLive": pb.ServerLiveResponse,
    "ServerReady": pb.ServerReadyResponse,
    "ModelReady": pb.ModelReadyResponse,
    "ServerMetadata": pb.ServerMetadataResponse,
    "ModelMetadata": pb.ModelMetadataResponse,
    "ModelInfer": pb.ModelInferResponse,
    "RepositoryModelLoad": pb.RepositoryModelLoadResponse,
    "RepositoryModelUnload": pb.RepositoryModelUnloadResponse,
}


def _guarded(call: _Call, response: Callable[[], Any]) -> _Call:
    async def guarded(request: Any, context: Any) -> Any:
        # Not abort(): since 0.15 an interceptor of the SDK would turn its exception into
        # INTERNAL.
        try:
            return await call(request, context)
        except ServingError as error:
            context.set_code(_code(error))
            context.set_details(error.message)
        except Exception:
            logger.exception("a gRPC request could not be answered")
            context.set_code(grpc.StatusCode.INTERNAL)
            context.set_details("The wrapper failed to answer; its log says why")
        return response()

    return guarded


def _code(error: ServingError) -> grpc.StatusCode:
    if error.retry_after is not None:
        return grpc.StatusCode.RESOURCE_EXHAUSTED
    return _CODES.get(error.status, grpc.StatusCode.INTERNAL)


def _headers(context: Any) -> Mapping[str, str]:
    return {key.lower(): str(value) for key, value in context.invocation_metadata() or ()}


def _remaining(context: Any) -> float | None:
    remaining: float | None = context.time_remaining()
    return remaining
