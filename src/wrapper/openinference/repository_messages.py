"""The messages of the model repository extension over gRPC, as Triton's texts number them.

KServe's SDK has no RepositoryIndex, and puts a model's name where Triton has the repository's:
clients of both are understood. Sources: docs/protocol/extension_model_repository.md of Triton;
grpc_predict_v2.proto of KServe, 0.10 to 0.21.
"""

from __future__ import annotations

from typing import Any

from google.protobuf.descriptor_pb2 import FieldDescriptorProto

from wrapper import message_classes

_TEXT, _FLAG = FieldDescriptorProto.TYPE_STRING, FieldDescriptorProto.TYPE_BOOL
_PACKAGE = "inference"

_pool = message_classes.pool_of(
    message_classes.file_of(
        _PACKAGE,
        "wrapper/repository.proto",
        {
            "IndexRequest": ((1, "repository_name", _TEXT), (2, "ready", _FLAG)),
            "Entry": (
                (1, "name", _TEXT),
                (2, "version", _TEXT),
                (3, "state", _TEXT),
                (4, "reason", _TEXT),
            ),
            "IndexResponse": ((1, "models", "Entry"),),
            "ModelRequest": ((1, "first", _TEXT), (2, "second", _TEXT)),
        },
    )
)

IndexRequest = message_classes.find(_pool, f"{_PACKAGE}.IndexRequest")
IndexResponse = message_classes.find(_pool, f"{_PACKAGE}.IndexResponse")
# RepositoryModelLoadRequest and RepositoryModelUnloadRequest.
ModelRequest = message_classes.find(_pool, f"{_PACKAGE}.ModelRequest")


def model_of(request: Any) -> str:
    """Give the model that a `ModelRequest` names, where Triton or where KServe's SDK has it."""
    return str(request.second or request.first)
