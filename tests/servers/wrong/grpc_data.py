"""Servers that change tensors on their way over gRPC, or can't take some."""

from __future__ import annotations

import math
import struct
from typing import Any

import grpc

from tests.servers.running import RightServer
from tests.servers.wrong.faults import breaks, change_call_requests, change_calls
from tests.servers.wrong.grpc_faults import change_inputs, change_raw, change_values, refuse


@breaks("GRPC-DATA-001")
def folds_unsigned_integers(server: RightServer) -> None:
    """Leaves less of UINT16 and UINT32 than they hold."""
    change_values(server, "uint_contents", lambda value: value % 65535)


@breaks("GRPC-DATA-001")
def answers_booleans_as_numbers(server: RightServer) -> None:
    """Gives BOOL outputs as UINT8."""

    def turn(_: Any, answer: Any) -> None:
        for output in answer.outputs:
            if output.datatype == "BOOL":
                output.datatype = "UINT8"
                output.contents.uint_contents.extend(
                    int(each) for each in output.contents.bool_contents
                )
                output.contents.ClearField("bool_contents")

    change_calls(server, "ModelInfer", turn)


@breaks("GRPC-DATA-002")
def rounds_long_integers(server: RightServer) -> None:
    """Sends INT64 through floating point."""
    change_values(
        server, "int64_contents", lambda value: int(float(value)) if abs(value) < 2**60 else value
    )


@breaks("GRPC-DATA-003")
def narrows_doubles(server: RightServer) -> None:
    """Rounds FP64 to what FP32 holds, where it can."""

    def narrow(value: float) -> float:
        return struct.unpack("<f", struct.pack("<f", value))[0] if abs(value) < 1e38 else value

    change_values(server, "fp64_contents", narrow)


@breaks("GRPC-DATA-003")
def writes_few_digits(server: RightServer) -> None:
    """Rounds FP32 to six digits."""
    change_values(server, "fp32_contents", lambda value: float(f"{value:.6g}"))


@breaks("GRPC-DATA-004")
def writes_text_as_python_does(server: RightServer) -> None:
    """Sends the representation of bytes in their place."""
    change_values(server, "bytes_contents", lambda value: repr(value).encode())


@breaks("GRPC-DATA-004")
def hands_the_first_element_on(server: RightServer) -> None:
    """Keeps the first element of BYTES only, as TorchServe's kservev2 envelope."""

    def cut(tensor: Any) -> None:
        del tensor.contents.bytes_contents[1:]
        del tensor.shape[:]
        tensor.shape.append(1)

    change_inputs(server, cut)


@breaks("GRPC-DATA-005")
def replaces_bytes_that_are_no_text(server: RightServer) -> None:
    """Decodes elements with replacements."""
    change_values(server, "bytes_contents", lambda value: value.decode("utf-8", "replace").encode())


@breaks("GRPC-DATA-005")
def fails_at_bytes_that_are_no_text(server: RightServer) -> None:
    """Decodes elements without a look at errors."""
    refuse(
        server,
        lambda request: any(
            b"\xff" in value for each in request.inputs for value in each.contents.bytes_contents
        ),
        grpc.StatusCode.INTERNAL,
    )


@breaks("GRPC-DATA-006", "GRPC-DATA-007", "GRPC-DATA-008", "GRPC-DATA-009", "GRPC-DATA-012")
def ignores_raw_contents(server: RightServer) -> None:
    """Doesn't read raw contents, as TorchServe: the model gets zeros."""

    def empty(request: Any) -> None:
        raw = list(request.raw_input_contents)
        if raw:
            request.ClearField("raw_input_contents")
            for tensor in request.inputs:
                del tensor.shape[:]
                tensor.shape.append(1)
                tensor.datatype = "INT32"
                tensor.contents.int_contents.append(0)

    change_call_requests(server, "ModelInfer", empty)


@breaks("GRPC-DATA-006")
def pairs_raw_contents_backwards(server: RightServer) -> None:
    """Gives inputs of one datatype each other's data."""

    def swap(request: Any) -> None:
        if len(request.raw_input_contents) > 1:
            last, other = request.raw_input_contents[-2:]
            request.raw_input_contents[-2:] = [other, last]

    change_call_requests(server, "ModelInfer", swap)


@breaks("GRPC-DATA-006")
def takes_raw_numbers_for_big_endian(server: RightServer) -> None:
    """Turns the bytes of each INT16 around."""

    def turn(tensor: Any, raw: bytes) -> bytes:
        if tensor.datatype != "INT16":
            return raw
        values = struct.unpack(f">{len(raw) // 2}h", raw)
        return struct.pack(f"<{len(values)}h", *values)

    change_raw(server, turn)


@breaks("GRPC-DATA-007")
def knows_no_halves(server: RightServer) -> None:
    """Refuses FP16, as KServe's SDK before 0.13."""
    refuse(
        server,
        lambda request: any(each.datatype == "FP16" for each in request.inputs),
        grpc.StatusCode.UNKNOWN,
    )


@breaks("GRPC-DATA-008", "GRPC-DATA-009")
def knows_no_raw_text(server: RightServer) -> None:
    """Refuses raw BYTES, as KServe's SDK before 0.13."""
    refuse(
        server,
        lambda request: (
            request.raw_input_contents and any(each.datatype == "BYTES" for each in request.inputs)
        ),
        grpc.StatusCode.UNKNOWN,
    )


@breaks("GRPC-DATA-009")
def replaces_raw_bytes_that_are_no_text(server: RightServer) -> None:
    """Makes a question mark of what is no ASCII."""
    change_raw(server, lambda _, raw: bytes(0x3F if byte > 0x7F else byte for byte in raw))


@breaks("GRPC-DATA-009")
def cuts_its_own_raw_contents(server: RightServer) -> None:
    """Answers with raw contents that end within an element."""

    def cut(_: Any, answer: Any) -> None:
        answer.raw_output_contents[:] = [raw[:-1] for raw in answer.raw_output_contents]

    change_calls(server, "ModelInfer", cut)


@breaks("GRPC-DATA-010", "GRPC-EQUAL-001")
def flattens_outputs(server: RightServer) -> None:
    """Gives outputs in one dimension, as TorchServe's kservev2 envelope."""

    def flatten(_: Any, answer: Any) -> None:
        for output in answer.outputs:
            count = math.prod(output.shape)
            del output.shape[:]
            output.shape.append(count)

    change_calls(server, "ModelInfer", flatten)


@breaks("GRPC-DATA-010")
def answers_in_column_order(server: RightServer) -> None:
    """Gives the elements of a matrix column by column."""

    def transpose(_: Any, answer: Any) -> None:
        for output in answer.outputs:
            if len(output.shape) == 2:
                rows, columns = output.shape
                values = output.contents.int_contents
                values[:] = [values[r * columns + c] for c in range(columns) for r in range(rows)]

    change_calls(server, "ModelInfer", transpose)


@breaks("GRPC-DATA-011")
def answers_with_the_shape_of_a_batch(server: RightServer) -> None:
    """Counts a batch of two in the shape of its outputs."""

    def multiply(_: Any, answer: Any) -> None:
        for output in answer.outputs:
            output.shape.insert(0, 2)

    change_calls(server, "ModelInfer", multiply)


@breaks("GRPC-DATA-011")
def answers_in_both_forms(server: RightServer) -> None:
    """Adds raw contents to the typed ones."""

    def add(_: Any, answer: Any) -> None:
        for output in answer.outputs:
            values = list(output.contents.int_contents)
            answer.raw_output_contents.append(struct.pack(f"<{len(values)}i", *values))

    change_calls(server, "ModelInfer", add)


@breaks("GRPC-DATA-011")
def answers_with_an_odd_byte(server: RightServer) -> None:
    """Has a byte too many in raw contents."""

    def add(_: Any, answer: Any) -> None:
        for output in answer.outputs:
            values = list(output.contents.int_contents)
            output.ClearField("contents")
            answer.raw_output_contents.append(struct.pack(f"<{len(values)}i", *values) + b"\0")

    change_calls(server, "ModelInfer", add)


@breaks("GRPC-DATA-011")
def answers_in_another_member(server: RightServer) -> None:
    """Gives INT32 as 64-bit contents."""

    def move(_: Any, answer: Any) -> None:
        for output in answer.outputs:
            output.contents.int64_contents.extend(output.contents.int_contents)
            output.contents.ClearField("int_contents")

    change_calls(server, "ModelInfer", move)


@breaks("GRPC-DATA-012")
def takes_empty_for_missing(server: RightServer) -> None:
    """Refuses typed inputs without data."""
    refuse(
        server,
        lambda request: any(0 in each.shape for each in request.inputs),
        grpc.StatusCode.INVALID_ARGUMENT,
    )


@breaks("GRPC-DATA-013")
def makes_zeros_of_infinities(server: RightServer) -> None:
    """Has a zero where JSON has no number."""
    change_values(server, "fp32_contents", lambda value: value if math.isfinite(value) else 0.0)


@breaks("GRPC-DATA-013")
def is_gone_at_infinities(server: RightServer) -> None:
    """Loses its upstream over what that can't parse."""
    refuse(
        server,
        lambda request: any(
            math.isnan(value) for each in request.inputs for value in each.contents.fp64_contents
        ),
        grpc.StatusCode.UNAVAILABLE,
    )


@breaks("GRPC-DATA-026")
def has_one_dimension_at_least(server: RightServer) -> None:
    """Makes a list of what is one element."""

    def change(_: Any, answer: Any) -> None:
        for output in answer.outputs:
            if not output.shape:
                output.shape.append(1)

    change_calls(server, "ModelInfer", change)
