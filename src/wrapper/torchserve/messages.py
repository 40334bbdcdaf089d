"""The messages of TorchServe's gRPC APIs that the wrapper needs.

Source: pytorch/serve, frontend/server/src/main/resources/proto/{inference,management}.proto,
whose field numbers are the same from 0.5.3 to 0.12.0.
"""

from __future__ import annotations

from google.protobuf.descriptor_pb2 import FieldDescriptorProto as Field

from wrapper import message_classes

_INFERENCE = "org.pytorch.serve.grpc.inference"
_MANAGEMENT = "org.pytorch.serve.grpc.management"
DESCRIBE_MODEL = f"/{_MANAGEMENT}.ManagementAPIsService/DescribeModel"
LIST_MODELS = f"/{_MANAGEMENT}.ManagementAPIsService/ListModels"
REGISTER_MODEL = f"/{_MANAGEMENT}.ManagementAPIsService/RegisterModel"
UNREGISTER_MODEL = f"/{_MANAGEMENT}.ManagementAPIsService/UnregisterModel"
PREDICTIONS = f"/{_INFERENCE}.InferenceAPIsService/Predictions"

_pool = message_classes.pool_of(
    message_classes.file_of(
        _INFERENCE,
        "wrapper/torchserve_inference.proto",
        {
            # A map, which is a list of its entries on the wire.
            "InputEntry": ((1, "key", Field.TYPE_STRING), (2, "value", Field.TYPE_BYTES)),
            "PredictionsRequest": (
                (1, "model_name", Field.TYPE_STRING),
                (2, "model_version", Field.TYPE_STRING),
                (3, "input", "InputEntry"),
            ),
            "PredictionResponse": ((1, "prediction", Field.TYPE_BYTES),),
        },
    ),
    message_classes.file_of(
        _MANAGEMENT,
        "wrapper/torchserve_management.proto",
        {
            "DescribeModelRequest": (
                (1, "model_name", Field.TYPE_STRING),
                (2, "model_version", Field.TYPE_STRING),
                (3, "customized", Field.TYPE_BOOL),
            ),
            "ListModelsRequest": (
                (1, "limit", Field.TYPE_INT32),
                (2, "next_page_token", Field.TYPE_INT32),
            ),
            "RegisterModelRequest": (
                (3, "initial_workers", Field.TYPE_INT32),
                (5, "model_name", Field.TYPE_STRING),
                (8, "synchronous", Field.TYPE_BOOL),
                (9, "url", Field.TYPE_STRING),
            ),
            "UnregisterModelRequest": (
                (1, "model_name", Field.TYPE_STRING),
                (2, "model_version", Field.TYPE_STRING),
            ),
            "ManagementResponse": ((1, "msg", Field.TYPE_STRING),),
        },
    ),
)

PredictionsRequest = message_classes.find(_pool, f"{_INFERENCE}.PredictionsRequest")
PredictionResponse = message_classes.find(_pool, f"{_INFERENCE}.PredictionResponse")
DescribeModelRequest = message_classes.find(_pool, f"{_MANAGEMENT}.DescribeModelRequest")
ListModelsRequest = message_classes.find(_pool, f"{_MANAGEMENT}.ListModelsRequest")
RegisterModelRequest = message_classes.find(_pool, f"{_MANAGEMENT}.RegisterModelRequest")
UnregisterModelRequest = message_classes.find(_pool, f"{_MANAGEMENT}.UnregisterModelRequest")
ManagementResponse = message_classes.find(_pool, f"{_MANAGEMENT}.ManagementResponse")
