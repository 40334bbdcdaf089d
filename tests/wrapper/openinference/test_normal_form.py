"""A member that is optional and null is absent: in JSON, in a binary head, in answers."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kserve_conformance import tensors as encodings
from kserve_conformance.strategies import valid

from tests.wrapper.front.asking import V2_ANSWER
from tests.wrapper.openinference.ways import Ways, tensor, thoroughly

# What clients of pydantic, Jackson and Go write for "none", by where it stands.
OPTIONAL = {"request": ("id", "parameters", "outputs"), "input": ("parameters",)}


@st.composite
def with_nulls(draw: st.DrawFn) -> tuple[dict[str, Any], dict[str, Any]]:
    """Give a V2 body, and the same with null for some of what it leaves out."""
    each = valid.tensors(text=False, datatypes=[*valid.TYPED])
    body = draw(valid.v2_bodies(inputs=valid.tensor_lists(each)))
    # The stand-in answers with no outputs, so that none can be asked for.
    body.pop("outputs", None)
    for held in body["inputs"]:
        if held["datatype"] == "BYTES":
            held["data"] = ["text"] * len(held["data"])
    nulled = copy.deepcopy(body)
    for kind, holders in (("request", [nulled]), ("input", nulled["inputs"])):
        for holder in holders:
            missing = [name for name in OPTIONAL[kind] if name not in holder]
            for name in draw(st.lists(st.sampled_from(missing), unique=True)) if missing else ():
                holder[name] = None
    return body, nulled


@thoroughly
@given(bodies=with_nulls())
def test_null_is_absent_in_json_and_in_a_binary_head(
    ways: Ways, bodies: tuple[dict[str, Any], dict[str, Any]]
) -> None:
    body, nulled = bodies
    assert ways.ask("json", body).status == 200
    wanted = ways.received()
    answer = ways.ask("json", nulled)
    assert answer.status == 200, answer.body
    assert ways.received() == wanted
    assert ways.ask("binary", body).status == 200
    wanted = ways.received()
    head, raw = encodings.binary(nulled)
    for each in head["inputs"]:
        each["data"] = None
    answer = ways.post_binary(head, raw)
    assert answer.status == 200, answer.body
    assert ways.received() == wanted


def test_null_is_absent_in_requested_outputs(ways: Ways) -> None:
    ways.reply(V2_ANSWER)
    body = {
        "inputs": [tensor("INT64", [1], [1])],
        "outputs": [{"name": "y", "parameters": None}],
    }
    answer = ways.post(json.dumps(body).encode())
    assert [each["name"] for each in json.loads(answer.body)["outputs"]] == ["y"]
    assert ways.received()["outputs"] == [{"name": "y"}]


def test_a_body_without_null_goes_on_as_it_came(ways: Ways) -> None:
    body = b'{"id":  "1", "inputs": [{"name": "x", "shape": [], "datatype": "FP64", "data": [1]}]}'
    assert ways.post(body).status == 200
    assert ways.torchserve.calls[-1][1] == body


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"inputs": None}, 'Expected "inputs" to be a list'),
        ({"inputs": [None]}, "Expected inputs[0] to be an object, got null"),
        ({"inputs": [tensor("INT64", [1], None)]}, 'Expected "data" in inputs[0]'),
        ({"inputs": [{**tensor("INT64", [1], [1]), "name": None}]}, '"name" in inputs[0]'),
        ({"inputs": [{**tensor("INT64", [1], [1]), "shape": None}]}, '"shape" of tensor x'),
        ({"inputs": [tensor("INT64", [1], [None])]}, "which can't hold null"),
        ({"inputs": [{**tensor("INT64", [1], [1]), "datatype": None}]}, "unknown datatype null"),
        ({"parameters": {"a": None}}, 'parameter "a" of the request'),
        ({"outputs": [None]}, "Expected outputs[0] to be an object, got null"),
        ({"outputs": [{"name": None}]}, '"name" in outputs[0]'),
    ],
)
def test_what_is_not_optional_is_refused_all_the_same(
    ways: Ways, change: dict[str, Any], said: str
) -> None:
    body = {"inputs": [tensor("INT64", [1], [1])], **change}
    answer = ways.post(json.dumps(body).encode())
    assert answer.status == 400
    assert said in json.loads(answer.body)["error"]
