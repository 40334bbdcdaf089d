"""ModelInfer messages to and from the JSON that TorchServe's envelopes read and write.

Works on messages by their members, so that it doesn't matter which release generated
their classes. Source: inference_grpc.md and open_inference_grpc.proto.
"""

from __future__ import annotations

from typing import Any

from wrapper.errors import ServingError
from wrapper.openinference import answer as answers
from wrapper.openinference import datatypes, parameters, tensors
from wrapper.openinference.long_data import LongData
from wrapper.openinference.raw_data import RawData
from wrapper.openinference.to_json import COST, TensorWriter, Writing
from wrapper.spliced import LONG
from wrapper.steps import Steps


def request_to_json(request: Any, writing: Writing) -> Steps[dict[str, Any]]:
    """Give the V2 JSON request that a ModelInferRequest means, its data as a writer has them.

    Raises:
        ServingError: 400 when the message breaks the specification or JSON can't hold it, 413 when
            the JSON is too large.
    """
    # Each is copied each time it is asked for.
    raw = list(request.raw_input_contents)
    if raw and len(raw) != len(request.inputs):
        raise ServingError(
            400,
            f"The request has {len(request.inputs)} inputs but {len(raw)} raw_input_contents",
        )
    document: dict[str, Any] = {}
    if request.id:
        document["id"] = request.id
    _add_parameters(document, request)
    writer = writing(_size(request, raw))
    inputs = document["inputs"] = []
    for index, tensor in enumerate(request.inputs):
        inputs.append((yield from _input(tensor, raw[index] if raw else None, writer)))
    if request.outputs:
        document["outputs"] = [_requested(output) for output in request.outputs]
    return document


def fill_response(response: Any, answer: dict[str, Any], raw: bool) -> Steps[None]:
    """Put TorchServe's V2 JSON answer into a ModelInferResponse.

    Args:
        raw: whether to answer with raw_output_contents, which only a client that sent
            raw contents is sure to understand. FP16 has no other encoding.

    Raises:
        ServingError: 502 when a message can't hold the answer.
    """
    try:
        yield from _fill(response, answer, raw)
    except UnicodeEncodeError:
        # JSON has an escape for it.
        raise ServingError(
            502, "The model answered a text with half a surrogate pair, which no message can hold"
        ) from None


def _fill(response: Any, answer: dict[str, Any], raw: bool) -> Steps[None]:
    outputs = answer["outputs"]
    found = [datatypes.find(output["name"], output["datatype"]) for output in outputs]
    raw = raw or any(datatype.contents is None for datatype in found)
    response.model_name = str(answer["model_name"])
    response.model_version = str(answer.get("model_version", ""))
    response.id = str(answer.get("id", ""))
    parameters.fill_message(response.parameters, answer.get("parameters", {}))
    for output, datatype in zip(outputs, found):
        tensor = response.outputs.add(
            name=output["name"], datatype=output["datatype"], shape=output["shape"]
        )
        told = dict(output.get("parameters", {}))
        if raw:
            response.raw_output_contents.append(bytes((yield from answers.to_raw(output))))
        elif isinstance(output["data"], (LongData, RawData)):
            for part in output["data"].slices():
                getattr(tensor.contents, str(datatype.contents)).extend(part)
                yield
        else:
            data: Any = answers.elements(output)
            if datatype.name == "BYTES":
                data = tensors.to_bytes(data, told)
            getattr(tensor.contents, str(datatype.contents)).extend(data)
        # It told how JSON holds the elements; a message holds bytes as they are.
        told.pop(tensors.ENCODING, None)
        parameters.fill_message(tensor.parameters, told)


def _size(request: Any, raw: list[Any]) -> int:
    """Give about how many bytes the tensors of a request have."""
    size = sum(map(len, raw)) + COST * len(request.inputs)
    for tensor in request.inputs:
        for _, contents in tensor.contents.ListFields():
            # Of a great many the number says enough.
            is_bytes = isinstance(contents[0], bytes) and len(contents) < LONG
            size += sum(map(len, contents)) if is_bytes else 4 * len(contents)
    return size


def _input(tensor: Any, raw: bytes | None, writer: TensorWriter) -> Steps[dict[str, Any]]:
    datatype = datatypes.find(tensor.name, tensor.datatype)
    if raw is None:
        contents = _typed(tensor, datatype)
        data, how = yield from writer.typed(tensor.name, datatype, contents)
    elif tensor.contents.ListFields():
        raise ServingError(
            400, f"Tensor {tensor.name} has contents, although raw_input_contents are given"
        )
    else:
        data, how = yield from writer.raw(tensor.name, datatype, raw)
    document: dict[str, Any] = {
        "name": tensor.name,
        "shape": list(tensor.shape),
        "datatype": tensor.datatype,
        "data": data,
    }
    _add_parameters(document, tensor)
    if how:
        document["parameters"] = {**document.get("parameters", {}), **how}
    return document


def _typed(tensor: Any, datatype: datatypes.Datatype) -> Any:
    if datatype.contents is None:
        raise ServingError(
            400, f"Tensor {tensor.name}: {datatype.name} goes as raw_input_contents only"
        )
    given = [field.name for field, _ in tensor.contents.ListFields()]
    if given not in ([], [datatype.contents]):
        raise ServingError(
            400,
            f"Tensor {tensor.name} is {datatype.name}, whose data goes into {datatype.contents}, "
            f"not into {' and '.join(given)}",
        )
    return getattr(tensor.contents, datatype.contents)


def _requested(output: Any) -> dict[str, Any]:
    document: dict[str, Any] = {"name": output.name}
    _add_parameters(document, output)
    return document


def _add_parameters(document: dict[str, Any], message: Any) -> None:
    told = parameters.from_message(message.parameters)
    # KServe's clients leave the size beside raw contents; it belongs to the REST extension. The
    # other tells how JSON holds the elements, which is yet to come.
    for own in (parameters.SIZE, tensors.ENCODING):
        told.pop(own, None)
    if told:
        document["parameters"] = told
