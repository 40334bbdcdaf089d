"""TorchServe's answers to inference requests, in the form that the client asked for.

Source: "Inference Response" of inference_rest.md. Optional members are absent, not null.
"""

from __future__ import annotations

import io
import json
import struct
from collections.abc import Sequence
from typing import Any

from wrapper import json_body, steps
from wrapper.envelope import Envelope
from wrapper.errors import ServingError
from wrapper.json_cuts import PIECE
from wrapper.json_pieces import Span
from wrapper.openinference import (
    binary,
    datatypes,
    frames,
    long_data,
    normal_form,
    shapes,
    tensors,
)
from wrapper.openinference.long_data import LongData
from wrapper.openinference.raw_data import RawData
from wrapper.openinference.request import Wanted
from wrapper.openinference.tensors import Bytes
from wrapper.openinference.to_json import COST, Writer
from wrapper.spliced import Content
from wrapper.steps import Steps

# What an answer that isn't read raises.
_NO_RESPONSE = (AttributeError, KeyError, TypeError, ValueError, struct.error)
# In the place of TorchServe's where a frame's BYTES become JSON for a client.
_ANY = Envelope(None, reads_base64=True)
# Tensors that are judged in one step.
_AT_ONCE = 1000


def needs_reading(body: bytes, envelope: Envelope) -> bool:
    """Tell whether an answer may hold what must not go out as it is: null, NaN, infinity, objects.

    A text in it may hold those letters too; reading it tells.
    """
    return any(word in body for word in _suspicious(envelope))


def long_needs_reading(body: bytes, envelope: Envelope) -> Steps[bool]:
    """Tell the same of a long answer in steps."""
    return (yield from json_body.holds_one_of(body, _suspicious(envelope)))


def _suspicious(envelope: Envelope) -> tuple[bytes, ...]:
    of_json = (b"null", b"NaN", b"Infinity")
    return of_json if envelope.writes_texts else (*of_json, b'"BYTES"')


def read(body: bytes, wanted: Wanted) -> dict[str, Any]:
    """Give TorchServe's answer with the outputs that are wanted, in their order.

    Raises:
        ServingError: 502 when it is no inference response, 400 when the model has no output
            of a name that is wanted.
    """
    try:
        head, tail = frames.split(body)
        return steps.at_once(_read(frames.joined(json_body.read_exactly(head), tail), wanted))
    except _NO_RESPONSE:
        raise _no_response() from None


def long_read(body: bytes, wanted: Wanted, size: int = PIECE) -> Steps[dict[str, Any]]:
    """Do the same in steps with a long answer, whose long tensors of numbers stay in it.

    Raises:
        ServingError: as `read`.
    """
    try:
        head, tail = frames.split(body)
        document = yield from json_body.judge_exactly(head, size)
        answer = frames.joined((yield from _long(document.root, size)), tail)
        return (yield from _read(answer, wanted))
    except _NO_RESPONSE:
        raise _no_response() from None


def _read(answer: Any, wanted: Wanted) -> Steps[dict[str, Any]]:
    outputs = []
    for index, output in enumerate(answer["outputs"], 1):
        outputs.append((yield from _checked(output)))
        if index % _AT_ONCE == 0:
            yield
    answer = {"model_name": answer["model_name"], **_with_parameters(answer, "it")}
    if wanted.id is not None:
        answer["id"] = wanted.id
    return {**answer, "outputs": _selected(outputs, wanted)}


def _no_response() -> ServingError:
    return ServingError(
        502,
        "The model's answer is no Open Inference response: give TorchServe the envelope "
        "kservev2, or answer with model_name and outputs",
    )


def _long(root: Span, size: int) -> Steps[Any]:
    if not root.is_object:
        return root.beginning()
    answer = yield from _members(root)
    listed = answer["outputs"]
    answer = {name: value if name == "outputs" else value.read() for name, value in answer.items()}
    if not listed.is_list:
        return {**answer, "outputs": listed.read()}
    outputs: list[Any] = []
    for each in listed.elements():
        if each is None:
            yield
        elif each.size <= size or not each.is_object:
            outputs.append(each.read())
        else:
            outputs.append((yield from _output((yield from _members(each)), size)))
    return {**answer, "outputs": outputs}


def _output(members: dict[str, Span], size: int) -> Steps[dict[str, Any]]:
    output: dict[str, Any] = {}
    data = members.pop("data", None)
    for name, value in members.items():
        output[name] = value.read()
        yield
    if data is None:
        return output
    # Texts may have to be written anew.
    stays = data.size > size and data.is_list and output.get("datatype") != "BYTES"
    return {**output, "data": (yield from long_data.of_span(data)) if stays else data.read()}


def _members(owner: Span) -> Steps[dict[str, Span]]:
    members = {}
    for member in owner.members():
        if member is None:
            yield
        else:
            members[member.name] = member.value
    return members


def in_json(answer: dict[str, Any]) -> Steps[dict[str, Any]]:
    """Give an answer none of whose data are bytes."""
    writer = _writer(answer)
    outputs = []
    for output in answer["outputs"]:
        outputs.append((yield from _in_json(output, writer)))
    return {**answer, "outputs": outputs}


def _writer(answer: dict[str, Any]) -> Writer:
    found = (output["data"] for output in answer["outputs"])
    size = sum(len(data.raw) + COST for data in found if isinstance(data, RawData))
    return Writer(_ANY, size, lambda _: None)


def _in_json(output: dict[str, Any], writer: Writer) -> Steps[dict[str, Any]]:
    data = output["data"]
    if not isinstance(data, RawData):
        return output
    written, how = yield from writer.raw(output["name"], data.datatype, data.raw)
    read = {**output, "data": written}
    return {**read, "parameters": {**output.get("parameters", {}), **how}} if how else read


def to_json(answer: dict[str, Any]) -> Content:
    """Give an answer as a JSON body, once it is `in_json`.

    Raises:
        ServingError: 500 when it holds NaN or an infinity.
    """
    for output in answer["outputs"]:
        data = output["data"]
        is_long = isinstance(data, LongData)
        if data.seen.beyond_json if is_long else tensors.has_numbers_beyond_json(elements(output)):
            raise ServingError(
                500,
                f"The model answered NaN or infinity in the output {output['name']}, which JSON "
                "can't hold: ask by gRPC or for binary data",
            )
    return _written(answer)


def to_binary(answer: dict[str, Any], wanted: Wanted) -> Steps[tuple[bytes, int]]:
    """Give an answer as a body of the binary extension, with the length of its JSON head.

    Raises:
        ServingError: 500 when what goes out as JSON holds NaN or an infinity.
    """
    raw: list[Bytes | None] = []
    writer = _writer(answer)
    outputs = []
    for output in answer["outputs"]:
        is_binary = wanted.is_binary(output["name"])
        raw.append((yield from to_raw(output)) if is_binary else None)
        outputs.append(output if is_binary else (yield from _in_json(output, writer)))
    plain = [output for output, its in zip(outputs, raw) if its is None]
    to_json({**answer, "outputs": plain})
    document, tail = binary.pack({**answer, "outputs": outputs}, raw)
    head = _written(document)
    return b"".join([bytes(head), *tail]), len(head)


def elements(output: dict[str, Any]) -> list[Any]:
    """Give an output's elements, flat; those of BYTES as text or base64, as they came."""
    return shapes.elements(output["name"], output["shape"], output["data"])


def to_raw(output: dict[str, Any]) -> Steps[Bytes]:
    """Give an output's data as raw bytes.

    Raises:
        ServingError: 502 when the datatype can't hold it.
    """
    if isinstance(output["data"], RawData):
        return output["data"].raw
    datatype = datatypes.find(output["name"], output["datatype"])
    if isinstance(output["data"], LongData):
        raw = io.BytesIO()
        for part in output["data"].slices():
            raw.write(tensors.to_raw(datatype, part))
            yield
        return raw.getvalue()
    data: Sequence[Any] = elements(output)
    if datatype.name == "BYTES":
        data = tensors.to_bytes(data, output.get("parameters", {}))
    return tensors.to_raw(datatype, data)


def _checked(output: dict[str, Any]) -> Steps[dict[str, Any]]:
    """Give an output that is a tensor, in the normal form."""
    name, shape = output["name"], output["shape"]
    if not isinstance(name, str):
        raise _wrong(f'"name" of an output is {json_body.kind(name)}')
    try:
        datatype = datatypes.find(name, output["datatype"])
        shapes.check(name, shape)
        data = output["data"]
        if isinstance(data, memoryview):
            data = yield from RawData.of(name, datatype, data)
            output = {**output, "data": data}
        if isinstance(data, (LongData, RawData)):
            data.check(name, shape, datatype)
            return normal_form.of_tensor(_with_parameters(output, f"the output {name}"))
        elements = shapes.elements(name, shape, data)
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


def _written(answer: dict[str, Any]) -> Content:
    content = long_data.write(answer)
    # What is long was looked at before.
    short = content if isinstance(content, bytes) else json_body.write(answer, lambda _: "")
    if json_body.holds_nan(short):
        raise ServingError(
            500, "The model answered NaN or infinity in a parameter, which JSON can't hold"
        )
    return content


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
