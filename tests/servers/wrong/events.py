"""Servers that take CloudEvents, and answer what is none or another."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from tests.servers.events import STRUCTURED
from tests.servers.http import Answer, Handler, Request
from tests.servers.running import RightServer
from tests.servers.wrong.faults import breaks, change_answers, change_requests

_PREDICT = ":predict"
_FAILED = Answer.error(500, "KeyError : 'type'")


def _is_structured(request: Request) -> bool:
    return request.headers.get("content-type", "").lower().startswith(STRUCTURED)


def _member(request: Request, name: str) -> bool:
    return f'"{name}"'.encode() in request.body


def _change_attributes(server: RightServer, change: Callable[[dict[str, Any]], None]) -> None:
    """Change the attributes of the events that are answered, in place."""

    def fault(_: Request, answer: Answer) -> None:
        if answer.headers.get("content-type") == STRUCTURED:
            event = answer.document()
            change(event)
            answer.put(event)
            return
        names = [name for name in answer.headers if name.startswith("ce-")]
        told = {name.removeprefix("ce-"): answer.headers.pop(name) for name in names}
        if told:
            change(told)
        answer.headers |= {f"ce-{name}": value for name, value in told.items()}

    change_answers(server, _PREDICT, fault)


def _refuse(
    server: RightServer, when: Callable[[Request], bool], answer: Answer | None = None
) -> None:
    """Refuse predictions before they are opened, or answer them in another way."""
    refused = answer or Answer.error(400, "the event can't be read")

    async def fault(request: Request, proceed: Handler) -> Answer:
        is_refused = request.path.endswith(_PREDICT) and when(request)
        return refused if is_refused else await proceed(request)

    server.rest_fault = fault


@breaks("V1-EVENT-001", "V1-EVENT-006", "V1-EVENT-007", "V1-EVENT-008")
def answers_in_json_all_the_same(server: RightServer) -> None:
    """Opens structured events, and closes none."""

    def fault(request: Request, answer: Answer) -> Answer | None:
        is_event = answer.headers.get("content-type") == STRUCTURED
        return Answer.of(answer.document()["data"]) if is_event else None

    change_answers(server, _PREDICT, fault)


@breaks("V1-EVENT-001")
def answers_each_event_by_header_fields(server: RightServer) -> None:
    """Answers in the binary mode whatever it was asked by."""

    def fault(_: Request, answer: Answer) -> Answer | None:
        if answer.headers.get("content-type") != STRUCTURED:
            return None
        event = answer.document()
        told = Answer.of(event.pop("data"))
        told.headers |= {f"ce-{name}": value for name, value in event.items()}
        return told

    change_answers(server, _PREDICT, fault)


@breaks("V1-EVENT-002", "V1-EVENT-003", "V1-EVENT-004", "V1-EVENT-005", "V1-EVENT-007")
def lets_header_fields_pass(server: RightServer) -> None:
    """Knows structured events only."""

    def fault(request: Request) -> None:
        for name in [each for each in request.headers if each.startswith("ce-")]:
            del request.headers[name]

    change_requests(server, _PREDICT, fault)


@breaks("V1-EVENT-003")
def has_no_source(server: RightServer) -> None:
    """Takes it from a setting that is empty."""
    _change_attributes(server, lambda told: told.update(source=""))


@breaks("V1-EVENT-003")
def leaves_the_type_out(server: RightServer) -> None:
    """Says what happened nowhere."""
    _change_attributes(server, lambda told: told.pop("type"))


@breaks("V1-EVENT-003")
def is_of_an_older_version(server: RightServer) -> None:
    """Was written for 0.3, as MLServer."""
    _change_attributes(server, lambda told: told.update(specversion="0.3"))


@breaks("V1-EVENT-004")
def makes_a_header_of_each_attribute(server: RightServer) -> None:
    """Tells the media type twice."""
    _change_attributes(server, lambda told: told.update(datacontenttype="application/json"))


@breaks("V1-EVENT-005")
def has_one_id(server: RightServer) -> None:
    """Makes an id at the start."""
    _change_attributes(server, lambda told: told.update(id="1"))


@breaks("V1-EVENT-005")
def copies_the_attributes(server: RightServer) -> None:
    """Answers with the event that it got, and other data."""
    _change_attributes(server, lambda told: told.update(source="/conformance", id="conformance-1"))


@breaks("V1-EVENT-006")
def compares_the_content_type(server: RightServer) -> None:
    """Takes a charset for another type."""
    _refuse(server, lambda request: "charset" in request.headers.get("content-type", ""))


@breaks("V1-EVENT-006")
def compares_the_media_type_by_letter(server: RightServer) -> None:
    """Doesn't know that media types have no case."""
    _refuse(server, lambda request: "CloudEvents" in request.headers.get("content-type", ""))


@breaks("V1-EVENT-007")
def needs_a_time(server: RightServer) -> None:
    """Tells an event by a list of members, time among them, as KServe's SDK."""
    _refuse(server, lambda request: _is_structured(request) and not _member(request, "time"))


@breaks("V1-EVENT-007")
def needs_a_time_in_a_header(server: RightServer) -> None:
    """Does so of events in the binary mode."""
    _refuse(
        server,
        lambda request: "ce-id" in request.headers and "ce-time" not in request.headers,
    )


@breaks("V1-EVENT-008")
def knows_no_base64(server: RightServer) -> None:
    """Looks for data only."""
    _refuse(server, lambda request: _member(request, "data_base64"))


@breaks("V1-EVENT-009")
def hands_on_what_is_no_event(server: RightServer) -> None:
    """Takes the data of whatever has some."""

    def fault(request: Request) -> None:
        if _is_structured(request):
            event = json.loads(request.body)
            request.body = json.dumps(event.get("data")).encode()
            request.headers["content-type"] = "application/json"

    change_requests(server, _PREDICT, fault)


@breaks("V1-EVENT-009")
def fails_on_what_is_no_event(server: RightServer) -> None:
    """Doesn't catch that an attribute isn't there."""
    _refuse(
        server,
        lambda request: _is_structured(request) and not _member(request, "type"),
        _FAILED,
    )


@breaks("V1-EVENT-010", "V1-EVENT-011")
def fails_on_data_that_it_can_not_read(server: RightServer) -> None:
    """Reads data as text, and leaves what that raises to the framework."""
    change_answers(server, _PREDICT, lambda _, given: _FAILED if given.status == 400 else None)


@breaks("V1-EVENT-010")
def hands_on_what_it_can_not_read(server: RightServer) -> None:
    """Has a prediction for any data."""
    told = Answer.of({"predictions": ["?"]})
    change_answers(server, _PREDICT, lambda _, given: told if given.status == 400 else None)
