"""What the strategies give: every datatype and shape, each class of faults, the same each time."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, find, given, settings
from hypothesis import strategies as st
from kserve_conformance.catalogue import Level
from kserve_conformance.strategies import invalid, valid
from kserve_conformance.tensors import DATATYPES, flat

_OF_EACH_PROTOCOL: dict[str, Callable[..., st.SearchStrategy[Any]]] = {
    "v1": invalid.v1,
    "v2": invalid.v2,
    "binary": invalid.binary,
    "path": invalid.paths,
    "grpc": invalid.grpc,
    "wire": invalid.wire,
}


def _examples(strategy: st.SearchStrategy[Any], count: int = 100) -> list[Any]:
    found: list[Any] = []

    @settings(
        max_examples=count,
        database=None,
        derandomize=True,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def keep(example: Any) -> None:
        found.append(example)

    keep()
    return found


def _inputs(strategy: st.SearchStrategy[Any]) -> list[Any]:
    listed = []
    # What is drawn depends on the constants of what is imported: enough to have all even so.
    for request in _examples(strategy, 400):
        holder: Any = request.head if isinstance(request, valid.BinaryRequest) else request
        listed += holder["inputs"] if isinstance(holder, dict) else holder.inputs
    return listed


def test_valid_json_has_every_datatype_and_shape() -> None:
    tensors = _inputs(valid.v2_bodies())
    assert {each["datatype"] for each in tensors} == DATATYPES.keys()
    assert {len(each["shape"]) for each in tensors} == {1, 2, 3, 4}
    assert {math.prod(each["shape"]) == 0 for each in tensors} == {True, False}
    assert {bool(each["data"]) and isinstance(each["data"][0], list) for each in tensors} == {
        True,
        False,
    }
    for each in tensors:
        assert len(flat(each["data"])) == math.prod(each["shape"])


def test_valid_requests_are_with_and_without_what_is_optional() -> None:
    bodies = _examples(valid.v2_bodies())
    for member in ("id", "parameters", "outputs"):
        assert {member in body for body in bodies} == {True, False}
    assert {key for body in _examples(valid.v1_bodies()) for key in body} == {"instances", "inputs"}


@pytest.mark.parametrize(
    ("strategy", "missing"),
    [
        (valid.binary_requests(), set()),
        (valid.raw_requests(), set()),
        (valid.typed_requests(), {"FP16"}),
    ],
    ids=["binary", "raw", "typed"],
)
def test_other_encodings_have_every_datatype(
    strategy: st.SearchStrategy[Any], missing: set[str]
) -> None:
    tensors = _inputs(strategy)
    found = {each["datatype"] if isinstance(each, dict) else each.datatype for each in tensors}
    assert found == DATATYPES.keys() - missing


def test_elements_are_of_the_whole_range() -> None:
    for name in ("UINT64", "INT64", "INT8"):
        found = _examples(valid.elements(name), 300)
        assert {min(found), max(found)} == {
            min(DATATYPES[name].extremes),
            max(DATATYPES[name].extremes),
        }
    # Which ones Hypothesis draws follows from what else its process has imported.
    patient = settings(max_examples=10_000, database=None, derandomize=True)
    for is_wanted in (math.isnan, math.isinf):
        find(valid.elements("FP16", finite=False), is_wanted, settings=patient)
    assert all(map(math.isfinite, _examples(valid.elements("FP16"))))


def test_requests_can_be_for_a_model_of_ones_own() -> None:
    image = valid.tensors(names=st.just("image"), datatypes=["UINT8"], shapes=st.just([2, 2]))
    bodies = _examples(
        valid.v2_bodies(inputs=valid.tensor_lists(image, max_size=1), outputs=["class"])
    )
    for body in bodies:
        (tensor,) = body["inputs"]
        assert (tensor["name"], tensor["datatype"], tensor["shape"]) == ("image", "UINT8", [2, 2])
        assert body.get("outputs", [{"name": "class"}]) == [{"name": "class"}]
    assert all(each.model_name == "mine" for each in _examples(valid.raw_requests("mine"), 20))


@pytest.mark.parametrize("name", invalid.CLASSES)
def test_each_class_of_faults_has_requests(name: str) -> None:
    protocol, _, short = name.partition("/")
    strategy = _OF_EACH_PROTOCOL[protocol](short)
    found = _examples(strategy, 10)
    assert found
    assert [repr(each) for each in found] == [repr(each) for each in _examples(strategy, 10)]


def test_classes_are_those_that_a_text_binds_a_server_to_refuse() -> None:
    assert "coerced" not in invalid.names("v2")
    assert "coerced" in invalid.names("v2", strict=True)
    assert invalid.CLASSES["v2/coerced"].level is None
    assert invalid.CLASSES["v2/count"].level is Level.MUST
    with pytest.raises(ValueError, match=r"v2 has no class counts: it has json, .*, count, "):
        invalid.v2("counts")


def test_ones_own_request_is_broken_in_one_way() -> None:
    own = {"inputs": [{"name": "x", "shape": [2], "datatype": "FP32", "data": [0.5, 1.5]}]}
    for body in _examples(invalid.v2("count", bodies=st.just(own))):
        (tensor,) = json.loads(body)["inputs"]
        assert math.prod(tensor.pop("shape")) != 2
        assert tensor == {key: own["inputs"][0][key] for key in ("name", "datatype", "data")}


def test_no_path_leads_to_the_model() -> None:
    paths = _examples(invalid.paths(model="mine"))
    assert not {"/v1/models/mine:predict", "/v2/models/mine/infer"} & set(paths)
