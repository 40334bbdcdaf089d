"""What a client could tell of each answer, so that two servers can be held against each other.

An answer is reduced to its status, its headers and its form: the members and their kinds, with
datatypes and shapes as they are. Two releases that differ in none of it can't be told apart.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from google.protobuf import json_format
from google.protobuf.message import Message

from kserve_conformance.asking.http_client import Answer
from kserve_conformance.text import concealing

FILE_NAME = "transcript.jsonl"

# What differs from one answer to the next of the same server.
_UNSTEADY = frozenset({"date", "content-length", "keep-alive", "connection", "transfer-encoding"})
# Members whose value is part of what a client programs against.
_TELLING = frozenset({"datatype", "shape", "ready", "live", "name", "state", "platform"})


@dataclass(frozen=True)
class Seen:
    """One exchange, as a client could tell it from another server's.

    Attributes:
        check: the id of the check that asked.
        number: which of its requests it was, from 1.
        asked: method and path, or the name of the gRPC call.
        status: of HTTP, or the name of gRPC's code.
        headers: of the answer, with a value where that is steady.
        form: of the body.
    """

    check: str
    number: int
    asked: str
    status: str
    headers: str
    form: str


def of_answer(check: str, number: int, answer: Answer) -> Seen:
    """Reduce an HTTP answer."""
    told = [
        f"{name}: {value}" if name in ("content-type", "allow") else name
        for name, value in sorted(answer.headers.items())
        if name not in _UNSTEADY
    ]
    return Seen(check, number, answer.asked, str(answer.status), "; ".join(told), _form_of(answer))


def of_message(check: str, number: int, call: str, code: str, message: Message | None) -> Seen:
    """Reduce the end of a gRPC call."""
    body = json_format.MessageToDict(message, preserving_proto_field_name=True) if message else None
    return Seen(check, number, call, code, "", form(body) if message else "")


def form(value: Any) -> str:
    """Give the members of a JSON document and their kinds; of a list, each kind once."""
    return json.dumps(_form(value), sort_keys=True, ensure_ascii=False)


def write(path: Path, seen: Iterable[Seen]) -> None:
    """Write a transcript as JSON Lines."""
    text = "".join(json.dumps(asdict(each), ensure_ascii=False) + "\n" for each in seen)
    # A server may have a secret that it was sent in what it is told apart by, such as a name.
    text = concealing.without(text)
    # An answer may hold half of a surrogate pair; a backslash makes JSON's escape of it.
    path.write_text(text, encoding="utf-8", errors="backslashreplace")


def read(path: Path) -> list[Seen]:
    """Read what `write` wrote; a `ValueError` says which line is none of a transcript."""
    found = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        try:
            found.append(Seen(**json.loads(line)))
        except (TypeError, ValueError) as error:
            raise ValueError(f"{path}: line {number} is no line of a transcript: {error}") from None
    return found


def _form_of(answer: Answer) -> str:
    length = answer.headers.get("inference-header-content-length")
    head = answer.body[: int(length)] if length and length.isdecimal() else answer.body
    if not answer.body:
        return "nothing"
    try:
        told = form(json.loads(head))
    except (ValueError, RecursionError):
        return "text" if answer.status >= 400 else "bytes"
    return f"{told} and {len(answer.body) - len(head)} bytes" if length else told


def _form(value: Any, member: str = "") -> Any:
    if member in _TELLING and not isinstance(value, Mapping):
        return value
    if isinstance(value, Mapping):
        return {key: _form(each, key) for key, each in value.items()}
    if isinstance(value, list):
        # A form once, in order of appearance.
        forms = [_form(each) for each in value]
        return [each for index, each in enumerate(forms) if each not in forms[:index]]
    if value is None or isinstance(value, bool):
        return "null" if value is None else "boolean"
    return "number" if isinstance(value, (int, float)) else "string"
