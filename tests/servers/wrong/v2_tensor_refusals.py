"""Servers that take tensors in JSON that are none, or refuse them in a wrong way."""

from __future__ import annotations

import math
import re
from typing import Any

from tests.servers.http import Answer, Request
from tests.servers.running import RightServer
from tests.servers.wrong.faults import answer_failures, breaks, change_answers, change_requests
from tests.servers.wrong.v2_faults import (
    FAILED,
    INFER,
    Document,
    answer_with,
    change_inputs,
    document_of,
    echo_where,
    inputs_of,
    read_elements,
)

_INTEGERS = "INT8 INT16 INT32 INT64 UINT8 UINT16 UINT32 UINT64"
_FLOATS = "FP16 FP32 FP64"


@breaks(*(f"V2-TENSOR-{number:03}" for number in (11, 12, 13, 14, 15, 16, 18, 19, 20, 22)))
def gives_back_what_it_gets(server: RightServer) -> None:
    """Hands JSON on as it is, whatever the datatype and the shape say, as MLServer."""
    echo_where(server, lambda _: True)


@breaks("V2-TENSOR-011")
def cuts_data_to_the_shape(server: RightServer) -> None:
    """Drops elements that are too many."""

    def cut(sent: Document) -> None:
        sent["data"] = sent["data"][: math.prod(sent["shape"])]

    change_inputs(server, cut)


@breaks("V2-TENSOR-011")
def fills_data_up_to_the_shape(server: RightServer) -> None:
    """Repeats the last element, where elements are too few."""

    def fill(sent: Document) -> None:
        sent["data"] += sent["data"][-1:] * (math.prod(sent["shape"]) - len(sent["data"]))

    change_inputs(server, fill)


@breaks("V2-TENSOR-012")
def flattens_before_it_counts(server: RightServer) -> None:
    """Takes lists of any lengths."""

    def flatten(sent: Document) -> None:
        if all(isinstance(each, list) for each in sent["data"]):
            sent["data"] = [element for each in sent["data"] for element in each]

    change_inputs(server, flatten)


@breaks("V2-TENSOR-012", "V2-TENSOR-024")
def reshapes_what_it_gets(server: RightServer) -> None:
    """Flattens whatever is nested, and counts then."""

    def flatten(sent: Document) -> None:
        while any(isinstance(each, list) for each in sent["data"]):
            enclosed = [each if isinstance(each, list) else [each] for each in sent["data"]]
            sent["data"] = [element for each in enclosed for element in each]

    change_inputs(server, flatten)


@breaks("V2-TENSOR-024")
def takes_elements_that_are_lists_of_one(server: RightServer) -> None:
    """Unpacks an element that stands in a list of its own."""

    def unpack(sent: Document) -> None:
        if all(isinstance(each, list) and len(each) == 1 for each in sent["data"]):
            sent["data"] = [element for each in sent["data"] for element in each]

    change_inputs(server, unpack)


@breaks("V2-TENSOR-012")
def flattens_elements_among_lists(server: RightServer) -> None:
    """Takes elements and lists in one list."""

    def flatten(sent: Document) -> None:
        lists = [isinstance(each, list) for each in sent["data"]]
        if any(lists) and not all(lists):
            enclosed = [each if isinstance(each, list) else [each] for each in sent["data"]]
            sent["data"] = [element for each in enclosed for element in each]

    change_inputs(server, flatten)


@breaks("V2-TENSOR-013")
def finds_a_dimension_itself(server: RightServer) -> None:
    """Takes -1 for the rest of the elements, as numpy's reshape."""

    def find(sent: Document) -> None:
        known = abs(math.prod(sent["shape"])) or 1
        rest = len(sent["data"]) // known
        sent["shape"] = [rest if size == -1 else size for size in sent["shape"]]

    change_inputs(server, find)


@breaks("V2-TENSOR-013")
def cuts_dimensions(server: RightServer) -> None:
    """Cuts fractions off."""

    def cut(sent: Document) -> None:
        sent["shape"] = [int(x) if isinstance(x, float) else x for x in sent["shape"]]

    change_inputs(server, cut)


@breaks("V2-TENSOR-013")
def reads_dimensions_from_text(server: RightServer) -> None:
    """Takes text for a number, as pydantic does."""

    def read(sent: Document) -> None:
        sent["shape"] = [int(x) if isinstance(x, str) else x for x in sent["shape"]]

    change_inputs(server, read)


@breaks("V2-TENSOR-014")
def takes_an_unknown_datatype_for_a_number(server: RightServer) -> None:
    """Reads what it doesn't know as the model's datatype."""

    def guess(sent: Document) -> None:
        if sent["datatype"] == "CONFORMANCE":
            sent["datatype"] = "INT32"

    change_inputs(server, guess)


@breaks("V2-TENSOR-015")
def folds_datatypes(server: RightServer) -> None:
    """Makes capitals of a datatype, as KServe's SDK from 0.12."""
    change_inputs(server, lambda sent: sent.update(datatype=sent["datatype"].upper()))


@breaks("V2-TENSOR-016")
def wraps_signed_integers(server: RightServer) -> None:
    """Cuts the bits that don't fit, as numpy 1: 300 in INT8 is 44."""
    read_elements(server, "INT8 INT16 INT32", lambda each: (each + 128) % 256 - 128)


@breaks("V2-TENSOR-016")
def wraps_negative_integers(server: RightServer) -> None:
    """Takes the bits of a negative number for those of an unsigned one."""
    read_elements(server, "UINT8 UINT16 UINT32", lambda each: each % 2**32)


@breaks("V2-TENSOR-016")
def wraps_long_integers(server: RightServer) -> None:
    """Cuts all integers to 64 bits, unsigned, and reads them as signed."""
    read_elements(server, "INT64", lambda each: (each + 2**63) % 2**64 - 2**63)


@breaks("V2-TENSOR-016")
def stops_at_the_longest_integer(server: RightServer) -> None:
    """Makes the highest integer of what is beyond it."""
    read_elements(server, "UINT64", lambda each: min(each, 2**64 - 1))


@breaks("V2-TENSOR-017")
def has_null_for_what_is_too_large(server: RightServer) -> None:
    """Makes a number infinite in 32 bits, and writes null for that."""

    def fault(request: Request, answer: Answer) -> Answer | None:
        inputs = inputs_of(document_of(request))
        if answer.status < 400 or not inputs or inputs[0]["data"] != [1e39]:
            return None
        return answer_with([{**inputs[0], "data": [None]}])

    change_answers(server, INFER, fault)


@breaks("V2-TENSOR-018")
def reads_words_as_nought(server: RightServer) -> None:
    """Takes 0 where it finds no number."""
    read_elements(server, _FLOATS, lambda each: 0 if isinstance(each, str) else each)


@breaks("V2-TENSOR-018")
def counts_members(server: RightServer) -> None:
    """Makes a number of an object."""
    read_elements(server, _INTEGERS, lambda each: len(each) if isinstance(each, dict) else each)


@breaks("V2-TENSOR-018")
def takes_words_for_true(server: RightServer) -> None:
    """Takes any word for true but the one that it knows for false."""
    read_elements(server, "BOOL", lambda each: each not in ("false", "0", "", 0, False, None))


@breaks("V2-TENSOR-019")
def takes_text_for_true(server: RightServer) -> None:
    """Makes booleans as Python's bool does, to which only empty text is false."""
    read_elements(server, "BOOL", bool)


@breaks("V2-TENSOR-019")
def writes_numbers_for_booleans(server: RightServer) -> None:
    """Gives back 1 where true was meant."""
    echo_where(server, lambda sent: sent["data"] == [1])


@breaks("V2-TENSOR-019")
def reads_text_as_its_code(server: RightServer) -> None:
    """Takes a digit for its place in ASCII."""
    read_elements(server, _INTEGERS, lambda each: ord(each) if isinstance(each, str) else each)


@breaks("V2-TENSOR-019")
def writes_numbers_for_text(server: RightServer) -> None:
    """Gives back a number as an element of BYTES."""
    echo_where(server, lambda sent: sent["datatype"] == "BYTES")


@breaks("V2-TENSOR-020")
def takes_null_for_nought(server: RightServer) -> None:
    """Makes floats of null."""
    _replace_nulls(server, "FP32", 0.0)


@breaks("V2-TENSOR-020")
def takes_null_for_no_integer(server: RightServer) -> None:
    """Makes integers of null."""
    _replace_nulls(server, "INT32", 0)


@breaks("V2-TENSOR-020")
def takes_null_for_false(server: RightServer) -> None:
    """Makes booleans as Python's bool does."""
    _replace_nulls(server, "BOOL", False)


@breaks("V2-TENSOR-020")
def takes_null_for_none(server: RightServer) -> None:
    """Makes text as Python's str does."""
    _replace_nulls(server, "BYTES", "None")


@breaks("V2-TENSOR-021")
def has_nought_for_infinity(server: RightServer) -> None:
    """Reads a token that it doesn't know as 0."""

    def read(request: Request) -> None:
        request.body = re.sub(rb"-?\bInfinity\b", b"0", request.body)

    change_requests(server, INFER, read)


@breaks("V2-TENSOR-022")
def lets_numpy_fail(server: RightServer) -> None:
    """Doesn't catch what is raised while tensors are read, as KServe's SDK."""
    answer_failures(server, INFER, 400, FAILED)


@breaks("V2-TENSOR-022")
def says_what_is_wrong_elsewhere(server: RightServer) -> None:
    """Refuses with the framework's own answer, as FastAPI."""
    answer_failures(server, INFER, 400, Answer.of({"detail": [{"type": "int_parsing"}]}, 422))


@breaks("V2-TENSOR-027")
def makes_a_list_of_letters(server: RightServer) -> None:
    """Iterates over a text as over a list, and gives its first element."""

    def read(sent: Document) -> None:
        if isinstance(sent["data"], str):
            sent["data"] = [f"{sent['data']}\0"]

    change_inputs(server, read)


@breaks("V2-TENSOR-027")
def has_one_dimension_for_one_element(server: RightServer) -> None:
    """Takes an element for a list of one, whatever the shape says."""

    def read(sent: Document) -> None:
        if not isinstance(sent["data"], list):
            sent |= {"data": [sent["data"]], "shape": [1]}

    change_inputs(server, read)


@breaks("V2-TENSOR-029")
def cuts_fractions(server: RightServer) -> None:
    """Converts with int()."""
    read_elements(server, _INTEGERS, lambda each: int(each) if type(each) is float else each)


def _replace_nulls(server: RightServer, datatype: str, value: Any) -> None:
    read_elements(server, datatype, lambda each: value if each is None else each)
