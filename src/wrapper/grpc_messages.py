"""ModelInfer messages to and from the JSON body that TorchServe's envelope reads.

Works on messages by their members, so that it doesn't matter which release generated
their classes.
"""

from __future__ import annotations

from typing import Any

from wrapper import tensors
from wrapper.errors import ServingError


def request_to_json(request: Any) -> dict[str, Any]:
    """Give the V2 JSON request that a ModelInferRequest means.

    Raises:
        ServingError: 400 when the message breaks the specification or JSON can't hold it.
    """
    raw = request.raw_input_contents
    if raw and len(raw) != len(request.inputs):
        raise ServingError(
            400,
            f"The request has {len(request.inputs)} inputs but {len(raw)} raw_input_contents",
        )
    inputs = [
        _input(tensor, raw[index] if raw else None) for index, tensor in enumerate(request.inputs)
    ]
    return {"id": request.id, "inputs": inputs} if request.id else {"inputs": inputs}


def fill_response(response: Any, answer: dict[str, Any], raw: bool) -> None:
    """Put TorchServe's V2 JSON answer into a ModelInferResponse.

    Args:
        raw: whether to answer with raw_output_contents, which only a client that sent
            raw contents is sure to understand. FP16 has no other encoding.
    """
    outputs = answer["outputs"]
    raw = raw or any(output["datatype"] not in tensors.CONTENTS for output in outputs)
    response.model_name = answer["model_name"]
    response.model_version = answer.get("model_version") or ""
    response.id = answer.get("id") or ""
    for output in outputs:
        tensor = response.outputs.add(
            name=output["name"], datatype=output["datatype"], shape=output["shape"]
        )
        if raw:
            response.raw_output_contents.append(tensors.to_raw(output["datatype"], output["data"]))
        else:
            contents = getattr(tensor.contents, tensors.CONTENTS[output["datatype"]])
            contents.extend(tensors.to_typed(output["datatype"], output["data"]))


def _input(tensor: Any, raw: bytes | None) -> dict[str, Any]:
    tensors.check_datatype(tensor.name, tensor.datatype)
    if raw is None:
        elements = _typed(tensor)
    elif tensor.contents.ListFields():
        raise ServingError(
            400, f"Tensor {tensor.name} has contents, although raw_input_contents are given"
        )
    else:
        elements = tensors.from_raw(tensor.name, tensor.datatype, raw)
    shape = list(tensor.shape)
    tensors.check_count(tensor.name, shape, len(elements))
    return {
        "name": tensor.name,
        "shape": shape,
        "datatype": tensor.datatype,
        "data": tensors.to_json(tensor.name, tensor.datatype, elements),
    }


def _typed(tensor: Any) -> list[Any]:
    expected = tensors.CONTENTS.get(tensor.datatype)
    if expected is None:
        raise ServingError(
            400, f"Tensor {tensor.name}: {tensor.datatype} goes as raw_input_contents only"
        )
    given = [field.name for field, _ in tensor.contents.ListFields()]
    if given not in ([], [expected]):
        raise ServingError(
            400,
            f"Tensor {tensor.name} is {tensor.datatype}, whose data goes into {expected}, "
            f"not into {' and '.join(given)}",
        )
    return list(getattr(tensor.contents, expected))
