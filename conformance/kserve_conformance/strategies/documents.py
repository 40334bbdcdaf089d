"""JSON values, and bodies that are no JSON document or not the one that was asked for."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st

from kserve_conformance.asking.server import encode

# What every reader of JSON keeps as it is: RFC 8259, section 6, and 64-bit integers.
_INTEGERS = st.integers(-(2**63), 2**64 - 1)
_FLOATS = st.floats(allow_nan=False, allow_infinity=False)
NOT_FINITE = (b"NaN", b"Infinity", b"-Infinity")
BEYOND_A_DOUBLE = (b"1e999", b"-1e999", b"1e400")
# What other languages write for numbers and texts.
FOREIGN = (b"01", b"+1", b".5", b"0x1F", b"'a'", b"None", b"undefined")
# The value that `with_a_token` replaces.
PLACE = "here a token goes"


def json_values(max_leaves: int = 6) -> st.SearchStrategy[Any]:
    """Give JSON values of every kind that come back as they are from whoever reads them."""
    scalars = st.none() | st.booleans() | _INTEGERS | _FLOATS | st.text(max_size=8)
    return st.recursive(
        scalars,
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
        ),
        max_leaves=max_leaves,
    )


def other_than(*kinds: type) -> st.SearchStrategy[Any]:
    """Give JSON values that are none of these types; a boolean is no integer."""
    return json_values().filter(lambda value: type(value) not in kinds)


def no_json(whole: bytes) -> st.SearchStrategy[bytes]:
    """Give bodies that are no JSON from the start on; most are ``whole`` without its end."""
    cut = st.integers(1, len(whole) - 1).map(lambda end: whole[:end])
    bodies = cut | st.binary(min_size=1, max_size=40)
    return bodies.filter(lambda body: bool(body.strip()) and not _is_json(body))


def with_a_tail(whole: bytes) -> st.SearchStrategy[bytes]:
    """Give bodies that go on after a JSON document."""
    tails = st.binary(min_size=1, max_size=4)
    return tails.map(lambda tail: whole + tail).filter(lambda body: not _is_json(body))


def blank() -> st.SearchStrategy[bytes]:
    """Give bodies with nothing in them."""
    return st.text(" \t\r\n", max_size=3).map(str.encode)


def no_utf8(whole: bytes) -> st.SearchStrategy[bytes]:
    """Give bodies that are ``whole`` but for one byte, which no UTF-8 has there."""
    places = st.tuples(st.integers(0, len(whole)), st.integers(0x80, 0xFF))
    spoilt = places.map(lambda each: whole[: each[0]] + bytes([each[1]]) + whole[each[0] :])
    return spoilt.filter(lambda body: not _is_utf8(body))


def no_object() -> st.SearchStrategy[bytes]:
    """Give JSON documents that are no object."""
    return other_than(dict).map(encode)


def deep(member: str) -> st.SearchStrategy[bytes]:
    """Give objects with a member of so many lists in lists that few readers follow."""
    start = b"{" + encode(member) + b": "
    return st.integers(2000, 200_000).map(lambda depth: start + b"[" * depth)


def with_a_token(document: Any, tokens: Sequence[bytes]) -> st.SearchStrategy[bytes]:
    """Give a document with one of the tokens in place of the value `PLACE`."""
    before, _, after = encode(document).partition(encode(PLACE))
    return st.sampled_from(tokens).map(lambda token: before + token + after)


def _is_json(body: bytes) -> bool:
    try:
        json.loads(body)
    except (ValueError, RecursionError):
        return False
    return True


def _is_utf8(body: bytes) -> bool:
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True
