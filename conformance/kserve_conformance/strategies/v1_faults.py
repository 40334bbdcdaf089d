"""The ways in which a V1 request is invalid."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from kserve_conformance.asking.server import encode
from kserve_conformance.catalogue import Level
from kserve_conformance.strategies import documents
from kserve_conformance.strategies.documents import PLACE, json_values, other_than
from kserve_conformance.strategies.fault import fault
from kserve_conformance.strategies.valid import Body

_KEYS = ("instances", "inputs")


@fault("v1/json", Level.MUST, "The body is no JSON, or breaks off.")
def _json(draw: st.DrawFn, body: Body) -> bytes:
    return draw(documents.no_json(encode(body)))


@fault("v1/tail", Level.SHOULD, "The body goes on after the JSON document.")
def _tail(draw: st.DrawFn, body: Body) -> bytes:
    return draw(documents.with_a_tail(encode(body)))


@fault("v1/empty", None, "There is nothing in the body.")
def _empty(draw: st.DrawFn, _: Body) -> bytes:
    return draw(documents.blank())


@fault("v1/utf-8", Level.SHOULD, "The body is JSON but for a byte that is no UTF-8.")
def _utf8(draw: st.DrawFn, body: Body) -> bytes:
    return draw(documents.no_utf8(encode(body)))


@fault("v1/token", Level.MUST, "An instance is a token that JSON doesn't have.")
def _token(draw: st.DrawFn, body: Body) -> bytes:
    _listed(body).append(PLACE)
    return draw(documents.with_a_token(body, documents.FOREIGN))


@fault("v1/nan", Level.SHOULD, "An instance is NaN or infinite, which JSON doesn't have.")
def _nan(draw: st.DrawFn, body: Body) -> bytes:
    _listed(body).append(PLACE)
    return draw(documents.with_a_token(body, documents.NOT_FINITE))


@fault("v1/number", None, "An instance is a number that no double holds.")
def _number(draw: st.DrawFn, body: Body) -> bytes:
    _listed(body).append(PLACE)
    return draw(documents.with_a_token(body, documents.BEYOND_A_DOUBLE))


@fault("v1/deep", Level.SHOULD, "The body is lists in lists without an end.")
def _deep(draw: st.DrawFn, _: Body) -> bytes:
    return draw(documents.deep("instances"))


@fault("v1/object", Level.SHOULD, "The body is JSON, and no object.")
def _object(draw: st.DrawFn, _: Body) -> bytes:
    return draw(documents.no_object())


@fault("v1/key", Level.SHOULD, 'The body has neither "instances" nor "inputs".')
def _key(draw: st.DrawFn, _: Body) -> Body:
    keys = st.text(max_size=9).filter(lambda key: key not in _KEYS)
    return draw(st.dictionaries(keys, json_values(), max_size=3))


@fault("v1/instances", Level.SHOULD, '"instances" is no list.')
def _instances(draw: st.DrawFn, _: Body) -> Body:
    return {"instances": draw(other_than(list))}


# An object is TensorFlow Serving's columnar form.
@fault("v1/inputs", None, '"inputs" is no list.')
def _inputs(draw: st.DrawFn, _: Body) -> Body:
    return {"inputs": draw(other_than(list))}


def _listed(body: Body) -> list[Any]:
    listed: list[Any] = next(body[key] for key in _KEYS if key in body)
    return listed
