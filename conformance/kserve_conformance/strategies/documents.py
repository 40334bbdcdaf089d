"""JSON values, and bodies that are no JSON document or not the one that was asked for."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Sequence
from typing import Any

from hypothesis import strategies as st

from kserve_conformance.asking.server import encode
from kserve_conformance.catalogue import Level
from kserve_conformance.strategies.fault import Breaks, fault

# What every reader of JSON keeps as it is: RFC 8259, section 6, and 64-bit integers.
_INTEGERS = st.integers(-(2**63), 2**64 - 1)
_FLOATS = st.floats(allow_nan=False, allow_infinity=False)
_NANS = (b"NaN", b"Infinity", b"-Infinity")
_HUGE = (b"1e999", b"-1e999", b"1e400")
# What other languages write for numbers and texts.
_FOREIGN = (b"01", b"+1", b".5", b"0x1F", b"'a'", b"None", b"undefined")
# The value that a token replaces.
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


_JSON_VALUES = json_values()


def other_than(*kinds: type) -> st.SearchStrategy[Any]:
    """Give JSON values that are none of these types; a boolean is no integer."""
    return _other_than(frozenset(kinds))


# A new strategy is worked out when it is first drawn from, which takes longer than to draw.
@functools.cache
def _other_than(kinds: frozenset[type]) -> st.SearchStrategy[Any]:
    return _JSON_VALUES.filter(lambda value: type(value) not in kinds)


def add_faults(
    protocol: str,
    value: str,
    member: str,
    put_place: Callable[[st.DrawFn, dict[str, Any]], None],
    *,
    empty: Level | None,
    number: Level | None,
    no_object: Level,
) -> None:
    """Make bodies that are no such document classes of a protocol's invalid requests.

    Args:
        value: what a sentence calls the values in a request.
        member: the one of the body that has them.
        put_place: makes one of them `PLACE`.
        empty, number, no_object: how binding it is that the class of this name is refused.
    """

    def spoilt(strategy: Callable[[bytes], st.SearchStrategy[bytes]]) -> Breaks:
        return lambda draw, body: draw(strategy(encode(body)))

    def other(strategy: st.SearchStrategy[bytes]) -> Breaks:
        return lambda draw, _: draw(strategy)

    def with_one(tokens: Sequence[bytes]) -> Breaks:
        def breaks(draw: st.DrawFn, body: dict[str, Any]) -> bytes:
            put_place(draw, body)
            before, _, after = encode(body).partition(encode(PLACE))
            return before + draw(st.sampled_from(tokens)) + after

        return breaks

    must, should = Level.MUST, Level.SHOULD
    faults: tuple[tuple[str, Level | None, str, Breaks], ...] = (
        ("json", must, "The body is no JSON, or breaks off.", spoilt(_no_json)),
        ("tail", should, "The body goes on after the JSON document.", spoilt(_with_a_tail)),
        ("empty", empty, "There is nothing in the body.", other(_BLANK)),
        ("utf-8", should, "The body is JSON but for a byte that is no UTF-8.", spoilt(_no_utf8)),
        ("token", must, f"{value} is a token that JSON doesn't have.", with_one(_FOREIGN)),
        ("nan", should, f"{value} is NaN or infinite, which JSON doesn't have.", with_one(_NANS)),
        ("number", number, f"{value} is a number that no double holds.", with_one(_HUGE)),
        ("deep", should, "The body is lists in lists without an end.", other(_deep(member))),
        ("object", no_object, "The body is JSON, and no object.", other(_NO_OBJECT)),
    )
    for name, level, sentence, breaks in faults:
        fault(f"{protocol}/{name}", level, sentence)(breaks)


_NO_OBJECT = other_than(dict).map(encode)
_BLANK = st.text(" \t\r\n", max_size=3).map(str.encode)


def _no_json(whole: bytes) -> st.SearchStrategy[bytes]:
    """Give bodies that are no JSON from the start on; most are ``whole`` without its end."""
    cut = st.integers(1, len(whole) - 1).map(lambda end: whole[:end])
    bodies = cut | st.binary(min_size=1, max_size=40)
    return bodies.filter(lambda body: bool(body.strip()) and not _is_json(body))


def _with_a_tail(whole: bytes) -> st.SearchStrategy[bytes]:
    tails = st.binary(min_size=1, max_size=4)
    return tails.map(lambda tail: whole + tail).filter(lambda body: not _is_json(body))


def _no_utf8(whole: bytes) -> st.SearchStrategy[bytes]:
    """Give bodies that are ``whole`` but for one byte, which no UTF-8 has there."""
    places = st.tuples(st.integers(0, len(whole)), st.integers(0x80, 0xFF))
    spoilt = places.map(lambda each: whole[: each[0]] + bytes([each[1]]) + whole[each[0] :])
    return spoilt.filter(lambda body: not _is_utf8(body))


def _deep(member: str) -> st.SearchStrategy[bytes]:
    """Give objects with a member of so many lists in lists that few readers follow."""
    start = b"{" + encode(member) + b": "
    return st.integers(2000, 200_000).map(lambda depth: start + b"[" * depth)


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
