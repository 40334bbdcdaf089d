"""Servers that take binary tensor data which are wrong, or fail on them."""

from __future__ import annotations

import contextlib
import json
import math

from tests.servers.http import Answer, Request
from tests.servers.running import RightServer
from tests.servers.wrong.binary_faults import (
    LENGTH,
    SIZE,
    Head,
    all_sizes,
    change_binary_requests,
    refuse_binary_requests,
)
from tests.servers.wrong.faults import breaks, change_answers, change_requests


@breaks("V2-BINARY-009")
def converts_the_length_unchecked(server: RightServer) -> None:
    """Fails on a length that is no number."""

    def fault(request: Request, _: Answer) -> Answer | None:
        length = request.headers.get(LENGTH, "0")
        return None if length.lstrip("-").isdigit() else Answer.error(500, "ValueError")

    change_answers(server, "/infer", fault)


@breaks("V2-BINARY-009", "V2-BINARY-010")
def looks_for_the_end_of_the_json_itself(server: RightServer) -> None:
    """Parses a document and takes what follows for the data, whatever the header says."""

    def fault(request: Request) -> None:
        text = request.body.decode("latin-1")
        _, end = json.JSONDecoder().raw_decode(text)
        request.headers[LENGTH] = str(end)

    change_requests(server, "/infer", fault)


@breaks("V2-BINARY-010")
def fails_on_json_that_is_cut_off(server: RightServer) -> None:
    """Doesn't catch its parser's exception where there are binary data."""

    def fault(request: Request, answer: Answer) -> Answer | None:
        wrong = answer.status == 400 and LENGTH in request.headers
        return Answer.error(500, "JSONDecodeError") if wrong else None

    change_answers(server, "/infer", fault)


@breaks("V2-BINARY-011")
def fits_the_data_to_the_shape(server: RightServer) -> None:
    """Cuts or pads binary data to what the shape needs."""
    width = {"INT32": 4}

    def fault(head: Head, raw: bytes) -> bytes:
        each = head["inputs"][0]
        needed = math.prod(each["shape"]) * width[each["datatype"]]
        each["parameters"][SIZE] = needed
        return raw[:needed].ljust(needed, b"\0")

    change_binary_requests(server, fault)


@breaks("V2-BINARY-011", "V2-BINARY-013")
def fails_on_buffers_of_another_size(server: RightServer) -> None:
    """Doesn't catch the exception of its array library."""

    def fault(request: Request, answer: Answer) -> Answer | None:
        wrong = answer.status == 400 and LENGTH in request.headers
        return Answer.error(500, "ValueError : cannot reshape array") if wrong else None

    change_answers(server, "/infer", fault)


@breaks("V2-BINARY-012")
def makes_a_number_of_any_size(server: RightServer) -> None:
    """Converts a size that is text or a fraction."""

    def fault(head: Head, _: bytes) -> None:
        for each in head["inputs"]:
            each["parameters"][SIZE] = int(each["parameters"][SIZE])

    change_binary_requests(server, fault)


@breaks("V2-BINARY-012")
def ignores_a_negative_size(server: RightServer) -> None:
    """Reads what is left where a size is negative."""

    def fault(head: Head, raw: bytes) -> None:
        size = head["inputs"][0]["parameters"][SIZE]
        if isinstance(size, int) and size < 0:
            head["inputs"][0]["parameters"][SIZE] = len(raw)

    change_binary_requests(server, fault)


@breaks("V2-BINARY-013")
def pads_what_is_missing(server: RightServer) -> None:
    """Reads into a buffer of zeros."""
    change_binary_requests(server, lambda head, raw: raw.ljust(all_sizes(head), b"\0"))


@breaks("V2-BINARY-014")
def leaves_bytes_unread(server: RightServer) -> None:
    """Doesn't look at what follows the last input."""
    change_binary_requests(server, lambda head, raw: raw[: all_sizes(head)])


@breaks("V2-BINARY-015")
def lets_binary_data_win(server: RightServer) -> None:
    """Leaves the data in JSON unread where there are binary ones."""

    def fault(head: Head, _: bytes) -> None:
        for each in head["inputs"]:
            each.pop("data", None)

    change_binary_requests(server, fault)


@breaks("V2-BINARY-015")
def lets_json_win(server: RightServer) -> None:
    """Leaves the binary data unread where there are ones in JSON."""

    def fault(head: Head, raw: bytes) -> bytes:
        each = head["inputs"][0]
        return raw[each["parameters"].pop(SIZE) :] if "data" in each else raw

    change_binary_requests(server, fault)


@breaks("V2-BINARY-023")
def takes_null_for_data(server: RightServer) -> None:
    """Looks whether the key is there."""
    refuse_binary_requests(server, 400, lambda head, _: "data" in head["inputs"][0])


@breaks("V2-BINARY-024")
def converts_the_length_as_python_does(server: RightServer) -> None:
    """Takes signs and underscores."""

    def fault(request: Request) -> None:
        with contextlib.suppress(KeyError, ValueError):
            request.headers[LENGTH] = str(int(request.headers[LENGTH]))

    change_requests(server, "/infer", fault)


@breaks("V2-BINARY-024")
def fails_on_a_length_of_many_digits(server: RightServer) -> None:
    """Doesn't catch that Python's int() has a limit."""

    def fault(request: Request, _: Answer) -> Answer | None:
        too_long = len(request.headers.get(LENGTH, "")) > 4300
        return Answer.error(500, "ValueError") if too_long else None

    change_answers(server, "/infer", fault)


@breaks("V2-BINARY-025")
def fails_on_a_length_of_0(server: RightServer) -> None:
    """Gives nothing to its parser."""

    def fault(request: Request, _: Answer) -> Answer | None:
        return Answer.error(500, "JSONDecodeError") if request.headers.get(LENGTH) == "0" else None

    change_answers(server, "/infer", fault)


@breaks("V2-BINARY-026")
def counts_binary_data_by_content_length(server: RightServer) -> None:
    """Takes what Content-Length says that follows the JSON."""

    def fault(request: Request) -> None:
        if LENGTH in request.headers:
            request.body = request.body[: int(request.headers.get("content-length", 0))]

    change_requests(server, "/infer", fault)
