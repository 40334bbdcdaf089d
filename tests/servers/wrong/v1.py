"""Servers whose V1 predictions are wrong."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

from tests.servers import state
from tests.servers.http import Answer, Handler, Request, serve
from tests.servers.running import RightServer
from tests.servers.wrong.faults import (
    answer_failures,
    breaks,
    change_answers,
    change_documents,
    change_requests,
)

_PREDICT = ":predict"
_FAILED = Answer.error(500, "KeyError : 'instances'")


@breaks("V1-PREDICT-001")
def lists_objects(server: RightServer) -> None:
    """Describes its models in place of naming them, as a management API does."""

    def describe(told: Any) -> None:
        told["models"] = [{"modelName": name} for name in told["models"]]

    change_documents(server, "/v1/models", describe)


@breaks("V1-PREDICT-001")
def leaves_a_model_out_of_the_list(server: RightServer) -> None:
    """Serves a model that it doesn't list."""
    change_documents(server, "/v1/models", lambda told: told["models"].remove(state.MODEL))


@breaks("V1-PREDICT-002")
def answers_with_the_bare_list(server: RightServer) -> None:
    """Gives what the model returned, without the member around it."""
    change_documents(server, _PREDICT, lambda told: told["predictions"])


@breaks("V1-PREDICT-003")
def reads_instances_only(server: RightServer) -> None:
    """Takes one of the two root keys."""
    _fail_where(server, lambda request: b'"inputs"' in request.body)


@breaks("V1-PREDICT-004")
def predicts_for_the_first_instance(server: RightServer) -> None:
    """Reads the first instance of a batch only."""
    change_documents(server, _PREDICT, lambda told: {"predictions": told["predictions"][:1]})


@breaks("V1-PREDICT-004")
def predicts_in_another_order(server: RightServer) -> None:
    """Gives the predictions in the order in which they were made."""
    change_documents(server, _PREDICT, lambda told: told["predictions"].reverse())


@breaks("V1-PREDICT-005")
def has_a_closed_schema(server: RightServer) -> None:
    """Refuses what it doesn't know."""

    def closed(request: Request, _: Answer) -> Answer | None:
        return Answer.error(422, "extra inputs are not permitted") if _more(request) else None

    change_answers(server, _PREDICT, closed)


@breaks("V1-PREDICT-006")
def stacks_no_instances(server: RightServer) -> None:
    """Fails to make an array of nothing."""
    _fail_where(server, lambda request: b'": []' in request.body)


@breaks("V1-PREDICT-006")
def predicts_for_no_instance(server: RightServer) -> None:
    """Pads a batch and gives the padding back."""
    change_documents(server, _PREDICT, lambda told: told["predictions"].append({}))


@breaks("V1-PREDICT-007")
def holds_integers_as_doubles(server: RightServer) -> None:
    """Loses what a double can't hold."""
    _change_received(server, lambda each: int(float(each)) if isinstance(each, int) else each)


@breaks("V1-PREDICT-007")
def holds_integers_as_signed(server: RightServer) -> None:
    """Wraps an unsigned integer round."""
    _change_received(server, lambda each: each - 2**64 if each in (2**64 - 1,) else each)


@breaks("V1-PREDICT-008")
def holds_text_as_ascii(server: RightServer) -> None:
    """Puts a question mark where ASCII has no letter."""
    _change_received(server, lambda each: each.encode("ascii", "replace").decode())


@breaks("V1-PREDICT-008")
def reads_the_body_as_latin_1(server: RightServer) -> None:
    """Takes each byte of UTF-8 for a letter."""

    def decode(request: Request) -> None:
        request.body = request.body.decode("latin-1").encode()

    change_requests(server, _PREDICT, decode)


@breaks("V1-PREDICT-008")
def ends_text_at_nul(server: RightServer) -> None:
    """Hands text on as C does."""
    _change_received(server, lambda each: each.partition("\0")[0])


@breaks("V1-PREDICT-009")
def looks_for_the_key_in_the_text(server: RightServer) -> None:
    """Doesn't parse before it looks for the root key."""
    _fail_where(server, lambda request: not re.search(rb'"(instances|inputs)":', request.body))


@breaks(*(f"V1-PREDICT-{number:03}" for number in (11, 12, 13, 14, 15, 16, 17, 18, 19)))
def fails_where_it_should_refuse(server: RightServer) -> None:
    """Turns each exception into 500."""
    answer_failures(server, _PREDICT, 400, _FAILED)


@breaks("V1-PREDICT-010", "V1-PREDICT-012", "V1-PREDICT-013", "V1-PREDICT-014")
def refuses_without_an_error(server: RightServer) -> None:
    """Refuses as FastAPI does by itself."""
    told = Answer.of({"detail": "There was an error parsing the body"}, 400)
    answer_failures(server, _PREDICT, 400, told)


@breaks("V1-PREDICT-011")
def reads_the_first_document(server: RightServer) -> None:
    """Stops at the end of the first document."""

    def first(request: Request) -> None:
        _, end = json.JSONDecoder().raw_decode(request.body.decode())
        request.body = request.body.decode()[:end].encode()

    change_requests(server, _PREDICT, first)


@breaks(*(f"V1-PREDICT-{number:03}" for number in (10, 13, 14, 15, 16)))
def passes_any_document_on(server: RightServer) -> None:
    """Answers whatever it is sent; KServe's SDK from 0.10 does so with what is JSON."""
    answer_failures(server, _PREDICT, 400, Answer.of({"predictions": [None]}))


@breaks("V1-PREDICT-017")
def replaces_bad_bytes(server: RightServer) -> None:
    """Reads what is no UTF-8 without a word."""

    def replace(request: Request) -> None:
        request.body = request.body.decode("utf-8", "replace").encode()

    change_requests(server, _PREDICT, replace)


@breaks("V1-PREDICT-018")
def is_worn_out_by_nesting(server: RightServer) -> None:
    """Refuses a deep body, and whatever comes after it."""
    worn_out = False

    def fault(request: Request, _: Answer) -> Answer | None:
        nonlocal worn_out
        was, worn_out = worn_out, worn_out or b"[[[[" in request.body
        return _FAILED if was else None

    change_answers(server, _PREDICT, fault)


@breaks("V1-PREDICT-019")
def takes_pythons_json(server: RightServer) -> None:
    """Reads NaN as Python's json does."""

    def read(request: Request) -> None:
        request.body = re.sub(rb"-?\b(NaN|Infinity)\b", b"0", request.body)

    change_requests(server, _PREDICT, read)


@breaks("V1-PREDICT-020")
def has_null_for_infinity(server: RightServer) -> None:
    """Puts null where a double is infinite."""

    def read(request: Request) -> None:
        request.body = request.body.replace(b"1e400", b"null")

    change_requests(server, _PREDICT, read)


@breaks("V1-PREDICT-020")
def writes_infinity(server: RightServer) -> None:
    """Reads and writes infinite numbers as Python's json does."""
    answer = Answer.of({})
    answer.put({"predictions": [{"received": float("inf")}]})
    answer_failures(server, _PREDICT, 400, answer)


@breaks("V1-PREDICT-021")
def takes_a_charset_for_another_type(server: RightServer) -> None:
    """Compares the Content-Type as a whole, as KServe's SDK from 0.11."""
    _fail_where(server, lambda request: ";" in request.headers["content-type"])


@breaks("V1-PREDICT-022")
def compares_the_media_type_by_letter(server: RightServer) -> None:
    """Doesn't know that media types have no case."""
    _fail_where(server, lambda request: request.headers["content-type"][0] == "A")


@breaks("V1-PREDICT-023")
def needs_a_content_type(server: RightServer) -> None:
    """Takes a missing Content-Type for bytes."""
    _fail_where(server, lambda request: "content-type" not in request.headers)


@breaks("V1-PREDICT-024")
def gives_the_model_bytes(server: RightServer) -> None:
    """Hands a form on to a model that expects an object, as KServe's SDK from 0.11."""
    _fail_where(server, lambda request: "form" in request.headers["content-type"])


@breaks("V1-PREDICT-025")
def fails_on_an_unknown_model(server: RightServer) -> None:
    """Hands its backend's refusal on as 500."""
    answer_failures(server, _PREDICT, 404, _FAILED)


@breaks("V1-PREDICT-025")
def has_a_page_for_what_is_not_there(server: RightServer) -> None:
    """Answers 404 as a proxy does."""
    page = Answer(404, b"<h1>Not Found</h1>", {"content-type": "text/html"})
    answer_failures(server, _PREDICT, 404, page)


@breaks("V1-PREDICT-026")
def parses_before_it_looks(server: RightServer) -> None:
    """Refuses the body before it knows that there is no model, as KServe's SDK before 0.11."""

    def fault(request: Request, _: Answer) -> Answer | None:
        return Answer.error(400, "unrecognized request format") if request.body == b"{" else None

    change_answers(server, _PREDICT, fault)


@breaks("V1-PREDICT-026")
def predicts_by_any_name(server: RightServer) -> None:
    """Has one model, and doesn't look at the name."""
    answer_failures(server, _PREDICT, 404, Answer.of({"predictions": [None]}))


@breaks("V1-PREDICT-027")
def loads_on_demand(server: RightServer) -> None:
    """Predicts whatever came of the loading, as KServe's SDK before 0.11."""

    def fault(request: Request) -> None:
        request.path = request.path.replace(state.NOT_READY, state.MODEL)

    change_requests(server, _PREDICT, fault)


@breaks("V1-PREDICT-027")
def fails_when_it_is_not_ready(server: RightServer) -> None:
    """Looks for a model that was never loaded."""
    answer_failures(server, _PREDICT, 503, _FAILED)


@breaks("V1-PREDICT-028")
def allows_what_another_route_has(server: RightServer) -> None:
    """Takes the path for that of a model, as KServe's SDK from 0.10."""
    told = Answer.of({"detail": "Method Not Allowed"}, 405, allow="GET")
    answer_failures(server, _PREDICT, 405, told)


@breaks("V1-PREDICT-028")
def does_not_tell_what_it_allows(server: RightServer) -> None:
    """Has no Allow beside 405."""
    answer_failures(server, _PREDICT, 405, Answer.error(405, "Method Not Allowed"))


@breaks("V1-PREDICT-029")
def predicts_by_any_verb(server: RightServer) -> None:
    """Cuts the verb off."""

    def fault(request: Request) -> None:
        request.path = request.path.partition(":")[0] + _PREDICT

    change_requests(server, ":", fault)


@breaks("V1-PREDICT-029")
def fails_on_an_unknown_verb(server: RightServer) -> None:
    """Looks the verb up without a default."""
    answer_failures(server, ":", 404, Answer.error(500, "KeyError : 'conformance'"))


@breaks("V1-PREDICT-030")
def matches_paths_as_they_come(server: RightServer) -> None:
    """Doesn't decode the path, as KServe's SDK before 0.10."""

    async def fault(scope: Any, receive: Any, send: Any) -> None:
        async def answer(request: Request) -> Answer:
            came = scope["raw_path"].decode()
            if came != unquote(came):
                return Answer.error(404, f"there is nothing at {came}")
            return await server.rest.handle(request)

        await serve(scope, receive, send, answer)

    server.raw_fault = fault


@breaks("V1-PREDICT-031")
def reads_by_content_length(server: RightServer) -> None:
    """Takes a body without a Content-Length for none."""

    def read(request: Request) -> None:
        request.body = request.body[: int(request.headers.get("content-length", 0))]

    change_requests(server, _PREDICT, read)


@breaks("V1-PREDICT-032")
def meets_no_expectation(server: RightServer) -> None:
    """Refuses what it doesn't know of HTTP."""

    def fault(request: Request, _: Answer) -> Answer | None:
        return Answer.error(417, "Expectation Failed") if "expect" in request.headers else None

    change_answers(server, _PREDICT, fault)


@breaks("V1-PREDICT-033")
def has_a_small_limit(server: RightServer) -> None:
    """Takes bodies up to a megabyte, as nginx does when told nothing."""

    def fault(request: Request, _: Answer) -> Answer | None:
        too_long = len(request.body) > 2**20
        return Answer.error(413, "Payload Too Large") if too_long else None

    change_answers(server, _PREDICT, fault)


@breaks("V1-PREDICT-034")
def takes_the_rest_of_a_body_for_a_request(server: RightServer) -> None:
    """Refuses before it has read the body, and reads it after that."""
    left = 0

    async def fault(request: Request, proceed: Handler) -> Answer:
        nonlocal left
        if left:
            left = 0
            return Answer.error(400, "Invalid HTTP request received.")
        answer = await proceed(request)
        left = len(request.body) if answer.status >= 400 else 0
        return answer

    server.rest_fault = fault


def _fail_where(server: RightServer, holds: Callable[[Request], bool]) -> None:
    def fault(request: Request, _: Answer) -> Answer | None:
        return _FAILED if holds(request) else None

    change_answers(server, _PREDICT, fault)


def _more(request: Request) -> bool:
    return bool(request.json().keys() - {"instances", "inputs"})


def _change_received(server: RightServer, change: Callable[[Any], Any]) -> None:
    def apply(told: Any) -> None:
        for each in told["predictions"]:
            each["received"] = change(each["received"])

    change_documents(server, _PREDICT, apply)
