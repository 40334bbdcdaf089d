"""What becomes of tensors in JSON, and which of them are refused."""

from __future__ import annotations

import math
from typing import Any

from kserve_conformance import expect, round_trip, tensors
from kserve_conformance.asking.extensions import BINARY
from kserve_conformance.asking.http_client import Answer
from kserve_conformance.asking.server import Server, encode
from kserve_conformance.checks import v2_answers
from kserve_conformance.checks.refusals import (
    DEEPEST,
    SCHEMA_FAULT,
    answered_or_refused,
    nested,
    refused,
)
from kserve_conformance.checks.registry import check, check_each
from kserve_conformance.checks.v2_answers import NAMES_OF_DATATYPES, come_back, refused_or_back
from kserve_conformance.tensors import DATATYPES, returned

_TEXT = ["a", "é漢\U0001f600", "", "[]", "b'c'", 'a\0\n\t"\\z']
_NO_DATATYPE = "CONFORMANCE"


# ------------------------------------------------------------ what becomes of data


@check_each(
    {
        "V2-TENSOR-001": ("BOOL",),
        "V2-TENSOR-002": ("INT8", "INT16", "INT32", "UINT8", "UINT16", "UINT32"),
        "V2-TENSOR-003": ("INT64", "UINT64"),
        "V2-TENSOR-004": ("FP32", "FP64"),
    }
)
def elements_are_exact(server: Server, datatypes: tuple[str, ...]) -> None:
    come_back(server, *map(v2_answers.extremes, datatypes))


@check("V2-TENSOR-005")
def text_is_kept(server: Server) -> None:
    come_back(server, returned("BYTES", [len(_TEXT)], _TEXT))


@check("V2-TENSOR-006", Server.need_contract_v2)
def halves_are_kept_or_refused(server: Server) -> None:
    sent = v2_answers.extremes("FP16")
    answer = server.infer({"inputs": [sent]})
    if answered_or_refused(answer):
        v2_answers.expect_back(answer, [sent])


@check("V2-TENSOR-007")
def nested_and_flat_data_are_the_same(server: Server) -> None:
    come_back(
        server,
        returned("INT32", [2, 1, 3], [[[1, 2, 3]], [[4, 5, 6]]], "a"),
        returned("INT32", [2, 1, 3], [1, 2, 3, 4, 5, 6], "b"),
        returned("BYTES", [2, 1], [["a"], ["b"]]),
    )


@check("V2-TENSOR-008")
def no_elements_are_a_tensor(server: Server) -> None:
    come_back(
        server,
        returned("FP32", [0, 3], []),
        returned("INT32", [2, 0], [[], []]),
        returned("BYTES", [0], []),
    )


@check("V2-TENSOR-023")
def a_scalar_is_a_tensor(server: Server) -> None:
    come_back(
        server,
        returned("INT32", [], [5]),
        returned("BYTES", [], ["é"]),
    )


@check("V2-TENSOR-028")
def whole_numbers_are_floats(server: Server) -> None:
    come_back(server, *(returned(each, [3], [1, 0, -7]) for each in ("FP32", "FP64")))


@check("V2-TENSOR-009")
def outputs_are_what_they_say(server: Server) -> None:
    for output in v2_answers.outputs(server.infer(server.v2_sample())):
        name, datatype, shape = output["name"], output["datatype"], output["shape"]
        expect.one_of(datatype, NAMES_OF_DATATYPES, f"the datatype of {name}")
        expect.that(
            all(type(size) is int and size >= 0 for size in shape),
            f"the shape of {name} is {shape}, which is none",
        )
        expect.equal(len(output["data"]), math.prod(shape), f"the number of elements of {name}")
        if datatype in DATATYPES:
            with expect.reading(f"the data of {name}"):
                round_trip.of_json([output])


@check("V2-TENSOR-010", Server.need_contract_v2)
def an_answer_has_no_token_of_its_own(server: Server) -> None:
    answers = [_ask_with(server, "FP64", token) for token in ("1e400", "NaN")]
    if BINARY in server.known.detected:
        # As binary data there is such a value; the answer is to be JSON all the same.
        body, raw = tensors.binary({"inputs": [returned("FP32", [2], [math.nan, math.inf])]})
        answers.append(server.infer_binary(body, raw))
    for answer in answers:
        if answer.status == 200:
            answer.json()


# ------------------------------------------------------------ what is refused


@check("V2-TENSOR-011")
def another_number_of_elements_is_refused(server: Server) -> None:
    data = tensors.flat(server.v2_sample()["inputs"][0]["data"])
    refused(server.infer(v2_answers.changed(server, data=[*data, *(data[:1] or [0])])))
    # One element for a shape of more is what an example of the text itself shows.
    if len(data) > 2:
        refused(server.infer(v2_answers.changed(server, data=data[:-1])))


@check("V2-TENSOR-025")
def a_number_of_elements_has_no_end(server: Server) -> None:
    data = tensors.flat(server.v2_sample()["inputs"][0]["data"])[:1] or [0]
    refused(server.infer(v2_answers.changed(server, shape=v2_answers.OF_ONE, data=data)))
    refused(server.infer(v2_answers.changed(server, shape=v2_answers.OF_NONE, data=[])))


@check("V2-TENSOR-026")
def deep_data_are_refused(server: Server) -> None:
    sample = server.v2_sample()
    document = encode(v2_answers.changed(server, shape=[1], data="$data"))
    data = nested(DEEPEST, b"1")
    server.infer(document.replace(b'"$data"', data)).failure()
    server.infer(sample).success()


@check("V2-TENSOR-012", Server.need_contract_v2)
def unequal_lists_are_refused(server: Server) -> None:
    refused(_ask(server, "INT32", [[1, 2, 3], [4]], [2, 2]))
    refused(_ask(server, "INT32", [[1, 2, 3], 4], [2, 2]))


@check("V2-TENSOR-024", Server.need_contract_v2)
def lists_of_another_shape_are_refused(server: Server) -> None:
    # Each has as many elements as its shape says, and lists of one length.
    refused(_ask(server, "INT32", [[1, 2, 3, 4], [5, 6, 7, 8]], [4, 2]))
    refused(_ask(server, "INT32", [[1, 2], [3, 4]], [2, 1, 2]))
    refused(_ask(server, "BYTES", [["a"], ["b"]], [2]))


@check("V2-TENSOR-013")
def dimensions_are_unsigned_integers(server: Server) -> None:
    shape = server.v2_sample()["inputs"][0]["shape"] or [1]
    for wrong in (-1, shape[0] + 0.5, str(shape[0])):
        refused(server.infer(v2_answers.changed(server, shape=[wrong, *shape[1:]])))


@check("V2-TENSOR-014")
def an_unknown_datatype_is_refused(server: Server) -> None:
    refused(server.infer(v2_answers.changed(server, datatype=_NO_DATATYPE)))


@check("V2-TENSOR-015")
def datatypes_are_in_capitals(server: Server) -> None:
    datatype = server.v2_sample()["inputs"][0]["datatype"]
    refused(server.infer(v2_answers.changed(server, datatype=datatype.lower())))


@check("V2-TENSOR-016", Server.need_contract_v2)
def integers_beyond_the_range_are_refused(server: Server) -> None:
    for datatype, element in (("INT8", 300), ("UINT32", -1), ("INT64", 2**63), ("UINT64", 2**64)):
        refused(_ask(server, datatype, [element]))


@check("V2-TENSOR-017", Server.need_contract_v2)
def floats_beyond_the_range_are_refused(server: Server) -> None:
    refused(_ask(server, "FP32", [1e39]))
    refused(_ask_with(server, "FP64", "1e400"))


@check("V2-TENSOR-018", Server.need_contract_v2)
def elements_without_a_value_are_refused(server: Server) -> None:
    elements: tuple[tuple[str, Any], ...] = ("FP32", "abc"), ("INT32", {"a": 1}), ("BOOL", "abc")
    for datatype, element in elements:
        refused(_ask(server, datatype, [element]))


@check("V2-TENSOR-019", Server.need_contract_v2)
def elements_of_another_kind_keep_their_value(server: Server) -> None:
    for datatype, element, meant in (
        ("BOOL", "false", False),
        ("BOOL", 1, True),
        ("INT32", "7", 7),
        ("BYTES", 7, "7"),
    ):
        answer = _ask(server, datatype, [element])
        refused_or_back(answer, returned(datatype, [1], [meant]))


@check("V2-TENSOR-027", Server.need_contract_v2)
def an_element_is_no_list(server: Server) -> None:
    elements: tuple[tuple[str, Any], ...] = ("INT32", 5), ("BYTES", "a")
    for datatype, element in elements:
        for shape in ([1], []):
            meant = returned(datatype, shape, [element])
            answer = server.infer({"inputs": [{**meant, "data": element}]})
            refused_or_back(answer, meant)


@check("V2-TENSOR-029", Server.need_contract_v2)
def a_fraction_is_no_integer(server: Server) -> None:
    for datatype in ("INT32", "UINT8"):
        refused(_ask(server, datatype, [1.5]))


@check("V2-TENSOR-020", Server.need_contract_v2)
def null_is_no_element(server: Server) -> None:
    for datatype in ("FP32", "INT32", "BOOL", "BYTES"):
        refused(_ask(server, datatype, [None]))


@check("V2-TENSOR-021", Server.need_contract_v2)
def not_a_number_is_no_json(server: Server) -> None:
    for token in ("NaN", "Infinity", "-Infinity"):
        refused(_ask_with(server, "FP32", token))


@check("V2-TENSOR-022", Server.need_contract_v2)
def wrong_tensors_are_the_requests_fault(server: Server) -> None:
    for answer in (
        _ask(server, "INT32", [1, 2, 3], [2]),
        _ask(server, "INT32", [1, 2], [-1]),
        _ask(server, _NO_DATATYPE, [1]),
        _ask(server, "FP32", ["abc"]),
    ):
        answer.error(*SCHEMA_FAULT)


def _ask(server: Server, datatype: str, data: list[Any], shape: list[int] | None = None) -> Answer:
    return server.infer({"inputs": [returned(datatype, shape or [len(data)], data)]})


def _ask_with(server: Server, datatype: str, token: str) -> Answer:
    """Ask with an element that may be no JSON."""
    document = encode({"inputs": [returned(datatype, [1], ["TOKEN"])]})
    return server.infer(document.replace(b'"TOKEN"', token.encode()))
