"""CloudEvents around V1 requests, as CloudEvents 1.0 says; not as the suite reads them."""

from __future__ import annotations

import base64
import binascii
import itertools
import json
from dataclasses import dataclass
from typing import Any

from tests.servers.http import Answer, Request
from tests.servers.tensors import Refused

STRUCTURED = "application/cloudevents+json"
REQUIRED = ("id", "source", "specversion", "type")
_numbers = itertools.count(1)


@dataclass(frozen=True)
class Event:
    """What a request came in."""

    is_structured: bool

    def around(self, answer: Answer) -> Answer:
        """Make an answer an event of the same mode."""
        own = {
            "specversion": "1.0",
            "id": f"answer-{next(_numbers)}",
            "source": "/right-server",
            "type": "right-server.predicted",
        }
        if self.is_structured:
            event = {**own, "datacontenttype": "application/json", "data": answer.document()}
            return Answer(200, json.dumps(event).encode(), {"content-type": STRUCTURED})
        answer.headers |= {f"ce-{name}": value for name, value in own.items()}
        return answer


def opened(request: Request) -> Event | None:
    """Have a request that is an event be its data; None where it is none.

    Raises:
        Refused: when it is one that can't be read.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == STRUCTURED:
        request.body, request.headers["content-type"] = _data(request)
        return Event(is_structured=True)
    if all(f"ce-{name}" in request.headers for name in REQUIRED):
        return Event(is_structured=False)
    return None


def _data(request: Request) -> tuple[bytes, str]:
    try:
        event: Any = request.json()
    except (ValueError, RecursionError):
        event = None
    if not isinstance(event, dict):
        raise Refused("the event is no JSON object")
    for name in REQUIRED:
        if not isinstance(event.get(name), str) or not event[name]:
            raise Refused(f"the event has no {name}")
    kind = event.get("datacontenttype", "application/json")
    if "data_base64" not in event:
        return json.dumps(event.get("data")).encode(), kind
    try:
        return base64.b64decode(event["data_base64"], validate=True), kind
    except (binascii.Error, TypeError, ValueError):
        raise Refused("data_base64 is no base64") from None
