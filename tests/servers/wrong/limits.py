"""Servers that count elements in 64 bits, or call themselves for each list within a list."""

from __future__ import annotations

import math
from typing import Any

import grpc
from tritonclient.grpc import service_pb2 as messages

from tests.servers.http import Answer, Request
from tests.servers.running import RightServer
from tests.servers.wrong.binary_faults import LENGTH
from tests.servers.wrong.faults import breaks, change_answers
from tests.servers.wrong.grpc_faults import change_failures
from tests.servers.wrong.v2_faults import (
    FAILED,
    INFER,
    Document,
    answer_with,
    document_of,
    echo_where,
    fail_where,
    inputs_of,
)

_WIDTH = 2**64
_DEEP = b"[" * 10_000


def _is_wrapped(shape: list[int]) -> bool:
    return all(type(size) is int for size in shape) and math.prod(shape) >= _WIDTH


@breaks("V2-TENSOR-025")
def counts_in_64_bits(server: RightServer) -> None:
    """Multiplies the dimensions as its language does."""

    def fits(tensor: Document) -> bool:
        shape = tensor["shape"]
        return _is_wrapped(shape) and math.prod(shape) % _WIDTH == len(tensor.get("data", ()))

    echo_where(server, fits)


@breaks("V2-BINARY-027")
def counts_bytes_in_64_bits(server: RightServer) -> None:
    """Does so with the sizes of binary data."""

    def fault(request: Request, answer: Answer) -> Answer | None:
        inputs = inputs_of(document_of(request))
        is_met = LENGTH in request.headers and any(_is_wrapped(each["shape"]) for each in inputs)
        return answer_with(()) if is_met else None

    change_answers(server, INFER, fault)


@breaks("GRPC-DATA-027")
def counts_in_64_bits_over_grpc(server: RightServer) -> None:
    """Does so with typed and with raw contents."""
    _answer_wrapped(server, is_raw=None)


@breaks("GRPC-DATA-027")
def counts_raw_contents_in_64_bits(server: RightServer) -> None:
    """Does so where the contents are raw, which it measures by itself."""
    _answer_wrapped(server, is_raw=True)


def _answer_wrapped(server: RightServer, is_raw: bool | None) -> None:
    def end(request: Any) -> Any:
        met = is_raw is None or is_raw == bool(request.raw_input_contents)
        if met and any(_is_wrapped(list(each.shape)) for each in request.inputs):
            return messages.ModelInferResponse(model_name=request.model_name)
        return server.service.ModelInfer(request)

    change_failures(server, grpc.StatusCode.INVALID_ARGUMENT, end)


@breaks("V2-TENSOR-026", "V2-BINARY-030")
def overflows_its_stack(server: RightServer) -> None:
    """Calls itself for each list, and raises what isn't caught."""
    fail_where(server, lambda request: _DEEP in request.body)


@breaks("V2-TENSOR-026")
def flattens_whatever_is_nested(server: RightServer) -> None:
    """Reads on until there is an element."""

    def fault(request: Request, _: Answer) -> Answer | None:
        return answer_with(()) if _DEEP in request.body else None

    change_answers(server, INFER, fault)


@breaks("V2-TENSOR-026", "V2-BINARY-030")
def is_gone_after_deep_nesting(server: RightServer) -> None:
    """Ends with its stack, and answers no more."""
    seen = []

    def fault(request: Request, _: Answer) -> Answer | None:
        if _DEEP in request.body:
            seen.append(request)
            return Answer.error(400, "nested too deep")
        return FAILED if seen else None

    change_answers(server, INFER, fault)
