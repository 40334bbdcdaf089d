"""The SDK's InferRequest and InferResponse (0.10 and later) to and from V2 JSON."""

from __future__ import annotations

from typing import Any

from kserve.protocol.infer_type import InferOutput, InferRequest, InferResponse

from wrapper import tensors


def to_json(payload: Any) -> dict[str, Any] | None:
    """Give the V2 request that an InferRequest holds, None for any other payload.

    Raises:
        ServingError: 400 when JSON can't hold one of its tensors.
    """
    if not isinstance(payload, InferRequest):
        return None
    describe = _grpc_tensor if payload.from_grpc else _rest_tensor
    request: dict[str, Any] = {"inputs": [describe(tensor) for tensor in payload.inputs]}
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
            data=tensors.to_typed(output["datatype"], output["data"]) if grpc else output["data"],
        )
        for output in answer["outputs"]
    ]
    # The SDK requires an id in its response, though the specification doesn't
    # (kserve#3094); TorchServe's envelope always gives one.
    response = InferResponse(answer.get("id") or "", answer["model_name"], outputs)
    response.model_version = answer.get("model_version")
    return response


def _grpc_tensor(tensor: Any) -> dict[str, Any]:
    tensors.check_datatype(tensor.name, tensor.datatype)
    raw = getattr(tensor, "_raw_data", None)
    elements = tensor.data if raw is None else tensors.from_raw(tensor.name, tensor.datatype, raw)
    return _tensor(tensor, tensors.to_json(tensor.name, tensor.datatype, elements))


def _rest_tensor(tensor: Any) -> dict[str, Any]:
    if getattr(tensor, "_raw_data", None) is not None:  # the binary tensor extension, since 0.14
        return _grpc_tensor(tensor)
    return _tensor(tensor, tensor.data)


def _tensor(tensor: Any, data: list[Any]) -> dict[str, Any]:
    return {
        "name": tensor.name,
        "shape": [int(dimension) for dimension in tensor.shape],
        "datatype": tensor.datatype,
        "data": data,
    }
