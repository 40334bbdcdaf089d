"""Data fit their shape flat, or nested exactly as it says, on every way and in answers."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from kserve_conformance import tensors as encodings
from kserve_conformance.strategies import valid

from tests.wrapper.openinference.ways import WAYS, Ways, tensor, thoroughly
from wrapper.errors import ServingError
from wrapper.openinference import answer as answers
from wrapper.openinference.request import Wanted

SHAPES = valid.shapes(min_rank=0, max_rank=3)


def _nested(shape: list[int]) -> Any:
    """Give numbers from 0 on, nested as numpy nests them."""
    return numpy.arange(math.prod(shape)).reshape(shape).tolist()


@thoroughly
@given(shape=SHAPES, flat=st.booleans())
def test_what_fits_is_the_same_request_on_every_way(
    ways: Ways, shape: list[int], flat: bool
) -> None:
    elements = list(range(math.prod(shape)))
    sent = tensor("INT64", shape, elements if flat else _nested(shape))
    for way in WAYS:
        answer = ways.ask(way, {"inputs": [sent]})
        assert answer.status == 200, (way, answer.body)
        received = ways.received()["inputs"][0]
        assert received["shape"] == shape
        assert encodings.flat(received["data"]) == elements
        assert isinstance(received["data"], list)


@thoroughly
@given(shape=SHAPES, other=SHAPES)
def test_nothing_is_reshaped(ways: Ways, shape: list[int], other: list[int]) -> None:
    data = _nested(other)
    # Flat data, and the nesting of the shape itself, are what fits.
    assume(data not in (_nested(shape), list(range(math.prod(shape)))))
    answer = ways.ask("json", {"inputs": [tensor("INT64", shape, data)]})
    assert answer.status == 400, (shape, data)
    assert "ensor x" in json.loads(answer.body)["error"]
    told = {"model_name": "m", "outputs": [tensor("INT64", shape, data)]}
    with pytest.raises(ServingError) as refused:
        answers.read(json.dumps(told).encode(), Wanted())
    assert refused.value.status == 502


@thoroughly
@given(shape=SHAPES, other=SHAPES)
def test_a_count_that_is_wrong_is_refused_on_every_way(
    ways: Ways, shape: list[int], other: list[int]
) -> None:
    count = math.prod(other)
    assume(count != math.prod(shape))
    for way in WAYS:
        answer = ways.ask(way, {"inputs": [tensor("INT64", shape, list(range(count)))]})
        assert answer.status == 400
        assert f"Tensor x has {count} elements" in json.loads(answer.body)["error"]


@pytest.mark.parametrize(
    ("shape", "data", "said"),
    [
        ([4, 2], [[1, 2, 3, 4], [5, 6, 7, 8]], "nested otherwise than its shape [4, 2] says"),
        ([2, 2], [1, [2], 3, 4], "nested otherwise"),
        ([1], [[5]], "nested otherwise"),
        ([2], 5, '"data" of tensor x to be a list'),
        ([], [[5]], "nested otherwise than its shape [] says"),
        ([], [1, 2], "has 2 elements, but its shape [] means 1"),
        ([2**62] * 3, [1], "means more than 9223372036854775807"),
        ([2**63 - 1] * 60, [1], "means more than 9223372036854775807"),
        ([1] * 65, [1], "has 65 dimensions: 64 are the most"),
        ([2**40, 0], [], "means more than 1048576 empty lists"),
        ([True], [1], "a dimension true"),
        ([None], [1], "a dimension null"),
    ],
)
def test_what_does_not_fit_is_told_why(ways: Ways, shape: Any, data: Any, said: str) -> None:
    answer = ways.ask("json", {"inputs": [tensor("INT64", shape, data)]})
    assert answer.status == 400
    assert said in json.loads(answer.body)["error"]


def test_an_element_alone_is_a_tensor_of_no_dimension(ways: Ways) -> None:
    for datatype, element in (("INT64", 5), ("BYTES", "text"), ("BOOL", False)):
        assert ways.ask("json", {"inputs": [tensor(datatype, [], element)]}).status == 200
        assert ways.received()["inputs"] == [tensor(datatype, [], [element])]
    assert ways.ask("json", {"inputs": [tensor("INT64", [], {"a": 1})]}).status == 400


def test_empty_lists_are_counted_up_to_the_first_dimension_of_none(ways: Ways) -> None:
    for shape in ([0, 2**62], [2**20, 0, 2**62]):
        assert ways.ask("json", {"inputs": [tensor("INT64", shape, [])]}).status == 200
