"""The binary tensor data extension: a JSON head, then the tensors' raw bytes.

Source: docs/protocol/extension_binary_data.md of Triton, which KServe's SDK follows since
0.14. A request tells the head's length in the header Inference-Header-Content-Length and
each tensor's in its parameter ``binary_data_size``; an answer likewise.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from wrapper import json_body
from wrapper.errors import ServingError
from wrapper.openinference import request, tensors
from wrapper.openinference.parameters import SIZE
from wrapper.openinference.tensors import Bytes
from wrapper.openinference.to_json import TensorWriter
from wrapper.steps import Steps

LENGTH_HEADER = "inference-header-content-length"
MEDIA_TYPE = "application/octet-stream"

# More than a length in bytes ever has.
_DIGITS = 20


def split(body: bytes, length: str) -> tuple[bytes, memoryview]:
    """Give the JSON head of a body, and the bytes behind it.

    Args:
        length: the value of Inference-Header-Content-Length.

    Raises:
        ServingError: 400 when it is no number of bytes that the body has.
    """
    # isascii: int() takes digits of every script. It refuses thousands of them.
    number = length.strip()
    is_number = number.isascii() and number.isdigit() and len(number) < _DIGITS
    if not (is_number and int(number) <= len(body)):
        raise ServingError(
            400,
            f"Inference-Header-Content-Length: {json_body.shown(length)} is no length of a JSON "
            f"head in a body of {len(body)} bytes",
        )
    if int(number) == 0:
        raise ServingError(
            400,
            "Inference-Header-Content-Length: 0 is a raw binary request, whose tensor only a "
            "model's configuration tells: send a JSON head that names the inputs with shape and "
            "datatype, and its length",
        )
    return body[: int(number)], memoryview(body)[int(number) :]


def to_json(head: dict[str, Any], data: memoryview, writer: TensorWriter) -> Steps[dict[str, Any]]:
    """Give the request with the data of all its tensors, as a writer has them.

    Raises:
        ServingError: 400 when the bytes aren't what the head says, or can't be passed on, 413 when
            they are too large as JSON.
    """
    position = 0
    inputs = head.get("inputs")
    if not isinstance(inputs, list):
        return head
    read = []
    for index, tensor in enumerate(inputs):
        size = _size(tensor, f"inputs[{index}]")
        if size is None:
            read.append(tensor)
            continue
        raw = data[position : position + size]
        read.append((yield from _input(tensor, raw, size, index, writer)))
        position += size
    if position != len(data):
        raise ServingError(
            400, f"{len(data) - position} bytes follow the last of the request's binary tensors"
        )
    return {**head, "inputs": read}


def pack(answer: dict[str, Any], raw: Sequence[Bytes | None]) -> tuple[dict[str, Any], list[Bytes]]:
    """Give an answer's JSON head and the raw tensors that follow it, in the order of outputs.

    Args:
        answer: an answer in which all outputs still have their data.
        raw: the raw bytes of each output, None for those that stay JSON.
    """
    outputs = []
    tail = []
    for output, its in zip(answer["outputs"], raw):
        if its is not None:
            tail.append(its)
            parameters = {**output.get("parameters", {}), SIZE: len(its)}
            # It tells how JSON holds the elements, and says nothing of raw bytes.
            parameters.pop(tensors.ENCODING, None)
            head = {key: value for key, value in output.items() if key != "data"}
            outputs.append({**head, "parameters": parameters})
        else:
            outputs.append(output)
    return {**answer, "outputs": outputs}, tail


def _size(tensor: Any, place: str) -> int | None:
    parameters = tensor.get("parameters") if isinstance(tensor, dict) else None
    if not isinstance(parameters, dict) or SIZE not in parameters:
        return None
    size = parameters[SIZE]
    if type(size) is not int or size < 0:
        raise ServingError(400, f'Expected "{SIZE}" of {place} to be a number of bytes')
    if "data" in tensor:
        raise ServingError(400, f'Expected either "data" or "{SIZE}" in {place}, not both')
    return size


def _input(
    tensor: dict[str, Any], raw: memoryview, size: int, index: int, writer: TensorWriter
) -> Steps[dict[str, Any]]:
    name, datatype, shape = request.describe(tensor, f"inputs[{index}]")
    if len(raw) != size:
        raise ServingError(
            400, f"Tensor {name} is said to have {size} bytes, of which {len(raw)} came"
        )
    data, how = yield from writer.raw(name, datatype, raw, shape)
    own = (SIZE, tensors.ENCODING)
    parameters = {key: value for key, value in tensor["parameters"].items() if key not in own}
    parameters = {**parameters, **how}
    read = {**tensor, "data": data, "parameters": parameters}
    if not parameters:
        del read["parameters"]
    return read
