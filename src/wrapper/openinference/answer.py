"""TorchServe's answers to inference requests, in the form that the client asked for.

Source: "Inference Response" of inference_rest.md. Optional members are absent, not null.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from wrapper import json_body
from wrapper.errors import ServingError
from wrapper.openinference import binary, datatypes, tensors
from wrapper.openinference.request import Wanted


def needs_reading(body: bytes) -> bool:
    """Tell whether an answer may hold what must not go out as it is: null, NaN, infinity.

    A text in it may hold those letters too; reading it tells.
    """
    return b"null" in body or b"NaN" in body or b"Infinity" in body


def read(body: bytes, wanted: Wanted) -> dict[str, Any]:
    """Give TorchServe's answer with the outputs that are wanted, in their order.

    Raises:
        ServingError: 502 when it is no inference response, 400 when the model has no output
            of a name that is wanted.
    """
    try:
        answer = json_body.read_exactly(body)
        outputs = [_checked(output) for output in answer["outputs"]]
        answer = {"model_name": answer["model_name"], **_without_nulls(answer)}
    except (ValueError, KeyError, TypeError):
        raise ServingError(
            502,
            "The model's answer is no Open Inference response: give TorchServe the envelope "
            "kservev2, or answer with model_name and outputs",
        ) from None
    return {**answer, "outputs": _selected(outputs, wanted)}


def to_json(answer: dict[str, Any]) -> bytes:
    """Give an answer as a JSON body.

    Raises:
        ServingError: 500 when it holds NaN or an infinity.
    """
    for output in answer["outputs"]:
        if tensors.has_numbers_beyond_json(elements(output)):
            raise ServingError(
                500,
                f"The model answered NaN or infinity in the output {output['name']}, which JSON "
                "can't hold: ask by gRPC or for binary data",
            )
    return json_body.write(answer)


def to_binary(answer: dict[str, Any], wanted: Wanted) -> tuple[bytes, int]:
    """Give an answer as a body of the binary extension, with the length of its JSON head.

    Raises:
        ServingError: 500 when what goes out as JSON holds NaN or an infinity.
    """
    raw = {
        output["name"]: to_raw(output)
        for output in answer["outputs"]
        if wanted.is_binary(output["name"])
    }
    plain = [output for output in answer["outputs"] if output["name"] not in raw]
    to_json({**answer, "outputs": plain})
    head, tail = binary.pack(answer, raw)
    return b"".join([head, *tail]), len(head)


def elements(output: dict[str, Any]) -> list[Any]:
    """Give an output's elements, flat; those of BYTES as text or base64, as they came."""
    return tensors.flatten(output["name"], output["data"])


def to_raw(output: dict[str, Any]) -> bytes:
    """Give an output's data as raw bytes.

    Raises:
        ServingError: 502 when the datatype can't hold it.
    """
    datatype = datatypes.find(output["name"], output["datatype"])
    data: Sequence[Any] = elements(output)
    if datatype.name == "BYTES":
        data = tensors.to_bytes(data, output.get("parameters", {}))
    return tensors.to_raw(datatype, data)


def _checked(output: dict[str, Any]) -> dict[str, Any]:
    """Give an output that is a tensor, without null members."""
    name, shape = output["name"], output["shape"]
    try:
        datatype = datatypes.find(name, output["datatype"])
        tensors.check_shape(name, shape)
        data = tensors.flatten(name, output["data"])
        tensors.check_count(name, shape, len(data))
        datatype.check_elements(name, data)
    except ServingError as error:
        raise ServingError(502, f"The model's answer is wrong: {error.message}") from None
    return _without_nulls(output)


def _without_nulls(owner: dict[str, Any]) -> dict[str, Any]:
    return {member: value for member, value in owner.items() if value is not None}


def _selected(outputs: list[dict[str, Any]], wanted: Wanted) -> list[dict[str, Any]]:
    if wanted.binary is None:
        return outputs
    named = {output["name"]: output for output in outputs}
    for name in wanted.binary:
        if name not in named:
            raise ServingError(
                400, f"The model has no output {name}: it answered {', '.join(named)}"
            )
    return [named[name] for name in wanted.binary]
