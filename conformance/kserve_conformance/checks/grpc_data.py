"""What becomes of tensors over gRPC, typed and raw, and which of them are refused."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from kserve_conformance import expect, tensors
from kserve_conformance.asking.grpc_client import CallFailed
from kserve_conformance.asking.server import Server
from kserve_conformance.checks import grpc_answers
from kserve_conformance.checks.grpc_answers import Writer, expect_back, raw_sample, typed_sample
from kserve_conformance.checks.registry import check, check_each
from kserve_conformance.checks.v2_answers import OF_ONE, extremes
from kserve_conformance.expect import Departure
from kserve_conformance.results.verdict import Unsupported
from kserve_conformance.tensors import DATATYPES, returned

_SMALL = ("BOOL", "INT8", "INT16", "INT32", "UINT8", "UINT16", "UINT32")
_FLOATS = ("FP32", "FP64")
_TEXT = ["a", "é漢", "", "[]", "b'c'"]
_NO_TEXT = [b"\xff\xfe\x00", b"", b"\x80"]
_SPECIAL = [math.nan, math.inf, -math.inf, 0.5]


# ------------------------------------------------------------ what becomes of data


@check_each(
    {
        "GRPC-DATA-001": (tensors.request, _SMALL),
        "GRPC-DATA-002": (tensors.request, ("INT64", "UINT64")),
        "GRPC-DATA-003": (tensors.request, _FLOATS),
        "GRPC-DATA-007": (tensors.raw_request, ("FP16",)),
    }
)
def elements_are_exact(server: Server, sent: tuple[Writer, tuple[str, ...]]) -> None:
    write, datatypes = sent
    expect_back(server, write, *map(extremes, datatypes))


@check_each({"GRPC-DATA-004": tensors.request, "GRPC-DATA-008": tensors.raw_request})
def text_is_kept(server: Server, write: Writer) -> None:
    expect_back(server, write, returned("BYTES", [len(_TEXT)], _TEXT))


@check_each(
    {"GRPC-DATA-005": tensors.request, "GRPC-DATA-009": tensors.raw_request},
    Server.need_contract_v2,
)
def bytes_that_are_no_text_are_kept(server: Server, write: Writer) -> None:
    body = {"inputs": [returned("BYTES", [len(_NO_TEXT)], _NO_TEXT)]}
    came = grpc_answers.byte_elements(server.infer_grpc(write(server.model, body)))
    expect.equal([each.hex() for each in came], [each.hex() for each in _NO_TEXT], "the elements")


@check("GRPC-DATA-006")
def raw_contents_are_read_in_order_and_by_datatype(server: Server) -> None:
    names = [name for name in DATATYPES if name not in ("FP16", "BYTES")]
    # Two of one datatype and size: nothing but their order tells them apart.
    twins = [returned("INT32", [1], [data], which) for data, which in ((2, "b"), (1, "a"))]
    expect_back(server, tensors.raw_request, *map(extremes, names), *twins)


@check("GRPC-DATA-010")
def shape_and_order_are_kept(server: Server) -> None:
    expect_back(
        server,
        tensors.request,
        returned("INT32", [2, 3], [1, 2, 3, 4, 5, 6]),
        returned("FP64", [1, 2, 1, 2], [0.5, 1.5, 2.5, 3.5]),
    )


@check("GRPC-DATA-011")
def outputs_have_the_data_that_their_shapes_say(server: Server) -> None:
    answer = server.infer_grpc(server.grpc_sample())
    grpc_answers.expect_outputs(answer)
    raw = list(answer.raw_output_contents)
    if raw:
        expect.equal(len(raw), len(answer.outputs), "the number of raw contents")
    for index, output in enumerate(answer.outputs):
        typed = [field.name for field, _ in output.contents.ListFields()]
        if raw:
            expect.equal(typed, [], f"typed contents of {output.name}, which has raw contents")
        if output.datatype not in DATATYPES:
            continue
        datatype = DATATYPES[output.datatype]
        if raw:
            count = _raw_count(output.name, datatype, raw[index])
        else:
            expect.that(datatype.contents != "", f"{output.name} is FP16 and not in raw contents")
            expect.that(
                typed in ([], [datatype.contents]), f"{output.name} has its data in {typed}"
            )
            count = len(getattr(output.contents, datatype.contents))
        expect.equal(count, math.prod(output.shape), f"the number of elements of {output.name}")


@check("GRPC-DATA-012")
def empty_tensors_come_back(server: Server) -> None:
    empty = returned("INT32", [0], []), returned("FP32", [2, 0], [])
    expect_back(server, tensors.request, *empty)
    expect_back(server, tensors.raw_request, *empty)


@check("GRPC-DATA-026")
def scalars_come_back(server: Server) -> None:
    sent = returned("INT32", [], [5]), returned("FP64", [], [0.5])
    expect_back(server, tensors.request, *sent)
    expect_back(server, tensors.raw_request, *sent)


@check("GRPC-DATA-013")
def infinities_are_never_other_values(server: Server) -> None:
    sent = [returned(name, [len(_SPECIAL)], _SPECIAL) for name in _FLOATS]
    try:
        expect_back(server, tensors.request, *sent)
    except CallFailed as error:
        if error.code == "UNAVAILABLE" or error.is_no_answer:
            raise


# ------------------------------------------------------------ what is refused


@check("GRPC-DATA-014")
def data_in_another_member_are_refused(server: Server) -> None:
    request = typed_sample(server)
    first = request.inputs[0]
    right = DATATYPES[first.datatype].contents
    wrong = "int_contents" if right == "fp32_contents" else "fp32_contents"
    first.contents.Clear()
    getattr(first.contents, wrong).extend([1] * math.prod(first.shape))
    server.refused("ModelInfer", request)


@check("GRPC-DATA-015")
def typed_contents_that_are_not_as_many_as_the_shape_says_are_refused(server: Server) -> None:
    for difference in (1, -1):
        server.refused("ModelInfer", _with_a_row_more(typed_sample(server), difference))


@check("GRPC-DATA-016", Server.need_contract_v2)
def typed_values_beyond_the_range_are_refused(server: Server) -> None:
    for small, large, value in (("INT8", "INT32", 300), ("UINT16", "UINT32", 65536)):
        body = {"inputs": [returned(large, [1], [value])]}
        request = tensors.request(server.model, body)
        # The contents are those of both.
        described = returned(small, [1], [])
        request.inputs[0].name, request.inputs[0].datatype = described["name"], small
        server.refused("ModelInfer", request)


@check("GRPC-DATA-017")
def typed_halves_are_refused(server: Server) -> None:
    request = typed_sample(server)
    first = request.inputs[0]
    first.datatype = "FP16"
    first.contents.Clear()
    first.contents.fp32_contents.extend([0.5] * math.prod(first.shape))
    server.refused("ModelInfer", request)


@check("GRPC-DATA-018")
def raw_and_typed_contents_together_are_refused(server: Server) -> None:
    server.refused("ModelInfer", _typed_and_raw(server))


@check("GRPC-DATA-019")
def raw_contents_that_are_not_as_many_as_inputs_are_refused(server: Server) -> None:
    more = raw_sample(server)
    more.raw_input_contents.append(more.raw_input_contents[0])
    server.refused("ModelInfer", more)
    fewer = raw_sample(server)
    fewer.inputs.append(fewer.inputs[0])
    fewer.inputs[-1].name += "_more"
    server.refused("ModelInfer", fewer)


@check("GRPC-DATA-020")
def raw_contents_of_another_length_are_refused(server: Server) -> None:
    request = raw_sample(server)
    right = request.raw_input_contents[0]
    for wrong in (right + right, right[:-1]):
        request.raw_input_contents[0] = wrong
        server.refused("ModelInfer", request)


@check("GRPC-DATA-021", Server.need_contract_v2)
def raw_text_that_is_cut_off_is_refused(server: Server) -> None:
    body = {"inputs": [returned("BYTES", [2], ["first", "second"])]}
    request = tensors.raw_request(server.model, body)
    whole = request.raw_input_contents[0]
    # Within the last element, and within its length.
    for left in (len(whole) - 2, len(whole) - len("second") - 2):
        request.raw_input_contents[0] = whole[:left]
        server.refused("ModelInfer", request)


@check("GRPC-DATA-022")
def negative_dimensions_are_refused(server: Server) -> None:
    request = typed_sample(server)
    first = request.inputs[0]
    count = math.prod(first.shape)
    for shape in ([-1], [-count, -1]):
        first.shape[:] = shape
        server.refused("ModelInfer", request)


@check("GRPC-DATA-027")
def a_number_of_elements_has_no_end(server: Server) -> None:
    body = server.v2_sample()
    first = body["inputs"][0]
    first["data"] = tensors.flat(first["data"])[:1]
    if not first["data"]:
        raise Unsupported("the sample's first tensor has no elements")
    first["shape"] = OF_ONE
    server.refused("ModelInfer", tensors.any_request(server.model, body))
    server.refused("ModelInfer", tensors.raw_request(server.model, body))


@check_each({"GRPC-DATA-023": lambda _: "CONFORMANCE8", "GRPC-DATA-024": str.lower})
def unknown_datatypes_are_refused(server: Server, other: Callable[[str], str]) -> None:
    request = typed_sample(server)
    request.inputs[0].datatype = other(request.inputs[0].datatype)
    server.refused("ModelInfer", request)


@check("GRPC-DATA-025")
def faults_of_the_data_are_invalid_arguments(server: Server) -> None:
    many = _with_a_row_more(typed_sample(server), 1)
    server.refused("ModelInfer", many, "INVALID_ARGUMENT")
    cut = raw_sample(server)
    cut.raw_input_contents[0] = cut.raw_input_contents[0][:-1]
    server.refused("ModelInfer", cut, "INVALID_ARGUMENT")
    server.refused("ModelInfer", _typed_and_raw(server), "INVALID_ARGUMENT")


def _typed_and_raw(server: Server) -> Any:
    request = typed_sample(server)
    request.raw_input_contents.extend(raw_sample(server).raw_input_contents)
    return request


def _raw_count(name: str, datatype: tensors.Datatype, raw: bytes) -> int:
    if datatype.size:
        expect.equal(len(raw) % datatype.size, 0, f"bytes of {name} after its last whole element")
        return len(raw) // datatype.size
    try:
        return len(tensors.split(raw))
    except AssertionError as error:
        raise Departure(f"{name}: {error}") from None


def _with_a_row_more(request: Any, difference: int) -> Any:
    """Make the first tensor's shape say more elements than there are, or fewer."""
    first = request.inputs[0]
    shape = list(first.shape) or [1]
    first.shape[:] = [shape[0] + difference, *shape[1:]]
    return request
