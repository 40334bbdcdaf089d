"""ModelInfer's messages: those that the SDK was generated with, and the members that they lack.

Up to 0.21 the SDK's InferParameter has neither ``double_param`` nor ``uint64_param``, which
open_inference_grpc.proto has since November 2023 and clients send.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorProto
from google.protobuf.message import DecodeError

from wrapper import message_classes
from wrapper.steps import Steps

_PARAMETER = "InferParameter"
# Of ModelInferRequest, of InferInputTensor, and of InferTensorContents those that are packed: the
# bytes of an element, 0 for a varint.
_INPUTS, _RAW_INPUT_CONTENTS = 5, 7
_CONTENTS = 5
_PACKED = {1: 0, 2: 0, 3: 0, 4: 0, 5: 0, 6: 4, 7: 8}
# Wire types, by which a field's end is found (protobuf.dev, "Encoding").
_VARINT, _DELIMITED = 0, 2
_FIXED = {1: 8, 5: 4}
_LONGEST_VARINT = 10
# Bytes that are read in a step: as varints, they take some milliseconds.
_AT_ONCE = 256 * 1024
# What a field costs beside its bytes, in bytes.
_COST = 1024
_MEMBERS = (
    (4, "double_param", FieldDescriptorProto.TYPE_DOUBLE),
    (5, "uint64_param", FieldDescriptorProto.TYPE_UINT64),
)


def complete(described: Any) -> tuple[Any, Any]:
    """Give the classes of ModelInferRequest and ModelInferResponse, with every parameter.

    Args:
        described: the FileDescriptor of generated code.
    """
    *imported, file = _with_imports(described)
    parameter = next(each for each in file.message_type if each.name == _PARAMETER)
    known = {field.name for field in parameter.field}
    for number, name, kind in _MEMBERS:
        if name not in known:
            # Of parameter_choice, the message's only oneof.
            label = FieldDescriptorProto.LABEL_OPTIONAL
            parameter.field.add(name=name, number=number, type=kind, label=label, oneof_index=0)
    pool = message_classes.pool_of(*imported, file)
    package = described.package
    return (
        message_classes.find(pool, f"{package}.ModelInferRequest"),
        message_classes.find(pool, f"{package}.ModelInferResponse"),
    )


class LongRequest:
    """A ModelInferRequest whose raw contents are where they came, which a message would copy twice.

    Its members are those of the message.
    """

    def __init__(self, message: Any, raw: Sequence[memoryview]) -> None:
        self._message = message
        self.raw_input_contents = raw

    def __getattr__(self, name: str) -> Any:
        return getattr(self._message, name)


def long_request(request_class: Any, message: bytes) -> Steps[LongRequest]:
    """Read a long ModelInferRequest in steps.

    Raises:
        DecodeError: when it is none.
    """
    view = memoryview(message)
    read = request_class()
    raw = []
    rest = []
    spent = 0
    for field in _fields(view):
        spent += min(field.end - field.start, _AT_ONCE) + _COST
        if spent > _AT_ONCE:
            spent = 0
            yield
        content = view[field.content : field.end]
        if (field.number, field.kind) == (_RAW_INPUT_CONTENTS, _DELIMITED):
            raw.append(content)
        elif (field.number, field.kind) == (_INPUTS, _DELIMITED):
            yield from _read_tensor(read.inputs.add(), content)
        else:
            rest.append(view[field.start : field.end])
    read.MergeFromString(b"".join(rest))
    return LongRequest(read, raw)


def _read_tensor(tensor: Any, view: memoryview) -> Steps[None]:
    if len(view) <= _AT_ONCE:
        tensor.MergeFromString(bytes(view))
        return
    rest = []
    for field in _fields(view):
        if (field.number, field.kind) == (_CONTENTS, _DELIMITED):
            # It is there, whatever it has.
            tensor.contents.SetInParent()
            yield from _read_contents(tensor.contents, view[field.content : field.end])
        else:
            rest.append(view[field.start : field.end])
    tensor.MergeFromString(b"".join(rest))


def _read_contents(contents: Any, view: memoryview) -> Steps[None]:
    for field in _fields(view):
        if field.number not in _PACKED or field.kind != _DELIMITED:
            # Each element is a field of its own, which takes too long to be found from here.
            contents.MergeFromString(bytes(view[field.start :]))
            return
        # A repeated field may come in several parts, which follow each other.
        begin = field.content
        while begin < field.end:
            end = _cut(view, begin, field.end, _PACKED[field.number])
            size = _as_varint(end - begin)
            tag = _as_varint(field.number << 3 | _DELIMITED)
            contents.MergeFromString(tag + size + view[begin:end])
            begin = end
            yield


def _cut(view: memoryview, begin: int, end: int, size: int) -> int:
    """Give where a part ends that begins somewhere: behind a whole element."""
    cut = begin + _AT_ONCE
    if cut >= end:
        return end
    if size:
        return cut
    last = view[cut - _LONGEST_VARINT : cut]
    ends = [place for place, byte in enumerate(last, cut - _LONGEST_VARINT + 1) if byte < 0x80]
    # Without an end it is no element, which is told when it is read.
    return ends[-1] if ends else cut


def _as_varint(number: int) -> bytes:
    written = bytearray()
    while number > 0x7F:
        written.append(number & 0x7F | 0x80)
        number >>= 7
    written.append(number)
    return bytes(written)


class _Field(NamedTuple):
    """A field of a message; kinds are the wire types of protobuf."""

    number: int
    kind: int
    start: int
    content: int
    end: int


def _fields(view: memoryview) -> Iterator[_Field]:
    position = 0
    while position < len(view):
        start = position
        tag, position = _varint(view, position)
        number, kind = tag >> 3, tag & 7
        content = position
        if kind == _DELIMITED:
            size, content = _varint(view, position)
            position = content + size
        elif kind == _VARINT:
            _, position = _varint(view, position)
        elif kind in _FIXED:
            position += _FIXED[kind]
        else:
            # Groups, which no member of this message is.
            raise DecodeError
        if position > len(view) or not number:
            raise DecodeError
        yield _Field(number, kind, start, content, position)


def _varint(view: memoryview, position: int) -> tuple[int, int]:
    """Give a number, and where it ends."""
    number = 0
    for index, byte in enumerate(view[position : position + _LONGEST_VARINT]):
        number |= (byte & 0x7F) << (7 * index)
        if byte < 0x80:
            return number, position + index + 1
    raise DecodeError


def _with_imports(described: Any) -> list[FileDescriptorProto]:
    files = {each.name: each for on in described.dependencies for each in _with_imports(on)}
    own = FileDescriptorProto()
    described.CopyToProto(own)
    return [*files.values(), own]
