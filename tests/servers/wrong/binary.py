"""Servers that read or write binary tensor data in a wrong way."""

from __future__ import annotations

import json
import math
import struct

from tests.servers.http import Answer, Request
from tests.servers.running import RightServer
from tests.servers.state import MODEL
from tests.servers.wrong.binary_faults import (
    LENGTH,
    SIZE,
    Head,
    change_binary_answers,
    change_binary_requests,
    change_data,
    change_elements,
    change_wishes,
    parameters,
    refuse_binary_requests,
)
from tests.servers.wrong.faults import breaks, change_answers, change_requests


@breaks("V2-BINARY-001")
def refuses_binary_data(server: RightServer) -> None:
    """Declares an extension that it doesn't have."""
    refuse_binary_requests(server, 415, lambda _head, _raw: True)


@breaks("V2-BINARY-001")
def answers_in_the_encoding_of_the_request(server: RightServer) -> None:
    """Gives binary data to whoever sends them."""
    change_binary_requests(
        server, lambda head, _: head.update(parameters={"binary_data_output": True})
    )


@breaks("V2-BINARY-002")
def sorts_the_inputs(server: RightServer) -> None:
    """Reads the inputs by name."""
    change_binary_requests(
        server, lambda head, _: head["inputs"].sort(key=lambda each: each["name"])
    )


@breaks("V2-BINARY-002")
def reads_each_input_from_the_start(server: RightServer) -> None:
    """Counts no bytes."""

    def fault(head: Head, raw: bytes) -> bytes:
        sizes = [each["parameters"][SIZE] for each in head["inputs"]]
        return b"".join(raw[:size] for size in sizes)

    change_binary_requests(server, fault)


@breaks("V2-BINARY-003")
def has_one_encoding_for_all_inputs(server: RightServer) -> None:
    """Takes all inputs of a binary request for binary data."""
    refuse_binary_requests(
        server, 400, lambda head, _: not all(SIZE in parameters(each) for each in head["inputs"])
    )


@breaks("V2-BINARY-003")
def forgets_inputs_in_json(server: RightServer) -> None:
    """Reads the binary inputs of a binary request only."""

    def fault(head: Head, _: bytes) -> None:
        head["inputs"] = [each for each in head["inputs"] if "data" not in each]

    change_binary_requests(server, fault)


@breaks("V2-BINARY-004")
def reads_big_endian(server: RightServer) -> None:
    """Reads numbers of 16 bits from the wrong end."""
    change_data(
        server,
        lambda datatype, raw: (
            struct.pack(f">{len(raw) // 2}H", *struct.unpack(f"<{len(raw) // 2}H", raw))
            if datatype == "UINT16"
            else raw
        ),
    )


@breaks("V2-BINARY-004")
def holds_integers_as_doubles(server: RightServer) -> None:
    """Loses what a double can't hold."""

    def fault(datatype: str, raw: bytes) -> bytes:
        if datatype != "INT64":
            return raw
        values = [each for (each,) in struct.iter_unpack("<q", raw)]
        rounded = [int(float(each)) if abs(each) < 2**62 else each for each in values]
        return struct.pack(f"<{len(values)}q", *rounded)

    change_data(server, fault)


@breaks("V2-BINARY-004")
def knows_no_halves(server: RightServer) -> None:
    """Refuses FP16, for which its language has no type."""
    refuse_binary_requests(
        server, 400, lambda head, _: any(each["datatype"] == "FP16" for each in head["inputs"])
    )


@breaks("V2-BINARY-005")
def makes_what_is_no_number_0(server: RightServer) -> None:
    """Turns binary data into JSON, which has no NaN."""

    def fault(datatype: str, raw: bytes) -> bytes:
        if datatype != "FP64":
            return raw
        values = [each for (each,) in struct.iter_unpack("<d", raw)]
        return struct.pack(
            f"<{len(values)}d", *(0.0 if math.isnan(each) else each for each in values)
        )

    change_data(server, fault)


@breaks("V2-BINARY-005")
def passes_infinities_on_as_json(server: RightServer) -> None:
    """Fails where it writes the JSON for the server behind."""
    infinity = struct.pack("<f", math.inf)
    refuse_binary_requests(server, 500, lambda _, raw: infinity in raw)


@breaks("V2-BINARY-006")
def pads_text(server: RightServer) -> None:
    """Makes an array of fixed width of BYTES."""

    def pad(elements: list[bytes]) -> list[bytes]:
        return [each.ljust(max(map(len, elements)), b"\0") for each in elements]

    change_elements(server, pad)


@breaks("V2-BINARY-006")
def trims_text(server: RightServer) -> None:
    """Cuts white space off BYTES."""
    change_elements(server, lambda elements: [each.strip() for each in elements])


@breaks("V2-BINARY-007")
def replaces_what_is_no_text(server: RightServer) -> None:
    """Decodes BYTES as UTF-8, with a sign for what is none."""
    change_elements(
        server, lambda elements: [each.decode(errors="replace").encode() for each in elements]
    )


@breaks("V2-BINARY-007")
def fails_on_what_is_no_text(server: RightServer) -> None:
    """Decodes BYTES as UTF-8, and doesn't catch that they are none."""
    refuse_binary_requests(server, 500, lambda _, raw: b"\x89PNG" in raw)


@breaks("V2-BINARY-008")
def takes_0_for_nothing(server: RightServer) -> None:
    """Asks whether a size is true in place of whether there is one."""

    def fault(head: Head, _: bytes) -> None:
        for each in head["inputs"]:
            if not each["parameters"][SIZE]:
                del each["parameters"][SIZE]

    change_binary_requests(server, fault)


@breaks("V2-BINARY-008")
def flattens_empty_tensors(server: RightServer) -> None:
    """Makes the shape of the data, of which there are none."""

    def fault(told: Head, _: bytes) -> None:
        for each in told["outputs"]:
            each["shape"] = each["shape"] if math.prod(each["shape"]) else [0]

    change_binary_answers(server, fault)


@breaks("V2-BINARY-016")
def ignores_what_an_output_asks_for(server: RightServer) -> None:
    """Heeds the request's parameter only."""
    change_wishes(server, lambda _, output: output.pop("parameters", None))


@breaks("V2-BINARY-016")
def has_one_encoding_for_all_outputs(server: RightServer) -> None:
    """Gives all outputs as binary data where one is asked for so."""
    change_wishes(server, lambda _, output: output.update(parameters={"binary_data": True}))


@breaks("V2-BINARY-017", "V2-BINARY-019")
def ignores_what_the_request_asks_for(server: RightServer) -> None:
    """Heeds the outputs' parameters only."""

    def fault(request: Request) -> None:
        head = json.loads(request.body)
        head.pop("parameters", None)
        request.body = json.dumps(head).encode()

    change_requests(server, "/infer", fault)


@breaks("V2-BINARY-018")
def lets_no_output_override(server: RightServer) -> None:
    """Joins the two parameters by or."""

    def fault(head: Head, output: Head) -> None:
        everything = parameters(head).get("binary_data_output", False)
        single = parameters(output).get("binary_data", False)
        output["parameters"] = {"binary_data": everything or single}

    change_wishes(server, fault)


@breaks("V2-BINARY-019")
def counts_the_letters_of_the_json(server: RightServer) -> None:
    """Tells the length of the JSON in characters."""

    def fault(_: Request, answer: Answer) -> None:
        if LENGTH in answer.headers:
            head = answer.body[: int(answer.headers[LENGTH])]
            answer.headers[LENGTH] = str(len(head.decode()))

    change_answers(server, "/infer", fault)


@breaks("V2-BINARY-019")
def tells_elements_for_bytes(server: RightServer) -> None:
    """Tells sizes in elements."""

    def fault(told: Head, _: bytes) -> None:
        for each in told["outputs"]:
            each["parameters"][SIZE] = math.prod(each["shape"])

    change_binary_answers(server, fault)


@breaks("V2-BINARY-019")
def hides_the_length_of_the_json(server: RightServer) -> None:
    """Leaves the client to find where the JSON ends."""

    def fault(_: Request, answer: Answer) -> None:
        answer.headers.pop(LENGTH, None)

    change_answers(server, "/infer", fault)


@breaks("V2-BINARY-020")
def calls_binary_data_json(server: RightServer) -> None:
    """Keeps the media type of its other answers."""

    def fault(_: Request, answer: Answer) -> None:
        answer.headers["content-type"] = "application/json"

    change_answers(server, "/infer", fault)


@breaks("V2-BINARY-020")
def calls_binary_data_nothing(server: RightServer) -> None:
    """Has no media type for binary answers, as KServe's SDK."""

    def fault(_: Request, answer: Answer) -> None:
        del answer.headers["content-type"]

    change_answers(server, "/infer", fault)


@breaks("V2-BINARY-021")
def forgets_the_id(server: RightServer) -> None:
    """Writes binary answers without the id."""
    change_binary_answers(server, lambda told, _: told.pop("id", None) and None)


@breaks("V2-BINARY-021")
def forgets_the_model(server: RightServer) -> None:
    """Writes binary answers without the model's name."""
    change_binary_answers(server, lambda told, _: told.pop("model_name") and None)


@breaks("V2-BINARY-022")
def reads_binary_data_column_by_column(server: RightServer) -> None:
    """Takes a binary matrix of 2 x 2 for one in the order of Fortran."""
    change_data(
        server,
        lambda datatype, raw: (
            raw[:4] + raw[8:12] + raw[4:8] + raw[12:] if datatype == "INT32" else raw
        ),
    )


@breaks("V2-BINARY-022")
def widens_binary_answers(server: RightServer) -> None:
    """Writes integers of 32 bits as ones of 64."""

    def fault(told: Head, raw: bytes) -> bytes:
        each = told["outputs"][0]
        size = each["parameters"][SIZE]
        wide = struct.pack(f"<{size // 4}q", *struct.unpack(f"<{size // 4}i", raw[:size]))
        each |= {"datatype": "INT64", "parameters": {SIZE: len(wide)}}
        return wide + raw[size:]

    change_binary_answers(server, fault)


@breaks("V2-BINARY-028")
def has_no_bytes_for_a_scalar(server: RightServer) -> None:
    """Takes an empty shape for that of no elements."""
    refuse_binary_requests(
        server, 400, lambda head, _: not all(each["shape"] for each in head["inputs"])
    )


@breaks("V2-BINARY-028")
def has_one_dimension_at_least(server: RightServer) -> None:
    """Makes a list of what is one element."""

    def widen(told: Head, _: bytes) -> None:
        for each in told["outputs"]:
            each["shape"] = each["shape"] or [1]

    change_binary_answers(server, widen)


@breaks("V2-BINARY-029")
def gives_an_output_as_often_as_it_is_named(server: RightServer) -> None:
    """Writes it once in JSON, and once as binary data."""
    _answer_doubles(server, in_binary=True)


@breaks("V2-BINARY-029")
def gives_it_twice_in_json(server: RightServer) -> None:
    """Reads the parameters of the last one only."""
    _answer_doubles(server, in_binary=False)


def _answer_doubles(server: RightServer, in_binary: bool) -> None:
    def fault(request: Request, answer: Answer) -> Answer | None:
        wanted = json.loads(request.body).get("outputs", ())
        if answer.status != 400 or len(wanted) != 2:
            return None
        plain = {"name": wanted[0]["name"], "shape": [1], "datatype": "UINT8", "data": [7]}
        if not in_binary:
            return Answer.of({"model_name": MODEL, "outputs": [plain, plain]})
        packed = {**plain, "parameters": {SIZE: 1}}
        del packed["data"]
        written = json.dumps({"model_name": MODEL, "outputs": [packed, plain]}).encode()
        headers = {"content-type": "application/octet-stream", LENGTH: str(len(written))}
        return Answer(200, written + b"\7", headers)

    change_answers(server, "/infer", fault)
