"""The ways in which a V1 request is invalid."""

from __future__ import annotations

from hypothesis import strategies as st

from kserve_conformance.catalogue import Level
from kserve_conformance.strategies import documents
from kserve_conformance.strategies.documents import PLACE, json_values, other_than
from kserve_conformance.strategies.fault import fault
from kserve_conformance.strategies.valid import Body

_KEYS = ("instances", "inputs")


def _put_place(_: st.DrawFn, body: Body) -> None:
    next(body[key] for key in _KEYS if key in body).append(PLACE)


documents.add_faults(
    "v1", "An instance", "instances", _put_place, empty=None, number=None, no_object=Level.SHOULD
)


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
