"""Servers whose generate extension is another, or answers what it should refuse."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from tests.servers.http import Answer, Handler, Request
from tests.servers.running import RightServer
from tests.servers.state import MODEL
from tests.servers.wrong.faults import breaks, change_answers, change_documents
from tests.servers.wrong.v2_faults import document_of

_GENERATE = "/generate"
_AT_ONCE = f"{MODEL}/generate"
_STREAM = "/generate_stream"
_TOLD = {"model_name": MODEL, "text_output": "a text"}
_EVENT = f"data: {json.dumps(_TOLD)}\n\n".encode()


def _answer_failures(server: RightServer, path: str, answer: Answer) -> None:
    """Give another answer wherever a request isn't answered."""
    change_answers(server, path, lambda _, given: answer if given.status >= 400 else None)


def _change_stream(server: RightServer, change: Callable[[Answer], Any]) -> None:
    """Change what is streamed, in place."""

    def fault(_: Request, answer: Answer) -> None:
        if answer.status == 200:
            change(answer)

    change_answers(server, _STREAM, fault)


@breaks("V2-GENERATE-001", "V2-GENERATE-003")
def has_another_name_for_inference(server: RightServer) -> None:
    """Answers with tensors, as MLServer."""
    outputs = [{"name": "text", "shape": [1], "datatype": "BYTES", "data": ["a text"]}]
    told = Answer.of({"model_name": MODEL, "outputs": outputs})
    change_answers(server, _AT_ONCE, lambda _, given: told if given.status == 200 else None)


@breaks("V2-GENERATE-001")
def leaves_the_model_out(server: RightServer) -> None:
    """Answers with the text alone."""
    change_documents(server, _AT_ONCE, lambda told: told.pop("model_name") and None)


@breaks("V2-GENERATE-002")
def makes_an_id_of_its_own(server: RightServer) -> None:
    """Counts its requests."""
    change_documents(server, _AT_ONCE, lambda told: {**told, "id": "1"})


@breaks("V2-GENERATE-002")
def forgets_the_id(server: RightServer) -> None:
    """Makes another request of it."""
    change_documents(server, _AT_ONCE, lambda told: told.pop("id", None) and None)


@breaks("V2-GENERATE-003")
def takes_parameters_for_inputs(server: RightServer) -> None:
    """Has no input of such a name."""
    refused = Answer.error(400, "unexpected input")
    change_answers(
        server, _AT_ONCE, lambda request, _: refused if b"parameters" in request.body else None
    )


@breaks("V2-GENERATE-004", "V2-GENERATE-005", "V2-GENERATE-006", "V2-GENERATE-007")
def generates_from_nothing(server: RightServer) -> None:
    """Has a text for whatever it is sent."""
    _answer_failures(server, _GENERATE, Answer.of(_TOLD))


@breaks("V2-GENERATE-004")
def begins_the_stream_first(server: RightServer) -> None:
    """Reads the request after it has sent the status."""
    error = b'data: {"error": "there is no text"}\n\n'
    _answer_failures(server, _STREAM, Answer(200, error, {"content-type": "text/event-stream"}))


@breaks("V2-GENERATE-004")
def says_nothing_of_errors_of_a_stream(server: RightServer) -> None:
    """Ends it with the status alone."""
    _answer_failures(server, _STREAM, Answer(400, b"{}", {"content-type": "application/json"}))


@breaks("V2-GENERATE-005", "V2-GENERATE-006", "V2-GENERATE-007")
def fails_on_what_it_should_refuse(server: RightServer) -> None:
    """Leaves errors to the framework."""
    detail = Answer.of({"detail": "Internal Server Error"}, 500)

    def fault(request: Request, answer: Answer) -> Answer | None:
        is_text = isinstance(document_of(request), dict) and b'"text_input": "' in request.body
        is_met = answer.status >= 400 and (not is_text or MODEL not in request.path)
        return detail if is_met else None

    change_answers(server, _GENERATE, fault)


@breaks("V2-GENERATE-008", "V2-GENERATE-009")
def streams_json(server: RightServer) -> None:
    """Sends an object on each line."""

    def change(answer: Answer) -> None:
        answer.body = answer.body.replace(b"data: ", b"").replace(b"\n\n", b"\n")
        answer.headers["content-type"] = "application/x-ndjson"

    _change_stream(server, change)


@breaks("V2-GENERATE-008", "V2-GENERATE-009")
def answers_a_stream_at_once(server: RightServer) -> None:
    """Has one route for both."""

    async def fault(request: Request, proceed: Handler) -> Answer:
        request.path = request.path.replace("generate_stream", "generate")
        return await proceed(request)

    server.rest_fault = fault


@breaks("V2-GENERATE-009")
def ends_with_a_word(server: RightServer) -> None:
    """Says that it is done in what is no JSON, as APIs of chats do."""
    _change_stream(
        server, lambda answer: setattr(answer, "body", answer.body + b"data: [DONE]\n\n")
    )


@breaks("V2-GENERATE-009")
def streams_the_text_alone(server: RightServer) -> None:
    """Sends texts."""
    _change_stream(server, lambda answer: setattr(answer, "body", b'data: "a text"\n\n'))


@breaks("V2-GENERATE-010")
def ends_each_item_with_nul(server: RightServer) -> None:
    """Knows no empty line, as KServe's SDK 0.12."""

    def change(answer: Answer) -> None:
        answer.body = answer.body.replace(b"\n\n", b"\0")

    _change_stream(server, change)


@breaks("V2-GENERATE-010")
def leaves_the_last_event_open(server: RightServer) -> None:
    """Takes the end of the stream for the end of the event."""
    _change_stream(server, lambda answer: setattr(answer, "body", _EVENT[:-1]))


@breaks("V2-GENERATE-011")
def has_no_versions_here(server: RightServer) -> None:
    """Has routes with a version for inference only."""
    not_found = Answer.of({"detail": "Not Found"}, 404)
    change_answers(
        server, _GENERATE, lambda request, _: not_found if "/versions/" in request.path else None
    )


@breaks("V2-GENERATE-011")
def generates_by_its_newest_version(server: RightServer) -> None:
    """Matches the version and reads it nowhere."""
    change_documents(server, "/versions/", lambda told: {**told, "model_version": "9"})
