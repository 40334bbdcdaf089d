"""The messages of the model repository extension over gRPC, as Triton's texts number them.

KServe's SDK has no RepositoryIndex, and puts a model's name where Triton has the repository's:
clients of both are understood. Sources: docs/protocol/extension_model_repository.md of Triton;
grpc_predict_v2.proto of KServe, 0.10 to 0.21.
"""

from __future__ import annotations

from typing import Any

from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorProto

from wrapper import message_classes

_TEXT, _FLAG = FieldDescriptorProto.TYPE_STRING, FieldDescriptorProto.TYPE_BOOL
_NUMBER, _BYTES = FieldDescriptorProto.TYPE_INT64, FieldDescriptorProto.TYPE_BYTES
_PACKAGE = "inference"
_VALUE, _CHOICE = "Value", "parameter_choice"


def _file() -> FileDescriptorProto:
    file = message_classes.file_of(
        _PACKAGE,
        "wrapper/repository.proto",
        {
            "RepositoryIndexRequest": ((1, "repository_name", _TEXT), (2, "ready", _FLAG)),
            "ModelIndex": (
                (1, "name", _TEXT),
                (2, "version", _TEXT),
                (3, "state", _TEXT),
                (4, "reason", _TEXT),
            ),
            "RepositoryIndexResponse": ((1, "models", "ModelIndex"),),
            "ModelRequest": (
                (1, "first", _TEXT),
                (2, "second", _TEXT),
                (3, "parameters", "Parameter"),
            ),
            # An entry of a map, as it is on the wire.
            "Parameter": ((1, "name", _TEXT), (2, "values", _VALUE)),
            _VALUE: (
                (1, "bool_param", _FLAG),
                (2, "int64_param", _NUMBER),
                (3, "string_param", _TEXT),
                (4, "bytes_param", _BYTES),
            ),
        },
    )
    value = next(each for each in file.message_type if each.name == _VALUE)
    value.oneof_decl.add(name=_CHOICE)
    for field in value.field:
        field.oneof_index = 0
    return file


_pool = message_classes.pool_of(_file())

IndexRequest = message_classes.find(_pool, f"{_PACKAGE}.RepositoryIndexRequest")
IndexResponse = message_classes.find(_pool, f"{_PACKAGE}.RepositoryIndexResponse")
# RepositoryModelLoadRequest and RepositoryModelUnloadRequest.
ModelRequest = message_classes.find(_pool, f"{_PACKAGE}.ModelRequest")


def model_of(request: Any) -> str:
    """Give the model that a `ModelRequest` names, where Triton or where KServe's SDK has it."""
    return str(request.second or request.first)


def parameters_of(request: Any) -> dict[str, Any]:
    """Give the parameters of a `ModelRequest`, None for one without a value."""
    told: dict[str, Any] = {}
    for parameter in request.parameters:
        which = parameter.values[-1].WhichOneof(_CHOICE) if parameter.values else None
        told[parameter.name] = getattr(parameter.values[-1], which) if which else None
    return told
