"""The front of the gRPC server that the SDK has since 0.10: every call of its service.

Source: inference_grpc.md; the SDK's own answers change by release (an unknown model was
UNKNOWN up to 0.14, a model that isn't ready was answered for, ...).
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Mapping
from functools import partial
from typing import Any, Callable

import grpc
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from google.protobuf.message import DecodeError
from kserve.protocol.grpc import grpc_predict_v2_pb2 as pb

from wrapper import grpc_codes
from wrapper.errors import UNEXPECTED, ServingError
from wrapper.front import Front
from wrapper.front.about import EXTENSIONS, NAME, PLATFORM, version
from wrapper.metrics import kinds
from wrapper.names import Target
from wrapper.openinference import (
    infer_messages,
    messages,
    repository_messages,
    repository_request,
)
from wrapper.openinference.signature import DeclaredTensor
from wrapper.sdk.grpc_packing import Unpack
from wrapper.spliced import LONG
from wrapper.steps import one_by_one

logger = logging.getLogger("wrapper")

_SERVICE = "inference.GRPCInferenceService"
_InferRequest, _InferResponse = infer_messages.complete(pb.DESCRIPTOR)
# By call its messages: the SDK's own, but for what its service lacks or numbers otherwise.
_CALLS = {
    **{
        name: (getattr(pb, name + "Request"), getattr(pb, name + "Response"))
        for name in (
            *("ServerLive", "ServerReady", "ModelReady", "ServerMetadata", "ModelMetadata"),
        )
    },
    "ModelInfer": (_InferRequest, _InferResponse),
    "RepositoryIndex": (repository_messages.IndexRequest, repository_messages.IndexResponse),
    "RepositoryModelLoad": (repository_messages.ModelRequest, pb.RepositoryModelLoadResponse),
    "RepositoryModelUnload": (repository_messages.ModelRequest, pb.RepositoryModelUnloadResponse),
}

_Call = Callable[[Any, Any], Awaitable[Any]]


def add_to(server: Any, front: Front, unpack: Unpack) -> None:
    """Have a server answer these calls by the front.

    Args:
        unpack: is given each message of a client as it came.
    """
    calls = _Calls(front)
    handlers = {
        # Without a deserializer: what is no message is refused as any malformed request is.
        name: grpc.unary_unary_rpc_method_handler(
            _guarded(name, getattr(calls, name), unpack, *classes),
            response_serializer=classes[1].SerializeToString,
        )
        for name, classes in _CALLS.items()
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(_SERVICE, handlers),))


def described() -> FileDescriptorProto:
    """Describe the service as it is answered: the SDK's file, and what that lacks."""
    file = _described_in(pb.DESCRIPTOR)
    (service,) = file.service
    there = {call.name for call in service.method}
    for name in _CALLS.keys() - there:
        classes = _CALLS[name]
        asked, answered = (f".{each.DESCRIPTOR.full_name}" for each in classes)
        service.method.add(name=name, input_type=asked, output_type=answered)
        named = {message.name for message in file.message_type}
        for message in _described_in(classes[0].DESCRIPTOR.file).message_type:
            if message.name not in named:
                file.message_type.append(message)
    return file


def _described_in(descriptor: Any) -> FileDescriptorProto:
    file = FileDescriptorProto()
    descriptor.CopyToProto(file)
    return file


class _Calls:
    """The calls of ``inference.GRPCInferenceService``."""

    def __init__(self, front: Front) -> None:
        self._front = front
        self._torchserve = front.torchserve

    async def ServerLive(self, _request: Any, _context: Any) -> Any:  # noqa: N802
        return pb.ServerLiveResponse(live=True)

    async def ServerReady(self, _request: Any, _context: Any) -> Any:  # noqa: N802
        error = self._torchserve.error_unless_all_ready()
        return pb.ServerReadyResponse(ready=error is None)

    async def ModelReady(self, request: Any, _context: Any) -> Any:  # noqa: N802
        target = Target(request.name, request.version)
        self._torchserve.check_known(target)
        return pb.ModelReadyResponse(ready=self._torchserve.readiness.is_ready(target))

    async def ServerMetadata(self, _request: Any, _context: Any) -> Any:  # noqa: N802
        return pb.ServerMetadataResponse(name=NAME, version=version(), extensions=EXTENSIONS)

    async def ModelMetadata(self, request: Any, _context: Any) -> Any:  # noqa: N802
        target = Target(request.name, request.version)
        self._torchserve.check_known(target)
        self._torchserve.readiness.glance()
        signature = self._torchserve.signature(target)
        return pb.ModelMetadataResponse(
            name=request.name,
            versions=self._torchserve.readiness.versions(request.name),
            platform=PLATFORM,
            inputs=map(_tensor_metadata, signature.inputs),
            outputs=map(_tensor_metadata, signature.outputs),
        )

    async def ModelInfer(self, request: Any, context: Any) -> Any:  # noqa: N802
        with self._front.requests.counting(kinds.GRPC_INFER, request.model_name) as timeline:
            answer = await self._front.inference.infer_document(
                Target(request.model_name, request.model_version),
                partial(messages.request_to_json, request),
                _headers(context),
                # Nothing is left where the clock was set ahead. A call whose deadline is over is
                # cancelled by gRPC, which goes by another clock.
                context.time_remaining() or None,
                timeline,
            )
            response = _InferResponse()
            raw = bool(request.raw_input_contents)
            await one_by_one(messages.fill_response(response, answer, raw))
            return response

    async def RepositoryIndex(self, request: Any, _context: Any) -> Any:  # noqa: N802
        response = repository_messages.IndexResponse()
        for entry in self._torchserve.repository.index(request.ready):
            response.models.add(**entry._asdict())
        return response

    async def RepositoryModelLoad(self, request: Any, _context: Any) -> Any:  # noqa: N802
        name = self._judged("load", request)
        await self._torchserve.repository.load(name)
        return pb.RepositoryModelLoadResponse(model_name=name, isLoaded=True)

    async def RepositoryModelUnload(self, request: Any, _context: Any) -> Any:  # noqa: N802
        name = self._judged("unload", request)
        await self._torchserve.repository.unload(name)
        return pb.RepositoryModelUnloadResponse(model_name=name, isUnloaded=True)

    def _judged(self, verb: str, request: Any) -> str:
        """Give the name of a model that can be loaded or unloaded as it is asked for."""
        name = repository_messages.model_of(request)
        self._torchserve.repository.check_known(Target(name))
        repository_request.check_parameters(verb, repository_messages.parameters_of(request))
        return name


def _guarded(
    name: str, call: _Call, unpack: Unpack, request_class: Any, response_class: Any
) -> Callable[[bytes, Any], Awaitable[Any]]:
    async def guarded(asked: bytes, context: Any) -> Any:
        # Not abort(): since 0.15 an interceptor of the SDK would turn its exception into
        # INTERNAL.
        try:
            message = await one_by_one(unpack(asked))
            if request_class is not _InferRequest or len(message) <= LONG:
                return await call(request_class.FromString(message), context)
            reading = infer_messages.long_request(request_class, message)
            return await call(await one_by_one(reading), context)
        except DecodeError:
            _refuse(context, ServingError(400, f"The request is no inference.{name}Request"))
        except ServingError as error:
            _refuse(context, error)
        except Exception:
            logger.exception("a gRPC request could not be answered")
            _refuse(context, UNEXPECTED)
        return response_class()

    return guarded


def _refuse(context: Any, error: ServingError) -> None:
    context.set_code(grpc.StatusCode[grpc_codes.name_of(error)])
    context.set_details(error.message)


def _tensor_metadata(tensor: DeclaredTensor) -> Any:
    return pb.ModelMetadataResponse.TensorMetadata(**tensor.to_json())


def _headers(context: Any) -> Mapping[str, str]:
    return {key.lower(): str(value) for key, value in context.invocation_metadata() or ()}
