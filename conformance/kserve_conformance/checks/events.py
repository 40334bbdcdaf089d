"""What V1 answers to CloudEvents, where a server takes them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from kserve_conformance import expect
from kserve_conformance.asking import events
from kserve_conformance.asking.events import ATTRIBUTES, REQUIRED, STRUCTURED, Event
from kserve_conformance.asking.http_client import Answer
from kserve_conformance.asking.server import Server, encode
from kserve_conformance.checks import v1_bodies
from kserve_conformance.checks.refusals import answered_or_refused
from kserve_conformance.checks.registry import check, check_each

_OPTIONAL = ("time", "datacontenttype")
_OTHERS = {"id": "conformance-2"}
# What is no UTF-8 and begins as Avro's own files do.
_OTHER_TYPE, _OTHER_DATA = "avro/binary", b"Obj\x01\xff\xfe\x00"


def _in_structured_mode(server: Server, **attributes: str) -> Event:
    return _event(_ask(server, {**ATTRIBUTES, **attributes, "data": server.v1_sample()}))


def _in_binary_mode(server: Server, **attributes: str) -> Event:
    sent = events.headers({**ATTRIBUTES, **attributes})
    return _event(server.predict(server.v1_sample(), headers=sent))


_MODES: tuple[Callable[..., Event], ...] = (_in_structured_mode, _in_binary_mode)


@check_each({"V1-EVENT-001": _in_structured_mode, "V1-EVENT-002": _in_binary_mode})
def an_event_is_answered_by_one_of_its_mode(
    server: Server, asking: Callable[[Server], Event]
) -> None:
    event = asking(server)
    wanted = asking is _in_structured_mode
    expect.equal(event.is_structured, wanted, "whether the answer is in the structured mode")
    v1_bodies.member(event.data, "predictions")


@check("V1-EVENT-003")
def answers_have_the_required_attributes(server: Server) -> None:
    for asking in _MODES:
        told = asking(server).attributes
        for name in REQUIRED:
            value = told.get(name)
            expect.that(isinstance(value, str) and value != "", f"{name} of an event is {value!r}")
        expect.equal(told["specversion"], "1.0", "specversion of an event")


@check("V1-EVENT-004")
def the_media_type_is_that_of_the_data(server: Server) -> None:
    answer = server.predict(server.v1_sample(), headers=events.headers())
    _event(answer)
    expect.that(
        "ce-datacontenttype" not in answer.headers,
        "an answer in the binary mode has ce-datacontenttype beside its Content-Type",
    )
    kind = answer.headers.get("content-type", "")
    expect.that(kind.lower().startswith("application/json"), f"the Content-Type is {kind!r}")


@check("V1-EVENT-005")
def each_event_is_another(server: Server) -> None:
    for asking in _MODES:
        seen: list[tuple[Any, Any]] = [
            (ATTRIBUTES["source"], sent["id"]) for sent in (ATTRIBUTES, _OTHERS)
        ]
        for more in ({}, _OTHERS):
            told = asking(server, **more).attributes
            event = told.get("source"), told.get("id")
            expect.that(
                event not in seen, f"source and id of an answer are those of another event: {event}"
            )
            seen.append(event)


@check("V1-EVENT-006")
def the_media_type_of_events_is_one(server: Server) -> None:
    body = {**ATTRIBUTES, "data": server.v1_sample()}
    for kind in (f"{STRUCTURED}; charset=UTF-8", "Application/CloudEvents+JSON"):
        v1_bodies.member(_event(_ask(server, body, kind)).data, "predictions")


@check("V1-EVENT-007")
def what_is_optional_may_be_left_out(server: Server) -> None:
    least = {name: ATTRIBUTES[name] for name in REQUIRED}
    v1_bodies.member(
        _event(_ask(server, {**least, "data": server.v1_sample()})).data, "predictions"
    )
    answer = server.predict(server.v1_sample(), headers=events.headers(least))
    v1_bodies.member(_event(answer).data, "predictions")


@check("V1-EVENT-008")
def data_may_be_in_base64(server: Server) -> None:
    data = events.in_base64(encode(server.v1_sample()))
    sent = {**ATTRIBUTES, "datacontenttype": "application/json", "data_base64": data}
    v1_bodies.member(_event(_ask(server, sent)).data, "predictions")


@check("V1-EVENT-009")
def what_is_no_event_is_refused(server: Server) -> None:
    for name in REQUIRED:
        body = {**ATTRIBUTES, "data": server.v1_sample()}
        del body[name]
        _ask(server, body).error()


@check("V1-EVENT-010")
def data_that_are_no_json_are_refused(server: Server) -> None:
    cut = encode(server.v1_sample())[:-1]
    attributes = {**ATTRIBUTES, "datacontenttype": "application/json"}
    _ask(server, {**attributes, "data_base64": events.in_base64(cut)}).error()
    server.predict(cut, headers=events.headers()).error()


@check("V1-EVENT-011")
def data_of_other_media_types_are_no_failure(server: Server) -> None:
    headers = {**events.headers(), "content-type": _OTHER_TYPE}
    structured = {**ATTRIBUTES, "datacontenttype": _OTHER_TYPE}
    for answer in (
        server.predict(_OTHER_DATA, headers=headers),
        _ask(server, {**structured, "data_base64": events.in_base64(_OTHER_DATA)}),
    ):
        answered_or_refused(answer)


def _ask(server: Server, body: Mapping[str, Any], kind: str = STRUCTURED) -> Answer:
    return server.predict(body, headers={"content-type": kind})


def _event(answer: Answer) -> Event:
    """Give the event that an answer is; raise `Departure` where it is none."""
    answer.success()
    event = events.read(answer)
    expect.that(event is not None, f"{answer.asked}: the answer to an event is no event")
    assert event is not None
    return event
