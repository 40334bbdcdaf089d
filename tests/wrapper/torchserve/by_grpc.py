"""A real TorchServe's gRPC management API, which has versions whatever its ports are."""

from __future__ import annotations

from typing import Any

import grpc

from fixtures.torchserve import Instance
from wrapper.torchserve import messages


def ask(instance: Instance, method: str, request: Any) -> str:
    """Give what it answers, once its port is open, which it is after that for REST."""
    endpoints = instance.endpoints
    with grpc.insecure_channel(f"{endpoints.host}:{endpoints.grpc_management}") as channel:
        call = channel.unary_unary(
            method,
            request_serializer=type(request).SerializeToString,
            response_deserializer=messages.ManagementResponse.FromString,
        )
        return str(call(request, timeout=120, wait_for_ready=True).msg)
