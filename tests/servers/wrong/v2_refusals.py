"""Servers that take wrong V2 requests, or refuse right ones, and that read HTTP in a wrong way."""

from __future__ import annotations

import json
from typing import Any

from tests.servers import state
from tests.servers.http import Answer, Handler, Request
from tests.servers.running import RightServer
from tests.servers.wrong.faults import answer_failures, breaks, change_answers, change_requests
from tests.servers.wrong.v2_faults import (
    FAILED,
    INFER,
    Document,
    answer_with,
    change_bodies,
    change_inputs,
    document_of,
    fail_where,
    inputs_of,
)

_SAMPLE = {"name": "returned", "shape": [2, 2], "datatype": "INT32", "data": [1, 2, 3, 4]}


@breaks("V2-INFER-018")
def closes_what_breaks_off(server: RightServer) -> None:
    """Repairs a document before it is read."""

    def close(request: Request) -> None:
        if document_of(request) is None:
            request.body += b"}"

    change_requests(server, INFER, close)


@breaks("V2-INFER-018")
def hands_text_to_the_model(server: RightServer) -> None:
    """Asks the model with whatever it can't read."""
    _read_as_sample(server, b"conformance")


@breaks("V2-INFER-019")
def takes_nothing_for_a_request(server: RightServer) -> None:
    """Asks the model where the body is empty."""
    _read_as_sample(server, b"")


@breaks("V2-INFER-019")
def takes_null_for_a_request(server: RightServer) -> None:
    """Asks the model where there is null."""
    _read_as_sample(server, b"null")


@breaks("V2-INFER-019")
def takes_a_list_for_the_inputs(server: RightServer) -> None:
    """Lets the object around the inputs be left out."""
    change_bodies(server, lambda body: {"inputs": body} if isinstance(body, list) else None)


@breaks("V2-INFER-020")
def stops_at_the_end_of_the_document(server: RightServer) -> None:
    """Never looks at what follows the first document."""

    def stop(request: Request) -> None:
        try:
            document, _ = json.JSONDecoder().raw_decode(request.body.decode())
        except ValueError:
            return
        request.body = json.dumps(document).encode()

    change_requests(server, INFER, stop)


@breaks("V2-INFER-021")
def replaces_bad_bytes(server: RightServer) -> None:
    """Reads what is no UTF-8 without a word."""

    def replace(request: Request) -> None:
        request.body = request.body.decode("utf-8", "replace").encode()

    change_requests(server, INFER, replace)


@breaks("V2-INFER-022")
def runs_out_of_stack(server: RightServer) -> None:
    """Fails on a deep body."""
    fail_where(server, lambda request: b"[[[[" in request.body)


@breaks("V2-INFER-022")
def is_worn_out_by_nesting(server: RightServer) -> None:
    """Refuses a deep body, and whatever comes after it."""
    worn_out = False

    def holds(request: Request) -> bool:
        nonlocal worn_out
        was, worn_out = worn_out, worn_out or b"[[[[" in request.body
        return was

    fail_where(server, holds)


@breaks("V2-INFER-023")
def takes_missing_inputs_for_none(server: RightServer) -> None:
    """Answers a request without inputs with no outputs."""
    _answer_nothing_where(server, lambda body: "inputs" not in body)


@breaks("V2-INFER-023")
def takes_null_for_no_inputs(server: RightServer) -> None:
    """Answers inputs that are null with no outputs."""
    _answer_nothing_where(server, lambda body: body.get("inputs", "") is None)


@breaks("V2-INFER-023")
def takes_an_input_for_a_list(server: RightServer) -> None:
    """Lets the list around a single input be left out."""

    def enclose(body: Any) -> None:
        if isinstance(body, dict) and isinstance(body.get("inputs"), dict):
            body["inputs"] = [body["inputs"]]

    change_bodies(server, enclose)


@breaks("V2-INFER-023")
def skips_inputs_that_are_none(server: RightServer) -> None:
    """Answers with outputs for the inputs that it can read."""
    _answer_nothing_where(server, lambda body: body.get("inputs") and not inputs_of(body))


@breaks("V2-INFER-024")
def answers_no_inputs(server: RightServer) -> None:
    """Answers no inputs with no outputs."""
    _answer_nothing_where(server, lambda body: body.get("inputs") == [])


@breaks("V2-INFER-025")
def names_inputs_itself(server: RightServer) -> None:
    """Has a name for an input without one."""
    change_inputs(server, lambda sent: sent.setdefault("name", "input-0"))


@breaks("V2-INFER-025")
def takes_the_shape_from_the_data(server: RightServer) -> None:
    """Guesses a shape that is missing."""
    change_inputs(server, lambda sent: sent.setdefault("shape", [len(sent["data"])]))


@breaks("V2-INFER-025")
def takes_the_datatype_from_the_data(server: RightServer) -> None:
    """Guesses a datatype that is missing."""
    change_inputs(server, lambda sent: sent.setdefault("datatype", "INT32"))


@breaks("V2-INFER-026")
def fills_missing_data(server: RightServer) -> None:
    """Takes zeros for data that are missing."""
    change_inputs(server, lambda sent: sent.setdefault("data", [0] * len(_SAMPLE["data"])))


@breaks("V2-INFER-027")
def has_a_shape_of_its_own(server: RightServer) -> None:
    """Takes the model's shape where there is none that it can read."""
    _replace_what_is_no(server, "shape", list)


@breaks("V2-INFER-027")
def has_a_datatype_of_its_own(server: RightServer) -> None:
    """Takes the model's datatype where there is none that it can read."""
    _replace_what_is_no(server, "datatype", str)


@breaks("V2-INFER-027")
def has_data_of_its_own(server: RightServer) -> None:
    """Takes zeros where there are no data that it can read."""
    _replace_what_is_no(server, "data", list)


@breaks("V2-INFER-028")
def writes_the_id_as_text(server: RightServer) -> None:
    """Turns an id into text, as pydantic 1 does."""

    def write(body: Any) -> None:
        if "id" in body:
            body["id"] = str(body["id"])

    change_bodies(server, write)


@breaks("V2-INFER-028")
def writes_a_name_as_text(server: RightServer) -> None:
    """Turns a name into text, as pydantic 1 does."""
    change_inputs(server, lambda sent: sent.update(name=str(sent["name"])))


@breaks("V2-INFER-028")
def takes_a_number_for_a_shape(server: RightServer) -> None:
    """Lets the list around a single dimension be left out, as numpy does."""

    def enclose(sent: Document) -> None:
        if isinstance(sent["shape"], int):
            sent["shape"] = [sent["shape"]]

    change_inputs(server, enclose)


@breaks("V2-INFER-028")
def looks_at_no_parameters_that_are_none(server: RightServer) -> None:
    """Drops parameters that it can't read."""

    def drop(body: Any) -> None:
        if not isinstance(body.get("parameters"), dict):
            body.pop("parameters", None)

    change_bodies(server, drop)


@breaks("V2-INFER-029")
def takes_a_request_apart_unchecked(server: RightServer) -> None:
    """Fails on a member that isn't there."""

    def holds(request: Request) -> bool:
        return any(each.keys() < _SAMPLE.keys() for each in inputs_of(document_of(request)))

    fail_where(server, holds)


@breaks("V2-INFER-029")
def lets_the_parser_fail(server: RightServer) -> None:
    """Doesn't catch what the parser raises."""
    fail_where(server, lambda request: document_of(request) is None)


# ---------------------------------------------------------------- HTTP, models and versions


@breaks("V2-INFER-030")
def takes_a_charset_for_another_type(server: RightServer) -> None:
    """Compares the Content-Type as a whole."""
    _fail_by_content_type(server, ";")


@breaks("V2-INFER-031")
def compares_the_media_type_by_letter(server: RightServer) -> None:
    """Doesn't know that media types have no case."""
    _fail_by_content_type(server, "A")


@breaks("V2-INFER-032")
def needs_a_content_type(server: RightServer) -> None:
    """Takes a missing Content-Type for bytes, as KServe's SDK from 0.14 with a new FastAPI."""
    told = Answer.error(400, "received byte inputs")
    fail_where(server, lambda request: "content-type" not in request.headers, told)


@breaks("V2-INFER-033")
def gives_the_model_bytes(server: RightServer) -> None:
    """Hands a form on to a model that expects tensors."""
    _fail_by_content_type(server, "form")


@breaks("V2-INFER-033")
def converts_no_other_json(server: RightServer) -> None:
    """Fails on JSON by another name, as KServe's SDK 0.10."""
    _fail_by_content_type(server, "+json")


@breaks("V2-INFER-036", "V2-INFER-037")
def serves_any_name(server: RightServer) -> None:
    """Doesn't compare the name in the path with that of its only model."""
    _rename(server, "conformance-no-such-model")


@breaks("V2-INFER-037")
def fails_on_an_unknown_model(server: RightServer) -> None:
    """Hands its backend's refusal on as 500."""
    answer_failures(server, INFER, 404, FAILED)


@breaks("V2-INFER-037")
def fails_on_the_body_first(server: RightServer) -> None:
    """Fails on a body before it knows that there is no model."""
    fail_where(server, lambda request: request.body == b"{")


@breaks("V2-INFER-038")
def loads_on_demand(server: RightServer) -> None:
    """Answers whatever came of the loading, as KServe's SDK before 0.11."""
    _rename(server, state.NOT_READY)


@breaks("V2-INFER-038")
def fails_when_it_is_not_ready(server: RightServer) -> None:
    """Looks for a model that was never loaded."""
    answer_failures(server, INFER, 503, FAILED)


@breaks("V2-INFER-039")
def has_a_small_limit(server: RightServer) -> None:
    """Takes bodies up to a megabyte, as nginx does when told nothing."""
    told = Answer.error(413, "Payload Too Large")
    fail_where(server, lambda request: len(request.body) > 2**20, told)


def _read_as_sample(server: RightServer, text: bytes) -> None:
    def read(request: Request) -> None:
        if request.body == text:
            request.body = json.dumps({"inputs": [_SAMPLE]}).encode()

    change_requests(server, INFER, read)


def _answer_nothing_where(server: RightServer, holds: Any) -> None:
    def fault(request: Request, answer: Answer) -> Answer | None:
        refused = answer.status == 400
        return answer_with([]) if refused and holds(document_of(request)) else None

    change_answers(server, INFER, fault)


def _replace_what_is_no(server: RightServer, member: str, kind: type) -> None:
    def replace(sent: Document) -> None:
        if not isinstance(sent[member], kind):
            sent[member] = _SAMPLE[member]

    change_inputs(server, replace)


def _fail_by_content_type(server: RightServer, part: str) -> None:
    fail_where(server, lambda request: part in request.headers.get("content-type", ""))


def _rename(server: RightServer, name: str) -> None:
    async def fault(request: Request, proceed: Handler) -> Answer:
        if request.path.endswith(INFER):
            request.path = request.path.replace(name, state.MODEL)
        return await proceed(request)

    server.rest_fault = fault
