"""Servers that do something wrong with tensors in JSON."""

from __future__ import annotations

import json
import math
import re
import struct
from typing import Any

from tests.servers.http import Answer, Request
from tests.servers.running import RightServer
from tests.servers.wrong.faults import breaks, change_answers
from tests.servers.wrong.v2_faults import (
    INFER,
    Document,
    answer_with,
    change_elements,
    change_inputs,
    change_outputs,
    document_of,
    fail_where,
    inputs_of,
    read_elements,
)

_INTEGERS = "INT8 INT16 INT32 INT64 UINT8 UINT16 UINT32 UINT64"
_FLOATS = "FP16 FP32 FP64"
_SIZES = {"INT8": 8, "INT16": 16, "INT32": 32, "INT64": 64}


@breaks("V2-TENSOR-001")
def writes_booleans_as_numbers(server: RightServer) -> None:
    """Holds booleans as bytes."""
    change_elements(server, "BOOL", int)


@breaks("V2-TENSOR-001")
def has_one_boolean(server: RightServer) -> None:
    """Takes whatever is there for true."""
    change_elements(server, "BOOL", lambda _: True)


@breaks("V2-TENSOR-002")
def holds_all_bytes_as_signed(server: RightServer) -> None:
    """Has one type for INT8 and UINT8."""
    change_elements(server, "UINT8", lambda each: each - 256 if each > 127 else each)


@breaks("V2-TENSOR-002")
def holds_integers_in_16_bits(server: RightServer) -> None:
    """Stops at the end of INT16."""
    change_elements(server, "INT32", lambda each: max(-32768, min(each, 32767)))


@breaks("V2-TENSOR-002")
def has_one_datatype_for_integers(server: RightServer) -> None:
    """Tells the datatype by Python's, which has one for integers."""

    def tell(output: Document) -> None:
        if "INT" in output["datatype"]:
            output["datatype"] = "INT64"

    change_outputs(server, tell)


@breaks("V2-TENSOR-003")
def holds_integers_as_doubles(server: RightServer) -> None:
    """Loses what a double can't hold."""
    change_elements(server, "INT64", lambda each: int(float(each)))


@breaks("V2-TENSOR-003")
def holds_unsigned_integers_as_signed(server: RightServer) -> None:
    """Wraps the upper half of UINT64 round."""
    change_elements(server, "UINT64", lambda each: each - 2**64 if each >= 2**63 else each)


@breaks("V2-TENSOR-004")
def narrows_doubles(server: RightServer) -> None:
    """Holds FP64 in 32 bits."""
    change_elements(
        server,
        "FP64",
        lambda each: struct.unpack("<f", struct.pack("<f", max(-3e38, each)))[0],
    )


@breaks("V2-TENSOR-004")
def writes_few_digits(server: RightServer) -> None:
    """Writes six digits of a number, as C's %g does."""
    change_elements(server, "FP32", lambda each: float(f"{each:g}"))


@breaks("V2-TENSOR-005")
def reads_the_first_text(server: RightServer) -> None:
    """Hands the first element on, as TorchServe's kservev2 envelope."""

    def first(output: Document) -> None:
        if output["datatype"] == "BYTES":
            output.update(shape=[1], data=output["data"][:1])

    change_outputs(server, first)


@breaks("V2-TENSOR-005")
def writes_text_as_python_does(server: RightServer) -> None:
    """Gives the representation of bytes for their text."""
    change_elements(server, "BYTES", lambda each: str(each.encode()))


@breaks("V2-TENSOR-005")
def takes_empty_text_for_null(server: RightServer) -> None:
    """Has nothing for an empty element."""
    change_elements(server, "BYTES", lambda each: each or None)


@breaks("V2-TENSOR-006")
def holds_halves_as_bf16(server: RightServer) -> None:
    """Takes FP16 for the other type of 16 bits, which has less of them for the fraction."""
    change_elements(
        server,
        "FP16",
        lambda each: struct.unpack("<f", b"\0\0" + struct.pack("<f", each)[2:])[0],
    )


@breaks("V2-TENSOR-006")
def fails_on_halves(server: RightServer) -> None:
    """Has no code for FP16."""
    fail_where(server, lambda request: b"FP16" in request.body)


@breaks("V2-TENSOR-007")
def reads_flat_data_only(server: RightServer) -> None:
    """Refuses lists in lists."""
    told = Answer.error(400, "data are no flat list")
    fail_where(server, lambda request: b"[[" in request.body, told)


@breaks("V2-TENSOR-007")
def flattens_its_outputs(server: RightServer) -> None:
    """Gives each output one dimension, as TorchServe's kservev2 envelope."""
    change_outputs(server, lambda output: output.update(shape=[math.prod(output["shape"])]))


@breaks("V2-TENSOR-007")
def reads_columns_first(server: RightServer) -> None:
    """Takes nested data in the order of Fortran."""

    def transpose(sent: Document) -> None:
        if len(sent["shape"]) == 3 and isinstance(sent["data"][0], list):
            rows = [row for rows in sent["data"] for row in rows]
            sent["data"] = [row[column] for column in range(len(rows[0])) for row in rows]

    change_inputs(server, transpose)


@breaks("V2-TENSOR-008")
def takes_empty_data_for_missing(server: RightServer) -> None:
    """Refuses data that are empty."""
    _refuse_inputs(server, lambda sent: not sent["data"])


@breaks("V2-TENSOR-008")
def drops_a_dimension_of_nothing(server: RightServer) -> None:
    """Loses the shape of a tensor without elements."""

    def lose(output: Document) -> None:
        if 0 in output["shape"]:
            output["shape"] = [0]

    change_outputs(server, lose)


@breaks("V2-TENSOR-009")
def tells_the_shape_of_a_row(server: RightServer) -> None:
    """Leaves the batch out of the shape."""
    change_outputs(server, lambda output: output.update(shape=output["shape"][1:]))


@breaks("V2-TENSOR-009")
def tells_a_shape_of_no_size(server: RightServer) -> None:
    """Gives the shape of the model's metadata, in which -1 is any size."""
    change_outputs(server, lambda output: output.update(shape=[-1, -len(output["data"])]))


@breaks("V2-TENSOR-009")
def writes_numbers_as_text(server: RightServer) -> None:
    """Gives text for numbers."""
    change_outputs(server, lambda output: output.update(data=[str(x) for x in output["data"]]))


@breaks("V2-TENSOR-009")
def tells_numpys_datatype(server: RightServer) -> None:
    """Has names of datatypes that the protocol doesn't have."""
    change_outputs(server, lambda output: output.update(datatype=output["datatype"].lower()))


@breaks("V2-TENSOR-010", "V2-TENSOR-021")
def reads_and_writes_pythons_json(server: RightServer) -> None:
    """Takes NaN, and gives it back."""
    _echo_tokens(server, b"NaN|-?Infinity")


@breaks("V2-TENSOR-010", "V2-TENSOR-017")
def writes_infinity(server: RightServer) -> None:
    """Reads a number beyond a double as infinite, and writes that."""
    _echo_tokens(server, b"1e400")


@breaks("V2-TENSOR-010")
def writes_what_came_as_bytes(server: RightServer) -> None:
    """Writes NaN that came as binary data."""

    def fault(request: Request, answer: Answer) -> Answer | None:
        if answer.status < 400 or b"binary_data_size" not in request.body:
            return None
        tensor = {"name": "returned", "shape": [1], "datatype": "FP32", "data": [math.nan]}
        return answer_with([tensor])

    change_answers(server, INFER, fault)


def _refuse_inputs(server: RightServer, holds: Any) -> None:
    def any_of(request: Request) -> bool:
        return any(holds(each) for each in inputs_of(document_of(request)))

    fail_where(server, any_of, Answer.error(400, "no data"))


def _echo_tokens(server: RightServer, tokens: bytes) -> None:
    def fault(request: Request, answer: Answer) -> Answer | None:
        if answer.status < 400 or not re.search(rb"\[(" + tokens + rb")\]", request.body):
            return None
        return answer_with(inputs_of(json.loads(request.body)))

    change_answers(server, INFER, fault)


@breaks("V2-TENSOR-023")
def has_one_dimension_at_least(server: RightServer) -> None:
    """Makes a list of what is one element."""
    change_outputs(server, lambda output: output.update(shape=output["shape"] or [1]))


@breaks("V2-TENSOR-023")
def needs_a_shape(server: RightServer) -> None:
    """Takes an empty shape for one that is missing."""
    refused = Answer.error(400, "an input has no shape")

    def lacks_shape(request: Request) -> bool:
        return not all(each.get("shape") for each in inputs_of(document_of(request)))

    fail_where(server, lacks_shape, refused)


@breaks("V2-TENSOR-028")
def compares_the_kind_of_numbers(server: RightServer) -> None:
    """Takes what was parsed as an integer for another kind than a float."""

    def is_whole(each: Document) -> bool:
        kinds = {type(element) for element in each["data"]}
        return each["datatype"] in ("FP32", "FP64") and int in kinds

    _refuse_inputs(server, is_whole)


@breaks("V2-TENSOR-028")
def adds_a_fraction(server: RightServer) -> None:
    """Reads the bits of an integer as those of a float."""
    read_elements(server, "FP32 FP64", lambda each: each + 0.5 if type(each) is int else each)
