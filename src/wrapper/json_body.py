"""JSON bodies: reading one, saying why one can't be read, writing one."""

from __future__ import annotations

import json
import re
from typing import Any

import orjson

from wrapper.errors import ServingError

# Levels of lists and objects. TorchServe's workers read JSON with Python's parser, which gives up
# below 1000; orjson before 3.9.15 ends the process at some ten thousand (CVE-2024-27454).
DEEPEST = 512

# Letters of a value in a sentence.
_SHOWN = 40

_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_ALIKE = bytes.maketrans(b"{}", b"[]")
_RUNS = re.compile(rb"\[+|\]+")


def read(body: bytes) -> dict[str, Any]:
    """Give the JSON object that a request body holds.

    Refuses what RFC 8259 refuses: NaN and infinities, numbers beyond a double, bytes
    that are no UTF-8, and anything after the document. Refuses more than `DEEPEST` levels.

    Raises:
        ServingError: 400.
    """
    request = read_any(body)
    if not isinstance(request, dict):
        raise ServingError(400, f"Expected a JSON object as the request body, got {kind(request)}")
    return request


def read_any(body: bytes) -> Any:
    """Give what a request body holds, be it an object or not; else as `read`.

    Raises:
        ServingError: 400.
    """
    if _is_too_deep(body):
        raise ServingError(400, f"The request body is nested more than {DEEPEST} deep")
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        raise ServingError(400, _why_no_json(body)) from None


def read_exactly(body: bytes) -> Any:
    """Give what JSON holds with integers of any size, NaN and infinities.

    Raises:
        ValueError: when it is no JSON even so.
    """
    return json.loads(body)


def is_document(body: bytes) -> bool:
    """Tell whether a body is JSON, as RFC 8259 or as Python has it."""
    try:
        read_exactly(body)
    except ValueError:
        return False
    return True


def holds_nan(body: bytes) -> bool:
    """Tell whether what claims to be JSON holds NaN or an infinity as a number."""
    if b"NaN" not in body and b"Infinity" not in body:
        return False
    try:
        orjson.loads(body)
    except orjson.JSONDecodeError:
        return True
    return False


def write(document: Any) -> bytes:
    """Give a document as Python's JSON: numbers exact, NaN and infinities as they are."""
    try:
        return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode("utf-8")
    except UnicodeEncodeError:
        # Half a surrogate pair, which a model can answer, is no UTF-8 but has an escape.
        return json.dumps(document, separators=(",", ":")).encode("ascii")


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
    brackets = _outside_texts(body).translate(_ALIKE, _NO_BRACKETS)
    # Taking away the innermost pairs a few times settles it for all that is wide but not deep.
    for taken in range(16):
        if taken + len(brackets) <= DEEPEST:
            return False
        brackets = brackets.replace(b"[]", b"")
    depth = 16
    for run in _RUNS.finditer(brackets):
        text = run.group()
        depth += len(text) if text.startswith(b"[") else -len(text)
        if depth > DEEPEST:
            return True
    return False


def _outside_texts(body: bytes) -> bytes:
    """Give what of JSON isn't within quotation marks; of anything else, what a parser reads."""
    if b"\\" in body:
        body = body.replace(rb"\\", b"").replace(rb"\"", b"")
    return b"".join(body.split(b'"')[::2])


def _why_no_json(body: bytes) -> str:
    # The parser's own words and places change with its releases, these don't.
    if not body:
        return "The request body is empty: send a JSON object"
    try:
        body.decode("utf-8")
    except UnicodeDecodeError as error:
        return f"The request body is not valid JSON: it is no UTF-8 from byte {error.start} on"
    return (
        "The request body is not valid JSON (RFC 8259, which has no NaN, no infinity and "
        "nothing after the document)"
    )


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
