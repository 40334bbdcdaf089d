"""JSON bodies: reading one, saying why one can't be read, writing one."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any, Callable

import orjson

from wrapper import json_cuts, json_pieces, steps
from wrapper.errors import ServingError
from wrapper.json_depth import DEEPEST, Depth, brackets, without_escapes
from wrapper.json_pieces import Document, NoJson, TooDeep
from wrapper.steps import Steps

_BEGINNING = re.compile(rb"\s*[{\[]")
_BEYOND_JSON = (b"NaN", b"Infinity")
# Bytes that are searched in one step.
_SEARCHED = 1024 * 1024
# Letters of a value in a sentence.
_SHOWN = 40


def read(body: bytes) -> dict[str, Any]:
    """Give the JSON object that a request body holds.

    Refuses what RFC 8259 refuses: NaN and infinities, numbers beyond a double, bytes
    that are no UTF-8, and anything after the document. Refuses more than `DEEPEST` levels.

    Raises:
        ServingError: 400.
    """
    request = read_any(body)
    if not isinstance(request, dict):
        raise no_object(request)
    return request


def no_object(request: Any) -> ServingError:
    """Give the refusal of a body that holds something else."""
    return ServingError(400, f"Expected a JSON object as the request body, got {kind(request)}")


def read_any(body: bytes) -> Any:
    """Give what a request body holds, be it an object or not; else as `read`.

    Raises:
        ServingError: 400.
    """
    if _is_too_deep(body):
        raise _too_deep()
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        raise _no_json(not body, steps.at_once(json_pieces.no_utf8_from(body))) from None


def judge(body: bytes, size: int = json_cuts.PIECE) -> Steps[Document]:
    """Give what a long request body holds without reading it; else as `read_any`.

    Raises:
        ServingError: 400.
    """
    try:
        return (yield from json_pieces.judge(body, orjson.loads, size))
    except TooDeep:
        raise _too_deep() from None
    except NoJson:
        raise _no_json(not body, (yield from json_pieces.no_utf8_from(body, size))) from None


def judge_exactly(body: bytes, size: int = json_cuts.PIECE) -> Steps[Document]:
    """Give what a long body holds, whose values are as `read_exactly` gives them.

    Raises:
        NoJson: when it is no JSON even so.
    """
    return (yield from json_pieces.judge(body, read_exactly, size, _check_exactly))


def read_exactly(body: bytes) -> Any:
    """Give what JSON holds with integers of any size, NaN and infinities.

    Raises:
        ValueError: when it is no JSON even so.
    """
    return json.loads(body)


def _check_exactly(body: bytes) -> None:
    """Refuse what `read_exactly` refuses; most is known sooner to be JSON."""
    try:
        orjson.loads(body)
    except orjson.JSONDecodeError:
        read_exactly(body)


def begins_as_one(body: bytes) -> bool:
    """Tell whether a body begins as an object or a list of JSON does."""
    return _BEGINNING.match(body) is not None


def is_document(body: bytes) -> bool:
    """Tell whether a body is JSON, as RFC 8259 or as Python has it."""
    try:
        _check_exactly(body)
    except ValueError:
        return False
    return True


def holds_nan(body: bytes) -> bool:
    """Tell whether what claims to be JSON holds NaN or an infinity as a number."""
    # Both by name: a request that is short takes less than a generator to look through it.
    if b"NaN" not in body and b"Infinity" not in body:
        return False
    try:
        orjson.loads(body)
    except orjson.JSONDecodeError:
        return True
    return False


def long_holds_nan(body: bytes) -> Steps[bool]:
    """Tell the same of a long body in steps."""
    if not (yield from holds_one_of(body, _BEYOND_JSON)):
        return False
    return not (yield from _is_document(body, orjson.loads))


def long_is_document(body: bytes) -> Steps[bool]:
    """Tell of a long body in steps whether it is a document."""
    return (yield from _is_document(body, _check_exactly))


def _is_document(body: bytes, parse: json_pieces.Parse) -> Steps[bool]:
    try:
        yield from json_pieces.judge(body, parse)
    except NoJson:
        return False
    return True


def holds_one_of(body: bytes, words: Sequence[bytes]) -> Steps[bool]:
    """Tell in steps whether one of some words is in a body."""
    overlap = max(map(len, words)) - 1
    for start in range(0, len(body), _SEARCHED):
        end = start + _SEARCHED + overlap
        if any(body.find(word, start, end) >= 0 for word in words):
            return True
        yield
    return False


def write(document: Any, stand_in: Callable[[Any], str] | None = None) -> bytes:
    """Give a document as Python's JSON: numbers exact, NaN and infinities as they are.

    Args:
        stand_in: gives what stands for a value in it that isn't one of JSON.
    """
    try:
        text = json.dumps(document, ensure_ascii=False, separators=(",", ":"), default=stand_in)
        return text.encode("utf-8")
    except UnicodeEncodeError:
        # Half a surrogate pair, which a model can answer, is no UTF-8 but has an escape.
        text = json.dumps(document, separators=(",", ":"), default=stand_in)
        return text.encode("ascii")


def shown(value: Any) -> str:
    """Give a value as a sentence for clients shows it: as JSON, cut short where it is long."""
    text = json.dumps(value, ensure_ascii=False, default=kind)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}..."


def is_json(content_type: str) -> bool:
    """Tell whether a Content-Type means JSON: in any case, with parameters, or ``+json``."""
    named = media_type(content_type)
    return named == "application/json" or named.endswith("+json")


def media_type(content_type: str) -> str:
    """Give the media type of a Content-Type, in lower case and without parameters."""
    return content_type.partition(";")[0].strip().lower()


def _is_too_deep(body: bytes) -> bool:
    """Tell whether a body that may be JSON has more than `DEEPEST` levels."""
    if body.count(b"[") + body.count(b"{") <= DEEPEST:
        return False
    outside = b"".join(without_escapes(body).split(b'"')[::2])
    return Depth().is_beyond(brackets(outside))


def _too_deep() -> ServingError:
    return ServingError(400, f"The request body is nested more than {DEEPEST} deep")


def _no_json(is_empty: bool, no_utf8_from: int | None) -> ServingError:
    # The parser's own words and places change with its releases, these don't.
    if is_empty:
        why = "is empty: send a JSON object"
    elif no_utf8_from is not None:
        why = f"is not valid JSON: it is no UTF-8 from byte {no_utf8_from} on"
    else:
        why = (
            "is not valid JSON (RFC 8259, which has no NaN, no infinity and nothing after the "
            "document)"
        )
    return ServingError(400, f"The request body {why}")


def kind(value: Any) -> str:
    """Name the JSON kind of a value, for a sentence."""
    return _KINDS.get(type(value), "something else")


_KINDS = {
    dict: "an object",
    list: "a list",
    str: "a string",
    bool: "a boolean",
    int: "a number",
    float: "a number",
    type(None): "null",
}
