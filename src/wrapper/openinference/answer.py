"""TorchServe's answers to inference requests, in the form that the client asked for.

Source: "Inference Response" of inference_rest.md. Optional members are absent, not null.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from wrapper import json_body
from wrapper.envelope import Envelope
from wrapper.errors import ServingError
from wrapper.openinference import binary, datatypes, normal_form, shapes, tensors
from wrapper.openinference.request import Wanted


def needs_reading(body: bytes, envelope: Envelope) -> bool:
    """Tell whether an answer may hold what must not go out as it is: null, NaN, infinity, objects.

    A text in it may hold those letters too; reading it tells.
    """
    of_json = b"null" in body or b"NaN" in body or b"Infinity" in body
    return of_json or (not envelope.writes_texts and b'"BYTES"' in body)


def read(body: bytes, wanted: Wanted) -> dict[str, Any]:
    """Give TorchServe's answer with the outputs that are wanted, in their order.

    Raises:
        ServingError: 502 when it is no inference response, 400 when the model has no output
            of a name that is wanted.
    """
    try:
        answer = json_body.read_exactly(body)
        outputs = [_checked(output) for output in answer["outputs"]]
        answer = {"model_name": answer["model_name"], **_with_parameters(answer, "it")}
    except (ValueError, KeyError, TypeError):
        raise ServingError(
            502,
            "The model's answer is no Open Inference response: give TorchServe the envelope "
            "kservev2, or answer with model_name and outputs",
        ) from None
    if wanted.id is not None:
        answer["id"] = wanted.id
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
    return _without_nan(json_body.write(answer))


def to_binary(answer: dict[str, Any], wanted: Wanted) -> tuple[bytes, int]:
    """Give an answer as a body of the binary extension, with the length of its JSON head.

    Raises:
        ServingError: 500 when what goes out as JSON holds NaN or an infinity.
    """
    outputs = answer["outputs"]
    raw = [to_raw(output) if wanted.is_binary(output["name"]) else None for output in outputs]
    plain = [output for output, its in zip(outputs, raw) if its is None]
    to_json({**answer, "outputs": plain})
    head, tail = binary.pack(answer, raw)
    return b"".join([_without_nan(head), *tail]), len(head)


def elements(output: dict[str, Any]) -> list[Any]:
    """Give an output's elements, flat; those of BYTES as text or base64, as they came."""
    return shapes.elements(output["name"], output["shape"], output["data"])


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
    """Give an output that is a tensor, in the normal form."""
    name, shape = output["name"], output["shape"]
    if not isinstance(name, str):
        raise _wrong(f'"name" of an output is {json_body.kind(name)}')
    try:
        datatype = datatypes.find(name, output["datatype"])
        shapes.check(name, shape)
        elements = shapes.elements(name, shape, output["data"])
        if datatype.name == "BYTES":
            texts = [_text(element) for element in elements]
            if texts != elements:
                output = {**output, "data": texts}
        else:
            datatype.check_elements(name, elements)
    except ServingError as error:
        raise _wrong(error.message) from None
    return normal_form.of_tensor(_with_parameters(output, f"the output {name}"))


def _text(element: Any) -> str:
    """Give what a model answered in BYTES: a text, or the JSON of what isn't one.

    TorchServe's envelope kservev2 makes BYTES of whatever is no number, such as the objects of
    TorchServe's own image_classifier; kservev2_faithful writes the same texts.
    """
    return element if isinstance(element, str) else json.dumps(element)


def _with_parameters(owner: dict[str, Any], place: str) -> dict[str, Any]:
    """Give an object of an answer without members, or parameters, that are null."""
    told = normal_form.without_nulls(owner)
    if "parameters" not in told:
        return told
    if not isinstance(told["parameters"], dict):
        raise _wrong(f'"parameters" of {place} are {json_body.kind(told["parameters"])}')
    return {**told, "parameters": normal_form.without_nulls(told["parameters"])}


def _wrong(why: str) -> ServingError:
    return ServingError(502, f"The model's answer is wrong: {why}")


def _without_nan(body: bytes) -> bytes:
    if json_body.holds_nan(body):
        raise ServingError(
            500, "The model answered NaN or infinity in a parameter, which JSON can't hold"
        )
    return body


def _selected(outputs: list[dict[str, Any]], wanted: Wanted) -> list[dict[str, Any]]:
    if wanted.binary is None:
        return outputs
    names = [output["name"] for output in outputs]
    for name in wanted.binary:
        if name not in names:
            raise ServingError(
                400, f"The model has no output {name}: it answered {', '.join(names)}"
            )
    return [output for name in wanted.binary for output in outputs if output["name"] == name]
