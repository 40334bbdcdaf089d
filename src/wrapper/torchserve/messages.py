"""The messages of TorchServe's gRPC APIs that the wrapper needs.

Source: pytorch/serve, frontend/server/src/main/resources/proto/{inference,management}.proto,
whose field numbers are the same from 0.5.3 to 0.12.0.
"""

from __future__ import annotations

from google.protobuf import descriptor_pb2

from wrapper import message_classes

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
    return message_classes.file_of(
        MANAGEMENT,
        "wrapper/torchserve_management.proto",
        {
            "DescribeModelRequest": (
                (1, "model_name", field.TYPE_STRING),
                (2, "model_version", field.TYPE_STRING),
                (3, "customized", field.TYPE_BOOL),
            ),
            "ListModelsRequest": (
                (1, "limit", field.TYPE_INT32),
                (2, "next_page_token", field.TYPE_INT32),
            ),
            "ManagementResponse": ((1, "msg", field.TYPE_STRING),),
        },
    )


_pool = message_classes.pool_of(_file(), _management_file())

PredictionsRequest = message_classes.find(_pool, f"{PACKAGE}.PredictionsRequest")
PredictionResponse = message_classes.find(_pool, f"{PACKAGE}.PredictionResponse")
DescribeModelRequest = message_classes.find(_pool, f"{MANAGEMENT}.DescribeModelRequest")
ListModelsRequest = message_classes.find(_pool, f"{MANAGEMENT}.ListModelsRequest")
ManagementResponse = message_classes.find(_pool, f"{MANAGEMENT}.ManagementResponse")
