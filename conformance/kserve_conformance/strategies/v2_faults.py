"""The ways in which a V2 REST request is invalid."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from hypothesis import reject
from hypothesis import strategies as st

from kserve_conformance.catalogue import Level
from kserve_conformance.strategies import documents
from kserve_conformance.strategies.documents import PLACE, other_than
from kserve_conformance.strategies.fault import fault
from kserve_conformance.strategies.valid import Body, Tensor
from kserve_conformance.tensors import DATATYPES, flat

# Named by the specification, though its table doesn't have it.
_OTHER_DATATYPE = "BF16"
UNKNOWN_OUTPUT = "an output that no model has"


def an_input(
    draw: st.DrawFn, body: Body, such: Callable[[Tensor], bool] = lambda _: True
) -> Tensor:
    """Choose one of the inputs; there are no such requests where none is such a one."""
    found: list[Tensor] = [each for each in body["inputs"] if such(each)]
    if not found:
        reject()
    return found[draw(st.integers(0, len(found) - 1))]


def unknown_datatypes() -> st.SearchStrategy[str]:
    """Give names that are no datatype's, whatever their case."""
    known = (*DATATYPES, _OTHER_DATATYPE)
    return st.text(max_size=6).filter(lambda name: name.upper() not in known)


def beyond(datatype: str) -> st.SearchStrategy[int]:
    """Give integers out of a datatype's range."""
    extremes = DATATYPES[datatype].extremes
    return st.integers(max(extremes) + 1) | st.integers(max_value=min(extremes) - 1)


def is_integer(tensor: Tensor) -> bool:
    """Tell whether a tensor's elements are integers."""
    return "INT" in tensor["datatype"]


# ---------------------------------------------------------------- the document


def _put_place(draw: st.DrawFn, body: Body) -> None:
    _replace_an_element(an_input(draw, body, _has_elements), PLACE)


documents.add_faults(
    "v2",
    "An element",
    "inputs",
    _put_place,
    empty=Level.MUST,
    number=Level.SHOULD,
    no_object=Level.MUST,
)


# ---------------------------------------------------------------- the request's members


@fault("v2/inputs", Level.MUST, '"inputs" is missing, or no list.')
def _inputs(draw: st.DrawFn, body: Body) -> None:
    del body["inputs"]
    if draw(st.booleans()):
        body["inputs"] = draw(other_than(list))


@fault("v2/no-inputs", Level.SHOULD, '"inputs" has no tensor in it.')
def _no_inputs(_: st.DrawFn, body: Body) -> None:
    body["inputs"] = []
    body.pop("outputs", None)


@fault("v2/input", Level.MUST, "An input is no object.")
def _input(draw: st.DrawFn, body: Body) -> None:
    body["inputs"].insert(draw(st.integers(0, len(body["inputs"]))), draw(other_than(dict)))


@fault("v2/id", Level.SHOULD, '"id" is no string.')
def _id(draw: st.DrawFn, body: Body) -> None:
    body["id"] = draw(other_than(str, type(None)))


@fault("v2/outputs", Level.SHOULD, '"outputs" is no list of objects with a name.')
def _outputs(draw: st.DrawFn, body: Body) -> None:
    body["outputs"] = draw(
        other_than(list, type(None))
        | other_than(dict).map(lambda output: [output])
        | other_than(str).map(lambda name: [{"name": name}])
        | st.just([{}])
    )


@fault("v2/unknown-output", Level.SHOULD, "An output is asked for that the model doesn't have.")
def _unknown_output(draw: st.DrawFn, body: Body) -> None:
    body.setdefault("outputs", []).append({"name": UNKNOWN_OUTPUT + draw(st.text(max_size=3))})


@fault("v2/parameters", Level.SHOULD, "Parameters are no object, or the value of one is none.")
def _parameters(draw: st.DrawFn, body: Body) -> None:
    values: st.SearchStrategy[Any] = st.sampled_from([None, [], {}, [1]])
    wrong = other_than(dict, type(None)) | values.map(lambda value: {"x-": value})
    holder = draw(st.sampled_from(["request", "input", "output"]))
    if holder == "output" and not body.get("outputs"):
        body["outputs"] = [{"name": each["name"]} for each in body["inputs"]]
    place = {"request": body, "input": body["inputs"][0], "output": body.get("outputs", [{}])[0]}
    place[holder]["parameters"] = draw(wrong)


@fault("v2/null", None, "A member that is optional is null.")
def _null(draw: st.DrawFn, body: Body) -> None:
    if draw(st.booleans()):
        an_input(draw, body)["parameters"] = None
    else:
        body[draw(st.sampled_from(["id", "parameters"]))] = None


# ---------------------------------------------------------------- tensors


@fault("v2/member", Level.MUST, "An input lacks its name, shape, datatype or data.")
def _member(draw: st.DrawFn, body: Body) -> None:
    del an_input(draw, body)[draw(st.sampled_from(["name", "shape", "datatype", "data"]))]


@fault("v2/name", Level.SHOULD, "An input's name is no string.")
def _name(draw: st.DrawFn, body: Body) -> None:
    an_input(draw, body)["name"] = draw(other_than(str))


@fault("v2/shape", Level.SHOULD, "An input's shape is no list.")
def _shape(draw: st.DrawFn, body: Body) -> None:
    an_input(draw, body)["shape"] = draw(other_than(list))


@fault("v2/dimension", Level.MUST, "A dimension is negative, a fraction, or no number.")
def _dimension(draw: st.DrawFn, body: Body) -> None:
    shape = an_input(draw, body, lambda each: bool(each["shape"]))["shape"]
    place = draw(st.integers(0, len(shape) - 1))
    wrong = st.integers(max_value=-1) | other_than(int, float) | st.floats(0.25, 0.75)
    # As text it is what it was as a number.
    shape[place] = draw(wrong | st.sampled_from([-shape[place] or -1, str(shape[place])]))


@fault("v2/count", Level.MUST, "An input has not as many elements as its shape says.")
def _count(draw: st.DrawFn, body: Body) -> None:
    tensor = an_input(draw, body)
    count = len(flat(tensor["data"]))
    shapes = st.lists(st.integers(0, 4), max_size=4) | st.lists(st.integers(0, 2**63), max_size=4)
    tensor["shape"] = draw(shapes.filter(lambda shape: math.prod(shape) != count))


@fault("v2/ragged", Level.SHOULD, "An input's data are lists of unequal lengths.")
def _ragged(draw: st.DrawFn, body: Body) -> None:
    tensor = an_input(draw, body, _has_elements)
    elements = flat(tensor["data"])
    # As many elements as before, so that only the lists tell.
    elements = elements * 3 if len(elements) < 3 else elements
    tensor["shape"] = [len(elements)]
    cuts = st.integers(1, len(elements) - 1).filter(lambda cut: 2 * cut != len(elements))
    cut = draw(cuts)
    tensor["data"] = [elements[:cut], elements[cut:]]


@fault("v2/datatype", Level.MUST, "An input's datatype is none that the specification has.")
def _datatype(draw: st.DrawFn, body: Body) -> None:
    an_input(draw, body)["datatype"] = draw(other_than(str) | unknown_datatypes())


@fault("v2/datatype-case", Level.MUST, "An input's datatype is in another case.")
def _datatype_case(draw: st.DrawFn, body: Body) -> None:
    tensor = an_input(draw, body)
    forms = [tensor["datatype"].lower(), tensor["datatype"].capitalize()]
    tensor["datatype"] = draw(st.sampled_from(forms))


@fault("v2/data", Level.SHOULD, "An input's data are no list.")
def _data(draw: st.DrawFn, body: Body) -> None:
    an_input(draw, body)["data"] = draw(other_than(list))


@fault("v2/range", Level.SHOULD, "An element is beyond the range of its datatype.")
def _range(draw: st.DrawFn, body: Body) -> None:
    tensor = an_input(draw, body, lambda each: is_integer(each) and _has_elements(each))
    _replace_an_element(tensor, draw(beyond(tensor["datatype"])))


@fault("v2/element", Level.SHOULD, "An element is nothing that its datatype could stand for.")
def _element(draw: st.DrawFn, body: Body) -> None:
    tensor = an_input(draw, body, _has_elements)
    wrong: list[Any] = [None, {}, {"a": 1}]
    _replace_an_element(
        tensor, draw(st.sampled_from(wrong if tensor["datatype"] == "BYTES" else ["abc", *wrong]))
    )


@fault("v2/coerced", None, "An element is of another kind, and could be made one that is right.")
def _coerced(draw: st.DrawFn, body: Body) -> None:
    tensor = an_input(draw, body, _has_elements)
    wrong: list[Any] = [0.5, True, "1"]
    if not is_integer(tensor):
        others: dict[str, list[Any]] = {"BOOL": [0, 1, 1.0, "true"], "BYTES": [1, 0.5, True]}
        wrong = others.get(tensor["datatype"], [True, "1", 10**400])
    _replace_an_element(tensor, draw(st.sampled_from(wrong)))


def _has_elements(tensor: Tensor) -> bool:
    return bool(flat(tensor["data"]))


def _replace_an_element(tensor: Tensor, element: Any) -> None:
    tensor["data"] = [element, *flat(tensor["data"])[1:]]
