"""What servers are made of that are wrong over gRPC; more than `faults` has for any call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import grpc

from tests.servers.grpc_service import Ended
from tests.servers.running import RightServer
from tests.servers.wrong.faults import change_call_requests


def fail_calls(server: RightServer, code: grpc.StatusCode, details: str, *calls: str) -> None:
    """Make calls end with a status; all of them where none is named."""

    def fault(name: str, request: Any, proceed: Callable[[Any], Any]) -> Any:
        if not calls or name in calls:
            raise Ended(code, details)
        return proceed(request)

    server.grpc_fault = fault


def change_failures(server: RightServer, code: grpc.StatusCode, end: Callable[[Any], Any]) -> None:
    """Give ModelInfer another end where it ended with a status; ``end`` may raise `Ended`."""

    def fault(name: str, request: Any, proceed: Callable[[Any], Any]) -> Any:
        try:
            return proceed(request)
        except Ended as ended:
            if name == "ModelInfer" and ended.code is code:
                return end(request)
            raise

    server.grpc_fault = fault


def refuse(server: RightServer, refused: Callable[[Any], Any], code: grpc.StatusCode) -> None:
    """Refuse ModelInfer requests that ``refused`` holds for."""

    def check(request: Any) -> None:
        if refused(request):
            raise Ended(code, "can't be answered")

    change_call_requests(server, "ModelInfer", check)


def change_inputs(server: RightServer, change: Callable[[Any], Any]) -> None:
    """Change each input of ModelInfer before it is read, in place."""

    def each(request: Any) -> None:
        for tensor in request.inputs:
            change(tensor)

    change_call_requests(server, "ModelInfer", each)


def change_values(server: RightServer, member: str, change: Callable[[Any], Any]) -> None:
    """Change each element of a member of typed inputs."""

    def in_place(tensor: Any) -> None:
        values = getattr(tensor.contents, member)
        values[:] = [change(value) for value in values]

    change_inputs(server, in_place)


def change_raw(server: RightServer, change: Callable[[Any, bytes], bytes]) -> None:
    """Change the raw contents of each input before they are read."""

    def each(request: Any) -> None:
        raw = list(request.raw_input_contents)
        for index, (tensor, part) in enumerate(zip(request.inputs, raw, strict=False)):
            request.raw_input_contents[index] = change(tensor, part)

    change_call_requests(server, "ModelInfer", each)
