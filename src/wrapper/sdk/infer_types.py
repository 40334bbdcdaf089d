"""The SDK's InferRequest and InferResponse (0.10 and later) to and from V2 JSON."""

from __future__ import annotations

from typing import Any

from kserve.protocol.infer_type import InferOutput, InferRequest, InferResponse

from wrapper.envelope import Envelope
from wrapper.openinference import datatypes, tensors


def to_json(payload: Any, envelope: Envelope) -> dict[str, Any] | None:
    """Give the V2 request that an InferRequest holds, None for any other payload.

    Raises:
        ServingError: 400 when JSON can't hold one of its tensors.
    """
    if not isinstance(payload, InferRequest):
        return None
    describe = _grpc_tensor if payload.from_grpc else _rest_tensor
    request: dict[str, Any] = {"inputs": [describe(tensor, envelope) for tensor in payload.inputs]}
    if payload.id:
        request["id"] = payload.id
    return request


def from_json(answer: dict[str, Any], payload: Any) -> InferResponse:
    """Give the InferResponse that TorchServe's V2 answer to this payload stands for."""
    grpc = bool(getattr(payload, "from_grpc", False))
    outputs = [
        InferOutput(
            name=output["name"],
            shape=output["shape"],
            datatype=output["datatype"],
            data=_typed(output) if grpc else output["data"],
        )
        for output in answer["outputs"]
    ]
    # The SDK requires an id in its response, though the specification doesn't
    # (kserve#3094); TorchServe's envelope always gives one.
    response = InferResponse(answer.get("id") or "", answer["model_name"], outputs)
    response.model_version = answer.get("model_version")
    return response


def _grpc_tensor(tensor: Any, envelope: Envelope) -> dict[str, Any]:
    datatype = datatypes.find(tensor.name, tensor.datatype)
    raw = getattr(tensor, "_raw_data", None)
    elements = tensor.data if raw is None else tensors.from_raw(tensor.name, datatype, raw)
    data, parameters = tensors.to_json(tensor.name, elements, envelope)
    described = _tensor(tensor, data)
    return {**described, "parameters": dict(parameters)} if parameters else described


def _rest_tensor(tensor: Any, envelope: Envelope) -> dict[str, Any]:
    if getattr(tensor, "_raw_data", None) is not None:  # the binary tensor extension, since 0.14
        return _grpc_tensor(tensor, envelope)
    return _tensor(tensor, tensor.data)


def _tensor(tensor: Any, data: list[Any]) -> dict[str, Any]:
    return {
        "name": tensor.name,
        "shape": [int(dimension) for dimension in tensor.shape],
        "datatype": tensor.datatype,
        "data": data,
    }


def _typed(output: dict[str, Any]) -> Any:
    if output["datatype"] != "BYTES":
        return output["data"]
    return tensors.to_bytes(output["data"], output.get("parameters", {}))
