"""TorchServe's gRPC management API, for where its REST API can't be asked.

With inference_address and management_address the same, as in TorchServe's own image for
KServe, its REST server asks for the inference token and the management token in one header.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import grpc

from wrapper.address import Address
from wrapper.names import Target
from wrapper.torchserve import messages
from wrapper.torchserve.management_errors import ManagementError, TokenRefused


class GrpcManagement:
    """Asks on a thread of the caller's own; belongs to the process that made it."""

    def __init__(self, address: Address, timeout: float) -> None:
        self.owner = os.getpid()
        self._timeout = timeout
        channel = grpc.insecure_channel(str(address), options=[("grpc.enable_http_proxy", 0)])
        self._describe = _call(channel, messages.DESCRIBE_MODEL, messages.DescribeModelRequest)
        self._list = _call(channel, messages.LIST_MODELS, messages.ListModelsRequest)

    def describe(self, target: Target, customized: bool, authorization: Mapping[str, str]) -> bytes:
        """Give the JSON that the REST API's ``GET /models/{model}/{version}`` gives.

        Raises:
            ManagementError: when TorchServe refuses or doesn't answer.
        """
        request = messages.DescribeModelRequest(
            model_name=target.model, model_version=target.version, customized=customized
        )
        return self._ask(self._describe, request, authorization)

    def models(self, page: str, authorization: Mapping[str, str]) -> bytes:
        """Give the JSON that the REST API's ``GET /models`` gives, one page of it.

        Raises:
            ManagementError: when TorchServe refuses or doesn't answer.
        """
        request = messages.ListModelsRequest(limit=1000, next_page_token=int(page or 0))
        return self._ask(self._list, request, authorization)

    def _ask(self, call: Any, request: Any, authorization: Mapping[str, str]) -> bytes:
        try:
            answer = call(request, timeout=self._timeout, metadata=tuple(authorization.items()))
        except grpc.RpcError as error:
            code = error.code()
            if code is grpc.StatusCode.PERMISSION_DENIED:
                raise TokenRefused from None
            status = 404 if code is grpc.StatusCode.NOT_FOUND else None
            raise ManagementError(f"TorchServe answers {code.name} when asked", status) from None
        return str(answer.msg).encode("utf-8")


def _call(channel: Any, method: str, request: Any) -> Any:
    return channel.unary_unary(
        method,
        request_serializer=request.SerializeToString,
        response_deserializer=messages.ManagementResponse.FromString,
    )
