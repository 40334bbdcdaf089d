"""CloudEvents around requests and answers, in the two modes that HTTP has for one event.

Sources: CloudEvents 1.0, its HTTP binding, and its JSON format.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kserve_conformance.asking.http_client import Answer

STRUCTURED = "application/cloudevents+json"
REQUIRED = ("id", "source", "specversion", "type")
# With what is optional and each sender says: to KServe's SDK nothing is an event that lacks `time`.
ATTRIBUTES: Mapping[str, str] = {
    "specversion": "1.0",
    "id": "conformance-1",
    "source": "/conformance",
    "type": "conformance.asked",
    "time": "2026-01-02T03:04:05Z",
}
_PREFIX = "ce-"
_DATA = ("data", "data_base64")


@dataclass(frozen=True)
class Event:
    """What was answered, where that is an event; ``data`` is None where they are no JSON."""

    attributes: Mapping[str, Any]
    data: Any
    is_structured: bool


def headers(attributes: Mapping[str, str] = ATTRIBUTES) -> dict[str, str]:
    """Give the header fields that make an event in binary mode of a request."""
    return {_PREFIX + name: value for name, value in attributes.items()}


def read(answer: Answer) -> Event | None:
    """Take the event out of an answer, None where it is none.

    Raises:
        Departure: where it should be JSON and isn't.
    """
    if answer.headers.get("content-type", "").lower().startswith(STRUCTURED):
        document = answer.json()
        if not isinstance(document, dict):
            return None
        attributes = {name: value for name, value in document.items() if name not in _DATA}
        return Event(attributes, document.get("data"), True)
    told = {
        name.removeprefix(_PREFIX): value
        for name, value in answer.headers.items()
        if name.startswith(_PREFIX)
    }
    return Event(told, answer.json(), False) if "specversion" in told else None


def in_base64(data: bytes) -> str:
    """Write data as the member ``data_base64`` has them."""
    return base64.b64encode(data).decode("ascii")
