"""The messages of TorchServe's gRPC APIs that the wrapper needs, built at run time.

Generated code works with the protobuf release it was generated for; the SDKs that this
wrapper runs beside pin protobuf 3.19 to 6. Descriptors built here work with all of them.

Source: pytorch/serve, frontend/server/src/main/resources/proto/{inference,management}.proto,
whose field numbers are the same from 0.5.3 to 0.12.0.
"""

from __future__ import annotations

from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

PACKAGE = "org.pytorch.serve.grpc.inference"
MANAGEMENT = "org.pytorch.serve.grpc.management"
DESCRIBE_MODEL = f"/{MANAGEMENT}.ManagementAPIsService/DescribeModel"
LIST_MODELS = f"/{MANAGEMENT}.ManagementAPIsService/ListModels"
PREDICTIONS = f"/{PACKAGE}.InferenceAPIsService/Predictions"


def _file() -> descriptor_pb2.FileDescriptorProto:
    field = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(
        name="wrapper/torchserve_inference.proto", package=PACKAGE, syntax="proto3"
    )
    request = file.message_type.add(name="PredictionsRequest")
    request.field.add(
        name="model_name", number=1, type=field.TYPE_STRING, label=field.LABEL_OPTIONAL
    )
    request.field.add(
        name="model_version", number=2, type=field.TYPE_STRING, label=field.LABEL_OPTIONAL
    )
    request.field.add(
        name="input",
        number=3,
        type=field.TYPE_MESSAGE,
        label=field.LABEL_REPEATED,
        type_name=f".{PACKAGE}.PredictionsRequest.InputEntry",
    )
    entry = request.nested_type.add(name="InputEntry")
    entry.options.map_entry = True
    entry.field.add(name="key", number=1, type=field.TYPE_STRING, label=field.LABEL_OPTIONAL)
    entry.field.add(name="value", number=2, type=field.TYPE_BYTES, label=field.LABEL_OPTIONAL)
    response = file.message_type.add(name="PredictionResponse")
    response.field.add(
        name="prediction", number=1, type=field.TYPE_BYTES, label=field.LABEL_OPTIONAL
    )
    return file


def _management_file() -> descriptor_pb2.FileDescriptorProto:
    field = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(
        name="wrapper/torchserve_management.proto", package=MANAGEMENT, syntax="proto3"
    )
    fields = {
        "DescribeModelRequest": (
            ("model_name", field.TYPE_STRING),
            ("model_version", field.TYPE_STRING),
            ("customized", field.TYPE_BOOL),
        ),
        "ListModelsRequest": (("limit", field.TYPE_INT32), ("next_page_token", field.TYPE_INT32)),
        "ManagementResponse": (("msg", field.TYPE_STRING),),
    }
    for name, members in fields.items():
        message = file.message_type.add(name=name)
        for number, (member, kind) in enumerate(members, 1):
            message.field.add(name=member, number=number, type=kind, label=field.LABEL_OPTIONAL)
    return file


def _message_class(name: str, package: str = PACKAGE) -> Any:
    descriptor = _pool.FindMessageTypeByName(f"{package}.{name}")
    if hasattr(message_factory, "GetMessageClass"):  # protobuf 4.22 and later
        return message_factory.GetMessageClass(descriptor)
    factory: Any = message_factory.MessageFactory(_pool)
    return factory.GetPrototype(descriptor)


# A pool of its own: the default one may hold TorchServe's generated messages already.
_pool = descriptor_pool.DescriptorPool()
_pool.AddSerializedFile(_file().SerializeToString())
_pool.AddSerializedFile(_management_file().SerializeToString())

PredictionsRequest = _message_class("PredictionsRequest")
PredictionResponse = _message_class("PredictionResponse")
DescribeModelRequest = _message_class("DescribeModelRequest", MANAGEMENT)
ListModelsRequest = _message_class("ListModelsRequest", MANAGEMENT)
ManagementResponse = _message_class("ManagementResponse", MANAGEMENT)
