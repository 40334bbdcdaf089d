"""inference.GRPCInferenceService as the specification says, for the same models as the REST."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from typing import Any

import grpc
from tritonclient.grpc import service_pb2 as messages

from tests.servers import model, tensors
from tests.servers.state import PROPERTIES, VERSION, State
from tests.servers.tensors import Refused

HEALTH_CHECK = "/grpc.health.v1.Health/Check"
HEALTH_WATCH = "/grpc.health.v1.Health/Watch"
STREAM_INFER = "/inference.GRPCInferenceService/ModelStreamInfer"
# HealthCheckResponse with its only member, the status.
SERVING, NOT_SERVING, SERVICE_UNKNOWN = b"\x08\x01", b"\x08\x02", b"\x08\x03"


class Ended(Exception):
    """A call that ends with an error status."""

    def __init__(self, code: grpc.StatusCode, details: str) -> None:
        super().__init__(details)
        self.code = code
        self.details = details


class Service:
    """Answers gRPC calls, each by a method of its name."""

    def __init__(self, state: State) -> None:
        self.state = state

    def ServerLive(self, _: Any) -> Any:  # noqa: N802
        return messages.ServerLiveResponse(live=True)

    def ServerReady(self, _: Any) -> Any:  # noqa: N802
        return messages.ServerReadyResponse(ready=all(self.state.models.values()))

    def ModelReady(self, request: Any) -> Any:  # noqa: N802
        self._known(request.name, request.version)
        return messages.ModelReadyResponse(ready=self.state.models[request.name])

    def ServerMetadata(self, _: Any) -> Any:  # noqa: N802
        extensions = ["binary_tensor_data", "model_repository"]
        return messages.ServerMetadataResponse(
            name="right-server", version="1.0", extensions=extensions
        )

    def ModelMetadata(self, request: Any) -> Any:  # noqa: N802
        self._known(request.name, request.version)
        answer = messages.ModelMetadataResponse(
            name=request.name, versions=[VERSION], platform="python"
        )
        answer.MergeFromString(in_properties(PROPERTIES))
        return answer

    def ModelInfer(self, request: Any) -> Any:  # noqa: N802
        name = request.model_name
        self._known(name, request.model_version)
        if not self.state.models[name]:
            raise Ended(grpc.StatusCode.UNAVAILABLE, f"Model with name {name} is not ready.")
        try:
            inputs = _inputs(request)
        except Refused as refused:
            raise Ended(grpc.StatusCode.INVALID_ARGUMENT, str(refused)) from None
        try:
            outputs = asyncio.run(model.infer(inputs))
        except model.ModelFailed:
            raise Ended(grpc.StatusCode.INTERNAL, "the model failed") from None
        self.state.answered["grpc"] += 1
        return _answer(request, outputs)

    def RepositoryIndex(self, request: Any) -> Any:  # noqa: N802
        answer = messages.RepositoryIndexResponse()
        for name, ready in self.state.models.items():
            if ready or not request.ready:
                answer.models.add(name=name, state="READY" if ready else "UNAVAILABLE")
        return answer

    def RepositoryModelLoad(self, request: Any) -> Any:  # noqa: N802
        self._known(request.model_name)
        self.state.models[request.model_name] = True
        return messages.RepositoryModelLoadResponse()

    def RepositoryModelUnload(self, request: Any) -> Any:  # noqa: N802
        self._known(request.model_name)
        self.state.models[request.model_name] = False
        return messages.RepositoryModelUnloadResponse()

    def check_health(self, message: bytes) -> bytes:
        """Answer gRPC's own health protocol, both its messages as bytes."""
        # The name is the only member, and its length is one byte.
        if message[2:] not in (b"", b"inference.GRPCInferenceService"):
            raise Ended(grpc.StatusCode.NOT_FOUND, "there is no such service")
        return SERVING if all(self.state.models.values()) else NOT_SERVING

    def stream_infer(self, asked: Iterable[bytes]) -> Iterator[bytes]:
        """Answer each message of ModelStreamInfer by one, as Triton does."""
        for message in asked:
            try:
                request = messages.ModelInferRequest.FromString(message)
                wrapped = messages.ModelStreamInferResponse(infer_response=self.ModelInfer(request))
            except Ended as ended:
                wrapped = messages.ModelStreamInferResponse(error_message=ended.details)
            yield wrapped.SerializeToString()

    def watch_health(self, asked: Iterable[bytes]) -> Iterator[bytes]:
        """Tell the status of the service in the only message, and no change of it."""
        for message in asked:
            try:
                yield self.check_health(message)
            except Ended:
                yield SERVICE_UNKNOWN

    def _known(self, name: str, version: str = "") -> None:
        if name not in self.state.models:
            raise Ended(grpc.StatusCode.NOT_FOUND, f"Model with name {name} does not exist.")
        if version not in ("", VERSION):
            raise Ended(grpc.StatusCode.NOT_FOUND, f"{name} has no version {version}")


def in_properties(told: dict[str, str]) -> bytes:
    """Write properties as member 6 of a ModelMetadataResponse, which these messages lack."""
    entries = (member(1, name.encode()) + member(2, value.encode()) for name, value in told.items())
    return b"".join(member(6, entry) for entry in entries)


def member(number: int, value: bytes) -> bytes:
    """Write a member that is a text or a message; number and length are of one byte."""
    return bytes((number << 3 | 2, len(value))) + value


CALLS = tuple(name for name in vars(Service) if name[0].isupper())


def _inputs(request: Any) -> list[dict[str, Any]]:
    raw = list(request.raw_input_contents)
    if not request.inputs:
        raise Refused("there is no input")
    if raw and len(raw) != len(request.inputs):
        raise Refused(f"{len(raw)} raw contents for {len(request.inputs)} inputs")
    for each in (*request.parameters.values(), *_parameters(request)):
        if each.WhichOneof("parameter_choice") is None:
            raise Refused("a parameter has no value")
    read = []
    for index, each in enumerate(request.inputs):
        if raw and each.HasField("contents"):
            raise Refused(f"{each.name} has both typed and raw contents")
        shape = list(each.shape)
        data = (
            tensors.from_bytes(each.name, each.datatype, shape, raw[index])
            if raw
            else tensors.from_contents(each)
        )
        read.append({"name": each.name, "shape": shape, "datatype": each.datatype, "data": data})
    if len({each["name"] for each in read}) < len(read):
        raise Refused("an input is there twice")
    return read


def _parameters(request: Any) -> list[Any]:
    holders = (*request.inputs, *request.outputs)
    return [value for each in holders for value in each.parameters.values()]


def _answer(request: Any, outputs: list[dict[str, Any]]) -> Any:
    wanted = [each.name for each in request.outputs]
    names = [each["name"] for each in outputs]
    for name in wanted:
        if name not in names:
            raise Ended(grpc.StatusCode.INVALID_ARGUMENT, f"the model has no output {name}")
    if len(set(wanted)) < len(wanted):
        raise Ended(grpc.StatusCode.INVALID_ARGUMENT, "an output is requested twice")
    answer = messages.ModelInferResponse(
        model_name=request.model_name, model_version=VERSION, id=request.id
    )
    for output in outputs:
        if wanted and output["name"] not in wanted:
            continue
        added = answer.outputs.add(
            name=output["name"], datatype=output["datatype"], shape=output["shape"]
        )
        if request.raw_input_contents:
            answer.raw_output_contents.append(tensors.to_bytes(output["datatype"], output["data"]))
        else:
            tensors.to_contents(added, output["data"])
    return answer
