"""Inputs have names of their own, by every way: a handler looks them up by these."""

from __future__ import annotations

import pytest

from tests.wrapper.front.asking import error_of
from tests.wrapper.openinference.ways import WAYS, Ways, tensor


@pytest.mark.parametrize("way", WAYS)
def test_an_input_that_is_there_twice_is_refused(ways: Ways, way: str) -> None:
    first, other = tensor("INT64", [1], [1]), tensor("INT64", [1], [2])
    answer = ways.ask(way, {"inputs": [first, {**other, "name": "y"}, other]})
    assert answer.status == 400
    assert error_of(answer) == "The input x is there a second time"
    assert ways.torchserve.calls == []
    assert ways.ask(way, {"inputs": [first, {**other, "name": "y"}]}).status == 200
