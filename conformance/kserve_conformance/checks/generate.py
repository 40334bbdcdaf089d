"""The generate extension: text for a text, at once or as a stream of events."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence
from typing import Any

from kserve_conformance import expect
from kserve_conformance.asking.http_client import Answer
from kserve_conformance.asking.server import Server, encode
from kserve_conformance.checks import wire
from kserve_conformance.checks.refusals import UNKNOWN_MODEL, refused_with_error
from kserve_conformance.checks.registry import check

_SENT = {"text_input": "conformance"}
_PARAMETERS = {"conformance_text": "é", "conformance_number": 0.5, "conformance_flag": False}
_LINE_END = re.compile(r"\r\n|\r|\n")
_EVENTS = "text/event-stream"


@check("V2-GENERATE-001")
def a_text_is_answered_with_a_text(server: Server) -> None:
    _is_text(server, server.generate(_SENT).success())


@check("V2-GENERATE-002")
def the_id_comes_back(server: Server) -> None:
    told = server.generate({**_SENT, "id": "conformance 4/7"}).success()
    with expect.reading("the answer"):
        expect.equal(told["id"], "conformance 4/7", "id")


@check("V2-GENERATE-003")
def unknown_parameters_are_accepted(server: Server) -> None:
    _is_text(server, server.generate({**_SENT, "parameters": _PARAMETERS}).success())


@check("V2-GENERATE-004")
def there_is_a_text(server: Server) -> None:
    body = {"parameters": _PARAMETERS}
    server.generate(body).error()
    answer = server.generate(body, streams=True)
    answer.failure()
    # generate_rest.yaml declares an error as an event, and Triton's text as JSON.
    for told in _events(answer) if _is_stream(answer) else [answer.json()]:
        with expect.reading("the error"):
            expect.that(isinstance(told["error"], str), f"the error is no text: {told!r}")


@check("V2-GENERATE-005")
def a_text_is_no_object(server: Server) -> None:
    server.generate({"text_input": {"conformance": 1}}).error()


@check("V2-GENERATE-006")
def the_body_is_an_object(server: Server) -> None:
    for body in (encode(_SENT)[:-1], encode([_SENT])):
        server.generate(body).error()


@check("V2-GENERATE-007")
def an_unknown_model_is_refused(server: Server) -> None:
    refused_with_error(server.generate(_SENT, UNKNOWN_MODEL))


@check("V2-GENERATE-008")
def a_stream_is_declared(server: Server) -> None:
    answer = _streamed(server)
    kind = answer.headers.get("content-type")
    expect.that(_is_stream(answer), f"the Content-Type of a stream is {kind!r}")


@check("V2-GENERATE-009")
def each_event_has_a_text(server: Server) -> None:
    found = _events(_streamed(server))
    expect.that(bool(found), "the stream has no event")
    for told in found:
        _is_text(server, told)


@check("V2-GENERATE-010")
def each_event_is_ended(server: Server) -> None:
    lines = _LINE_END.split(_streamed(server).text())
    # What follows the last line's end is the last of these.
    expect.equal(lines[-2:], ["", ""], "the last two lines of the stream")


@check("V2-GENERATE-011")
def a_listed_version_generates(server: Server) -> None:
    version = wire.quoted(server.version())
    path = f"/v2/models/{server.model}/versions/{version}/generate"
    told = server.ask("POST", path, _SENT).success()
    _is_text(server, told)
    expect.equal(told.get("model_version", server.version()), server.version(), "model_version")


def _streamed(server: Server) -> Answer:
    answer = server.generate(_SENT, streams=True)
    answer.failure(200)
    return answer


def _is_stream(answer: Answer) -> bool:
    return answer.media_type == _EVENTS


def _events(answer: Answer) -> Sequence[Any]:
    """Give the JSON of each event of a stream; raise `Departure` where one has none."""
    found, data = [], list[str]()
    # A last event that isn't ended is one all the same here: see V2-GENERATE-010.
    for line in (*_LINE_END.split(answer.text()), ""):
        name, _, value = line.partition(":")
        if name == "data":
            data.append(value.removeprefix(" "))
        elif not line and data:
            found.append(dataclasses.replace(answer, body="\n".join(data).encode()).json())
            data = []
    return found


def _is_text(server: Server, told: Any) -> None:
    with expect.reading("the answer"):
        expect.that(isinstance(told["text_output"], str), "text_output is no text")
        expect.equal(told["model_name"], server.model, "model_name")
