"""The front of the gRPC server that the SDK has since 0.10."""

from __future__ import annotations

import json
from typing import Any

import grpc
from kserve.protocol.grpc import grpc_predict_v2_pb2 as pb
from kserve.protocol.grpc import server as grpc_server
from kserve.protocol.grpc.servicer import InferenceServicer

from wrapper import grpc_messages
from wrapper.errors import ServingError
from wrapper.front import Front

_CODES = {
    400: grpc.StatusCode.INVALID_ARGUMENT,
    404: grpc.StatusCode.NOT_FOUND,
    413: grpc.StatusCode.RESOURCE_EXHAUSTED,
    429: grpc.StatusCode.RESOURCE_EXHAUSTED,
    503: grpc.StatusCode.UNAVAILABLE,
    504: grpc.StatusCode.DEADLINE_EXCEEDED,
}


def put_before(front: Front) -> None:
    """Have the SDK make a servicer whose ModelInfer the front answers."""

    class FrontedServicer(InferenceServicer):
        async def ModelInfer(self, request: Any, context: Any) -> Any:  # noqa: N802
            return await _model_infer(front, request, context)

    # The SDK offers no hook: its gRPC server makes the servicer by this name.
    grpc_server.InferenceServicer = FrontedServicer


async def _model_infer(front: Front, request: Any, context: Any) -> Any:
    response = pb.ModelInferResponse()
    try:
        body = json.dumps(grpc_messages.request_to_json(request)).encode()
        headers = {key.lower(): str(value) for key, value in context.invocation_metadata() or ()}
        answer = json.loads(await front.infer(request.model_name, body, headers))
        grpc_messages.fill_response(response, answer, raw=bool(request.raw_input_contents))
    except ServingError as error:
        # Not abort(): since 0.15 an interceptor of the SDK would turn its exception into
        # INTERNAL.
        context.set_code(_CODES.get(error.status, grpc.StatusCode.INTERNAL))
        context.set_details(error.message)
        return pb.ModelInferResponse()
    return response
