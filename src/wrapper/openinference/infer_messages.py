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

_PARAMETER = "InferParameter"
# Of ModelInferRequest.
_RAW_INPUT_CONTENTS = 7
# Wire types, by which a field's end is found (protobuf.dev, "Encoding").
_VARINT, _DELIMITED = 0, 2
_FIXED = {1: 8, 5: 4}
_LONGEST_VARINT = 10
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


def long_request(request_class: Any, message: bytes) -> LongRequest:
    """Read a long ModelInferRequest.

    Raises:
        DecodeError: when it is none.
    """
    view = memoryview(message)
    raw = []
    rest = []
    for field in _fields(view):
        if (field.number, field.kind) == (_RAW_INPUT_CONTENTS, _DELIMITED):
            raw.append(view[field.content : field.end])
        else:
            rest.append(view[field.start : field.end])
    return LongRequest(request_class.FromString(b"".join(rest)), raw)


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
