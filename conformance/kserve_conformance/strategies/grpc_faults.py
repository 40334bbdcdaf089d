"""The ways in which a gRPC request is invalid: a ModelInferRequest, or bytes that are none."""

from __future__ import annotations

import math
from typing import Any, TypeAlias

from google.protobuf.message import DecodeError
from hypothesis import reject
from hypothesis import strategies as st
from tritonclient.grpc import service_pb2

from kserve_conformance import tensors
from kserve_conformance.catalogue import Level
from kserve_conformance.strategies.fault import fault
from kserve_conformance.strategies.v2_faults import UNKNOWN_OUTPUT, beyond, unknown_datatypes
from kserve_conformance.strategies.valid import HALVES
from kserve_conformance.tensors import DATATYPES

Message: TypeAlias = service_pb2.ModelInferRequest

_CONTENTS = sorted({row.contents for row in DATATYPES.values() if row.contents})
# What INT8 and UINT8 have their elements in holds more than they do.
_NARROW = ("INT8", "INT16", "UINT8", "UINT16")


@fault("grpc/model", Level.MUST, "There is no model of this name.")
def _model(draw: st.DrawFn, message: Message) -> None:
    right = message.model_name
    message.model_name = draw(st.text(max_size=9).filter(lambda name: name != right))


@fault("grpc/version", Level.SHOULD, "The model has no such version.")
def _version(draw: st.DrawFn, message: Message) -> None:
    message.model_version = "no version " + draw(st.text(max_size=4))


@fault("grpc/datatype", Level.MUST, "An input's datatype is none that the specification has.")
def _datatype(draw: st.DrawFn, message: Message) -> None:
    _an_input(draw, message).datatype = draw(unknown_datatypes())


@fault("grpc/datatype-case", Level.MUST, "An input's datatype is in another case.")
def _datatype_case(draw: st.DrawFn, message: Message) -> None:
    tensor = _an_input(draw, message)
    tensor.datatype = tensor.datatype.lower()


@fault("grpc/dimension", Level.SHOULD, "A dimension is negative.")
def _dimension(draw: st.DrawFn, message: Message) -> None:
    tensor = _an_input(draw, message)
    place = draw(st.integers(0, len(tensor.shape) - 1))
    tensor.shape[place] = draw(st.integers(-(2**63), -1) | st.just(-tensor.shape[place] or -1))


@fault("grpc/count", Level.MUST, "An input has not as many elements as its shape says.")
def _count(draw: st.DrawFn, message: Message) -> None:
    _an_input(draw, message).shape.append(draw(st.just(0) | st.integers(2, 2**62)))


@fault("grpc/contents", Level.SHOULD, "An input has data in the contents of another datatype.")
def _contents(draw: st.DrawFn, message: Message) -> None:
    tensor = _a_typed_input(draw, message)
    right = DATATYPES[tensor.datatype].contents
    if draw(st.booleans()):
        tensor.contents.ClearField(right)
    wrong = draw(st.sampled_from([name for name in _CONTENTS if name != right]))
    element = b"1" if wrong == "bytes_contents" else 1
    getattr(tensor.contents, wrong).extend([element] * math.prod(tensor.shape))


@fault("grpc/range", Level.SHOULD, "An element is beyond the range of its datatype.")
def _range(draw: st.DrawFn, message: Message) -> None:
    tensor = _a_typed_input(draw, message, _NARROW)
    unsigned = tensor.datatype.startswith("U")
    # What the contents can hold.
    bits32 = DATATYPES["UINT32" if unsigned else "INT32"].extremes
    wrong = beyond(tensor.datatype).filter(lambda each: min(bits32) <= each <= max(bits32))
    at_most = st.integers(max(DATATYPES[tensor.datatype].extremes) + 1, max(bits32))
    getattr(tensor.contents, DATATYPES[tensor.datatype].contents)[0] = draw(at_most | wrong)


@fault("grpc/half", Level.MUST, "FP16 has typed contents, which it hasn't.")
def _half(draw: st.DrawFn, message: Message) -> None:
    tensor = _a_typed_input(draw, message)
    tensor.datatype = HALVES
    tensor.contents.Clear()
    tensor.contents.fp32_contents.extend([0.5] * math.prod(tensor.shape))


@fault("grpc/both", Level.MUST, "There are typed and raw contents.")
def _both(draw: st.DrawFn, message: Message) -> None:
    tensor = _a_typed_input(draw, message)
    kept = service_pb2.InferTensorContents()
    kept.CopyFrom(tensor.contents)
    _make_raw(message)
    tensor.contents.CopyFrom(kept)


@fault("grpc/raw-count", Level.MUST, "There are more or fewer raw contents than inputs.")
def _raw_count(draw: st.DrawFn, message: Message) -> None:
    _make_raw(message)
    raw = list(message.raw_input_contents)
    counts = st.integers(1, len(raw) + 2).filter(lambda count: count != len(raw))
    del message.raw_input_contents[:]
    message.raw_input_contents.extend((raw * 4)[: draw(counts)])


@fault("grpc/raw-size", Level.MUST, "Raw contents have not the bytes that a shape needs.")
def _raw_size(draw: st.DrawFn, message: Message) -> None:
    _make_raw(message)
    place = draw(st.integers(0, len(message.raw_input_contents) - 1))
    raw = message.raw_input_contents[place]
    shorter = st.integers(0, max(0, len(raw) - 1)).map(lambda size: raw[:size])
    longer = st.binary(min_size=1, max_size=9).map(lambda more: raw + more)
    changed = (shorter | longer).filter(lambda each: each != raw)
    message.raw_input_contents[place] = draw(changed)


@fault("grpc/raw-bytes", Level.SHOULD, "The last raw BYTES element is cut off.")
def _raw_bytes(draw: st.DrawFn, message: Message) -> None:
    _make_raw(message)
    tensor = message.inputs[0]
    tensor.datatype, tensor.shape[:] = "BYTES", [1]
    element = draw(st.binary(max_size=6))
    length = len(element) + draw(st.integers(1, 2**31))
    message.raw_input_contents[0] = length.to_bytes(4, "little") + element


@fault("grpc/parameter", Level.SHOULD, "A parameter has no value.")
def _parameter(draw: st.DrawFn, message: Message) -> None:
    holder = draw(st.sampled_from([message, message.inputs[0]]))
    holder.parameters["x-" + draw(st.text(max_size=3))].Clear()


@fault("grpc/output", Level.SHOULD, "An output is asked for that the model doesn't have.")
def _output(draw: st.DrawFn, message: Message) -> None:
    message.outputs.add(name=UNKNOWN_OUTPUT + draw(st.text(max_size=3)))


@fault("grpc/no-inputs", Level.SHOULD, "There is no input.")
def _no_inputs(_: st.DrawFn, message: Message) -> None:
    for member in ("inputs", "outputs", "raw_input_contents"):
        message.ClearField(member)


@fault("wire/message", Level.MUST, "The bytes are no ModelInferRequest.")
def _wire(draw: st.DrawFn, message: Message) -> bytes:
    whole = message.SerializeToString(deterministic=True)
    cut = st.integers(1, len(whole) - 1).map(lambda end: whole[:end])
    more = st.binary(min_size=1, max_size=4).map(lambda tail: whole + tail)
    return draw((cut | more | st.binary(min_size=1, max_size=60)).filter(_is_no_message))


def _an_input(draw: st.DrawFn, message: Message) -> Any:
    return message.inputs[draw(st.integers(0, len(message.inputs) - 1))]


def _a_typed_input(
    draw: st.DrawFn, message: Message, datatypes: tuple[str, ...] = tuple(DATATYPES)
) -> Any:
    found = [
        each
        for each in message.inputs
        if each.datatype in datatypes and each.HasField("contents") and math.prod(each.shape)
    ]
    if not found:
        reject()
    return found[draw(st.integers(0, len(found) - 1))]


def _make_raw(message: Message) -> None:
    if message.raw_input_contents:
        return
    for each in message.inputs:
        data = getattr(each.contents, DATATYPES[each.datatype].contents)
        message.raw_input_contents.append(tensors.pack(each.datatype, data))
        each.ClearField("contents")


def _is_no_message(wire: bytes) -> bool:
    try:
        service_pb2.ModelInferRequest.FromString(wire)
    except DecodeError:
        return True
    return False
