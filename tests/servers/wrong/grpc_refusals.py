"""Servers that take tensors over gRPC that they should refuse."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from typing import Any

import grpc

from tests.servers import tensors
from tests.servers.grpc_service import Ended
from tests.servers.running import RightServer
from tests.servers.wrong.faults import breaks, change_call_requests
from tests.servers.wrong.grpc_faults import change_inputs, change_raw, change_values, refuse

_MEMBERS = {
    "BOOL": "bool_contents",
    "INT32": "int_contents",
    "UINT8": "uint_contents",
    "INT64": "int64_contents",
    "FP32": "fp32_contents",
    "FP64": "fp64_contents",
    "BYTES": "bytes_contents",
}


@breaks("GRPC-DATA-014", "GRPC-DATA-017")
def takes_whichever_member_is_filled(server: RightServer) -> None:
    """Finds the datatype by where the data are."""

    def retype(tensor: Any) -> None:
        for datatype, member in _MEMBERS.items():
            if getattr(tensor.contents, member):
                tensor.datatype = datatype

    change_inputs(server, retype)


@breaks("GRPC-DATA-014", "GRPC-DATA-015", "GRPC-DATA-022")
def fills_up_with_zeros(server: RightServer) -> None:
    """Makes the data fit the shape, whatever they are."""

    def fill(tensor: Any) -> None:
        shape = [abs(size) for size in tensor.shape]
        del tensor.shape[:]
        tensor.shape.extend(shape)
        values = list(tensor.contents.int_contents)
        count = math.prod(shape)
        tensor.contents.Clear()
        tensor.contents.int_contents.extend([*values[:count], *[0] * (count - len(values))])

    change_inputs(server, fill)


@breaks("GRPC-DATA-015")
def cuts_what_is_too_many(server: RightServer) -> None:
    """Takes as many elements as the shape says and drops the rest."""

    def cut(tensor: Any) -> None:
        del tensor.contents.int_contents[math.prod(tensor.shape) :]

    change_inputs(server, cut)


@breaks("GRPC-DATA-016")
def folds_values_into_the_range(server: RightServer) -> None:
    """Cuts integers to the bits of their datatype, as numpy 1."""

    def fold(tensor: Any) -> None:
        if tensor.datatype == "INT8":
            values = tensor.contents.int_contents
            values[:] = [(value + 128) % 256 - 128 for value in values]

    change_inputs(server, fold)


@breaks("GRPC-DATA-016")
def caps_values_at_the_range(server: RightServer) -> None:
    """Takes the highest value in place of one beyond it."""
    change_values(server, "uint_contents", lambda value: min(value, 65535))


@breaks("GRPC-DATA-018")
def prefers_raw_contents(server: RightServer) -> None:
    """Drops typed contents where there are raw ones, as KServe's SDK before 0.13."""

    def drop(request: Any) -> None:
        if request.raw_input_contents:
            for tensor in request.inputs:
                tensor.ClearField("contents")

    change_call_requests(server, "ModelInfer", drop)


@breaks("GRPC-DATA-018")
def prefers_typed_contents(server: RightServer) -> None:
    """Drops raw contents where there are typed ones."""

    def drop(request: Any) -> None:
        if any(tensor.HasField("contents") for tensor in request.inputs):
            request.ClearField("raw_input_contents")

    change_call_requests(server, "ModelInfer", drop)


@breaks("GRPC-DATA-019")
def ignores_raw_contents_beyond_the_inputs(server: RightServer) -> None:
    """Drops raw contents that no input is left for."""

    def drop(request: Any) -> None:
        del request.raw_input_contents[len(request.inputs) :]

    change_call_requests(server, "ModelInfer", drop)


@breaks("GRPC-DATA-019")
def ignores_inputs_beyond_the_raw_contents(server: RightServer) -> None:
    """Drops inputs that no raw contents are left for."""

    def drop(request: Any) -> None:
        if request.raw_input_contents:
            del request.inputs[len(request.raw_input_contents) :]

    change_call_requests(server, "ModelInfer", drop)


@breaks("GRPC-DATA-020")
def reads_raw_contents_as_far_as_needed(server: RightServer) -> None:
    """Drops what is left over of raw contents."""
    change_raw(server, lambda tensor, raw: raw[: 4 * math.prod(tensor.shape)])


@breaks("GRPC-DATA-020")
def fills_raw_contents_up(server: RightServer) -> None:
    """Adds zeros where raw contents are too short."""
    change_raw(server, lambda tensor, raw: raw.ljust(4 * math.prod(tensor.shape), b"\0"))


@breaks("GRPC-DATA-021")
def takes_the_rest_for_the_last_element(server: RightServer) -> None:
    """Reads a BYTES element that is cut off as it is, and drops a length that is."""

    def mend(_: Any, raw: bytes) -> bytes:
        elements, at = [], 0
        while at < len(raw):
            length = int.from_bytes(raw[at : at + 4], "little")
            elements.append(raw[at + 4 : at + 4 + length])
            at += 4 + length
        return b"".join(struct.pack("<I", len(each)) + each for each in elements)

    change_raw(server, mend)


@breaks("GRPC-DATA-022")
def lets_numpy_reshape(server: RightServer) -> None:
    """Takes -1 for the dimension that is left, as numpy."""

    def fit(tensor: Any) -> None:
        if list(tensor.shape) == [-1]:
            tensor.shape[0] = len(tensor.contents.int_contents)

    change_inputs(server, fit)


@breaks("GRPC-DATA-022")
def looks_at_the_product_only(server: RightServer) -> None:
    """Takes any shape whose product is the number of elements."""

    def fit(tensor: Any) -> None:
        if math.prod(tensor.shape) >= 0:
            shape = [abs(size) for size in tensor.shape]
            del tensor.shape[:]
            tensor.shape.extend(shape)

    change_inputs(server, fit)


@breaks("GRPC-DATA-023", "GRPC-DATA-024")
def takes_unknown_datatypes_for_integers(server: RightServer) -> None:
    """Doesn't look at datatypes, as TorchServe."""

    def retype(tensor: Any) -> None:
        if tensor.datatype not in tensors.DATATYPES:
            tensor.datatype = "INT32"

    change_inputs(server, retype)


@breaks("GRPC-DATA-024")
def folds_datatypes_to_upper_case(server: RightServer) -> None:
    """Takes fp32 for FP32, as KServe's SDK from 0.12 over REST."""

    def fold(tensor: Any) -> None:
        tensor.datatype = tensor.datatype.upper()

    change_inputs(server, fold)


@breaks("GRPC-DATA-025")
def takes_bad_tensors_for_its_own_fault(server: RightServer) -> None:
    """Ends with INTERNAL where a tensor can't be read, as KServe's SDK from 0.15."""

    def fault(_: str, request: Any, proceed: Callable[[Any], Any]) -> Any:
        try:
            return proceed(request)
        except Ended as ended:
            code = ended.code
            raise Ended(
                grpc.StatusCode.INTERNAL if code is grpc.StatusCode.INVALID_ARGUMENT else code,
                ended.details,
            ) from None

    server.grpc_fault = fault


@breaks("GRPC-DATA-025")
def maps_raw_faults_to_unknown(server: RightServer) -> None:
    """Ends with UNKNOWN where raw contents don't fit."""
    refuse(
        server,
        lambda request: any(len(raw) % 4 for raw in request.raw_input_contents),
        grpc.StatusCode.UNKNOWN,
    )


@breaks("GRPC-INFER-025")
def takes_the_last_of_two_inputs(server: RightServer) -> None:
    """Reads the inputs into a mapping."""

    def read(request: Any) -> None:
        inputs = {each.name: each for each in request.inputs}
        kept = [type(each).FromString(each.SerializeToString()) for each in inputs.values()]
        del request.inputs[:]
        request.inputs.extend(kept)

    change_call_requests(server, "ModelInfer", read)


@breaks("GRPC-INFER-026")
def copies_the_metadata_of_the_call(server: RightServer) -> None:
    """Has one mapping for what comes and what goes, as MLServer."""
    names = "authorization", "x-conformance"
    server.metadata_fault = lambda told: [each for each in told if each[0] in names]


@breaks("GRPC-INFER-026")
def tells_metadata_in_its_errors(server: RightServer) -> None:
    """Writes what it was called with where it fails."""
    kept = {}

    def keep(told: Any) -> list[tuple[str, str]]:
        kept.update(told)
        return []

    server.metadata_fault = keep

    def fault(_: str, request: Any, proceed: Callable[[Any], Any]) -> Any:
        try:
            return proceed(request)
        except Ended as ended:
            raise Ended(ended.code, f"{ended.details} {kept}") from None

    server.grpc_fault = fault
