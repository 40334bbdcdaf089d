"""What the front answers over HTTP."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from wrapper import json_body
from wrapper.errors import ServingError

JSON = "application/json"


class Answer(NamedTuple):
    """An HTTP answer.

    Attributes:
        headers: beside Content-Type and Content-Length, which every answer has.
    """

    status: int
    body: bytes
    content_type: str = JSON
    headers: Mapping[str, str] = MappingProxyType({})


def document(status: int, body: Any) -> Answer:
    """Give an answer with a JSON body."""
    return Answer(status, json_body.write(body))


def refusal(error: ServingError, **members: Any) -> Answer:
    """Give the answer to a request that can't be served: ``{"error": sentence}``.

    Args:
        members: further members of the body.
    """
    body = json_body.write({**members, "error": error.message})
    return Answer(error.status, body, headers=error.headers)
