"""inference.GRPCInferenceService as the specification says, for the same models as the REST."""

from __future__ import annotations

import asyncio
from typing import Any

import grpc
from tritonclient.grpc import service_pb2 as messages

from tests.servers import model, tensors
from tests.servers.state import State
from tests.servers.tensors import Refused


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
        self._known(request.name)
        return messages.ModelReadyResponse(ready=self.state.models[request.name])

    def ServerMetadata(self, _: Any) -> Any:  # noqa: N802
        extensions = ["binary_tensor_data", "model_repository"]
        return messages.ServerMetadataResponse(
            name="right-server", version="1.0", extensions=extensions
        )

    def ModelMetadata(self, request: Any) -> Any:  # noqa: N802
        self._known(request.name)
        return messages.ModelMetadataResponse(name=request.name, platform="python")

    def ModelInfer(self, request: Any) -> Any:  # noqa: N802
        name = request.model_name
        self._known(name)
        if not self.state.models[name]:
            raise Ended(grpc.StatusCode.UNAVAILABLE, f"Model with name {name} is not ready.")
        if request.model_version:
            raise Ended(grpc.StatusCode.UNIMPLEMENTED, "models have one version")
        try:
            inputs = _inputs(request)
        except Refused as refused:
            raise Ended(grpc.StatusCode.INVALID_ARGUMENT, str(refused)) from None
        try:
            outputs = asyncio.run(model.infer(inputs))
        except model.ModelFailed:
            raise Ended(grpc.StatusCode.INTERNAL, "the model failed") from None
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

    def _known(self, name: str) -> None:
        if name not in self.state.models:
            raise Ended(grpc.StatusCode.NOT_FOUND, f"Model with name {name} does not exist.")


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
    answer = messages.ModelInferResponse(model_name=request.model_name, id=request.id)
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
