"""ModelInfer's messages: those that the SDK was generated with, and the members that they lack.

Up to 0.21 the SDK's InferParameter has neither ``double_param`` nor ``uint64_param``, which
open_inference_grpc.proto has since November 2023 and clients send.
"""

from __future__ import annotations

from typing import Any

from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorProto

from wrapper import message_classes

_PARAMETER = "InferParameter"
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


def _with_imports(described: Any) -> list[FileDescriptorProto]:
    files = {each.name: each for on in described.dependencies for each in _with_imports(on)}
    own = FileDescriptorProto()
    described.CopyToProto(own)
    return [*files.values(), own]
