"""CloudEvents around requests, as Knative's brokers and channels send them.

An event in is an event out, in the mode in which it came: a broker drops an answer that is none.
Sources: CloudEvents 1.0 with its HTTP binding; what KServe's SDK makes of them (dataplane.py,
``create_response_cloudevent``), which reads CE_SOURCE, CE_TYPE and CE_MERGE, too.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import dataclasses
import datetime
import functools
import urllib.parse
import uuid
from collections.abc import Mapping
from typing import Any

from wrapper import json_body
from wrapper.errors import ServingError
from wrapper.front.answer import JSON, Answer
from wrapper.front.routing import Counting, Handler
from wrapper.names import Target
from wrapper.settings import EventSettings

STRUCTURED = "application/cloudevents+json"

_PREFIX = "ce-"
_REQUIRED = ("id", "source", "specversion", "type")
# The headers by which a request is an event.
_MARKS = frozenset(_PREFIX + name for name in _REQUIRED)
_VERSIONS = ("0.3", "1.0")
# What a body has that the SDK takes for an event, whatever its Content-Type says.
_RESEMBLING = (*_REQUIRED, "time", "data")
_DATA = ("data", "data_base64")
# Printable ASCII but for what the HTTP binding (3.1.3.2) has encoded in a header.
_PLAIN = "".join(map(chr, range(0x21, 0x7F))).replace('"', "").replace("%", "")


@dataclasses.dataclass(frozen=True)
class _Event:
    """A request that came as an event.

    Attributes:
        mode: "binary" or "structured", None where the answer is to be no event.
        attributes: all that it says of itself.
        body: its data, as a request has it that is no event.
        headers: the request's, as for such a request.
    """

    mode: str | None
    attributes: Mapping[str, Any]
    body: bytes
    headers: Mapping[str, str]


class Events:
    """Opens the events that requests come in, and answers with events."""

    def __init__(self, settings: EventSettings) -> None:
        self._settings = settings

    def around(self, handler: Handler, counting: Counting) -> Handler:
        """Give a handler that takes events, too.

        Args:
            counting: as the handler itself counts, for events that can't be opened.
        """
        # No function of its own: the front is pickled for worker processes that are spawned.
        return functools.partial(self._answer, handler, counting)

    async def _answer(
        self,
        handler: Handler,
        counting: Counting,
        target: Target,
        body: bytes,
        headers: Mapping[str, str],
    ) -> Answer:
        try:
            event = _opened(body, headers)
        except ServingError as error:
            with contextlib.suppress(ServingError), counting(target.model):
                raise error
            raise
        if event is None:
            return await handler(target, body, headers)
        answer = await handler(target, event.body, event.headers)
        return self._closed(event, target.model, answer) if event.mode else answer

    def _closed(self, event: _Event, model: str, answer: Answer) -> Answer:
        """Give the event that answers one, a refusal as it is."""
        if answer.status != 200:
            return answer
        own = {
            "type": self._settings.type,
            "source": self._settings.source or f"io.kserve.inference.{model}",
            "id": str(uuid.uuid4()),
            "time": datetime.datetime.now(datetime.timezone.utc).isoformat(),
        }
        if event.mode == "binary":
            told = {name: urllib.parse.quote(value, safe=_PLAIN) for name, value in own.items()}
            headers = {_PREFIX + name: str(value) for name, value in self._all(event, told).items()}
            return answer._replace(headers={**headers, **answer.headers})
        attributes = self._all(event, own)
        if json_body.is_json(answer.content_type):
            # As it came, which is all that a number beyond a double has.
            data = b',"data":' + answer.body + b"}"
            return Answer(200, json_body.write(attributes)[:-1] + data, STRUCTURED)
        attributes["datacontenttype"] = answer.content_type
        attributes["data_base64"] = base64.b64encode(answer.body).decode("ascii")
        return Answer(200, json_body.write(attributes), STRUCTURED)

    def _all(self, event: _Event, own: Mapping[str, Any]) -> dict[str, Any]:
        kept = event.attributes if self._settings.merges else {}
        return {
            "specversion": "1.0",
            **{name: value for name, value in kept.items() if name != "datacontenttype"},
            **own,
        }


def _opened(body: bytes, headers: Mapping[str, str]) -> _Event | None:
    """Give the event that a request is, None where it is none.

    Raises:
        ServingError: 400 where it is one that can't be read.
    """
    if headers.keys() >= _MARKS:
        attributes = {
            name[len(_PREFIX) :]: value
            for name, value in headers.items()
            if name.startswith(_PREFIX)
        }
        _check_version(attributes)
        return _Event("binary", attributes, body, headers)
    media_type = json_body.media_type(headers.get("content-type", ""))
    if media_type == STRUCTURED:
        document = _document(body)
        missing = [name for name in _REQUIRED if name not in document]
        if missing:
            raise ServingError(400, f'The CloudEvent has no "{missing[0]}"')
        return _structured("structured", document, headers)
    # Looked for first, since most requests are no events, and to parse them twice costs.
    if media_type == JSON and b'"specversion"' in body:
        document = _document(body)
        if all(name in document for name in _RESEMBLING):
            return _structured(None, document, headers)
    return None


def _document(body: bytes) -> dict[str, Any]:
    json_body.read(body)
    document: dict[str, Any] = json_body.read_exactly(body)
    return document


def _structured(mode: str | None, document: dict[str, Any], headers: Mapping[str, str]) -> _Event:
    attributes = {name: value for name, value in document.items() if name not in _DATA}
    _check_version(attributes)
    content_type = attributes.get("datacontenttype") or JSON
    if not isinstance(content_type, str):
        raise ServingError(400, 'The CloudEvent\'s "datacontenttype" is no text')
    inner = {**headers, "content-type": content_type}
    if "data" in document:
        return _Event(mode, attributes, json_body.write(document["data"]), inner)
    try:
        data = base64.b64decode(document.get("data_base64", ""), validate=True)
    except (binascii.Error, TypeError, ValueError):
        raise ServingError(400, 'The CloudEvent\'s "data_base64" is no base64') from None
    return _Event(mode, attributes, data, inner)


def _check_version(attributes: Mapping[str, Any]) -> None:
    if attributes["specversion"] not in _VERSIONS:
        raise ServingError(
            400, f"The CloudEvent's specversion is none that is read: {' or '.join(_VERSIONS)}"
        )
