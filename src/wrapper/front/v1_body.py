"""Bodies of V1 requests: what makes one acceptable, and what TorchServe's envelope gets of it.

``inputs`` is an equal root key to ``instances`` (V1 protocol, "Request Format"), but envelopes
read ``instances`` only. Without an envelope of V1 the model's author chose what it reads, so that
any JSON is passed on.
"""

from __future__ import annotations

from typing import Any

from wrapper import json_body
from wrapper.envelope import Envelope
from wrapper.errors import ServingError
from wrapper.json_cuts import PIECE
from wrapper.json_pieces import Document, Member
from wrapper.spliced import Content, Spliced
from wrapper.steps import Steps

_KEYS = ("instances", "inputs")


def passed_on(body: bytes, envelope: Envelope) -> bytes:
    """Give the body that TorchServe's envelope gets.

    Raises:
        ServingError: 400.
    """
    if envelope.speaks is None:
        json_body.read_any(body)
        return body
    if _check(json_body.read(body), envelope) == "instances":
        return body
    # Python's reader, since orjson turns integers beyond 64 bits into floats.
    asked = json_body.read_exactly(body)
    asked["instances"] = asked.pop("inputs")
    return json_body.write(asked)


def long_passed_on(body: bytes, envelope: Envelope, size: int = PIECE) -> Steps[Content]:
    """Do the same in steps, with a body that is never read as a whole.

    Raises:
        ServingError: 400.
    """
    document = yield from json_body.judge(body, size)
    if envelope.speaks is None:
        return body
    root = document.root
    if not root.is_object:
        raise json_body.no_object(root.beginning())
    asked: dict[str, Any] = {}
    members: dict[str, Member] = {}
    for member in root.members():
        if member is None:
            yield
        elif member.name in _KEYS:
            asked[member.name] = member.value.beginning()
            members[member.name] = member
    if _check(asked, envelope) == "instances":
        return body
    return (yield from _renamed(document, members["inputs"]))


def _check(asked: dict[str, Any], envelope: Envelope) -> str:
    """Give the key under which the instances are.

    Args:
        asked: the body, or of its long lists no more than the beginning.
    """
    key = "instances" if asked.get("instances") is not None else "inputs"
    listed = asked.get(key)
    if listed is None:
        raise ServingError(400, 'Expected "instances" or "inputs" in the request body')
    if not isinstance(listed, list):
        raise ServingError(400, f'Expected "{key}" to be a list, got {json_body.kind(listed)}')
    if not listed and not envelope.answers_nothing:
        raise ServingError(
            400,
            f'"{key}" is empty, to which TorchServe\'s envelope {envelope.name} has no answer: '
            "send at least one instance",
        )
    return key


def _renamed(document: Document, inputs: Member) -> Steps[Content]:
    """Give the body with these inputs as its only instances, and all else as it is."""
    view = memoryview(document.body)
    parts: list[bytes | memoryview] = [
        b'{"instances":',
        view[inputs.value.start : inputs.value.end],
    ]
    start = end = 0
    for member in document.root.members():
        if member is None:
            yield
        elif member.name not in _KEYS:
            start, end = start or member.start, member.value.end
        elif start:
            parts += (b",", view[start:end])
            start = 0
    if start:
        parts += (b",", view[start:end])
    return Spliced((*parts, b"}"))
