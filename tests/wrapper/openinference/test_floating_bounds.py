"""A floating datatype takes what rounds to a number of its own, and nothing else."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tritonclient.grpc import service_pb2

from tests.wrapper.openinference.ways import Ways, tensor, thoroughly
from wrapper import steps
from wrapper.errors import ServingError
from wrapper.openinference import answer as answers
from wrapper.openinference import datatypes, messages, tensors
from wrapper.openinference.request import Wanted

NUMPY: dict[str, Any] = {"FP16": numpy.float16, "FP32": numpy.float32, "FP64": numpy.float64}
FLOATING = st.sampled_from(list(NUMPY))


@st.composite
def near_the_bounds(draw: st.DrawFn) -> tuple[str, float]:
    """Give a datatype, and a number that may be beyond it: near its last step, or anywhere."""
    datatype = draw(FLOATING)
    largest = float(numpy.finfo(NUMPY[datatype]).max)
    step = largest - float(numpy.nextafter(NUMPY[datatype](largest), NUMPY[datatype](0)))
    number = draw(
        st.floats(0, 2).map(lambda steps: largest + steps * step)
        | st.floats(allow_nan=False)
        | st.integers(int(largest) - int(step), int(largest) + 2 * int(step))
    )
    return datatype, draw(st.sampled_from([number, -number]))


def _rounded(datatype: str, number: float) -> float:
    """Give what numpy, which rounds as IEEE 754 says, makes of a JSON number."""
    with numpy.errstate(over="ignore"):
        return float(NUMPY[datatype](float(number)))


def _is_held(datatype: str, number: float) -> bool:
    try:
        return math.isfinite(_rounded(datatype, number))
    except OverflowError:
        return False


@thoroughly
@given(case=near_the_bounds(), at=st.integers(0, 3))
def test_what_rounds_to_a_number_is_taken(ways: Ways, case: tuple[str, float], at: int) -> None:
    datatype, number = case
    if isinstance(number, float) and not math.isfinite(number):
        return
    data = [0.5, -1, 2.0]
    data.insert(at, number)
    answer = ways.ask("json", {"inputs": [tensor(datatype, [4], data)]})
    assert answer.status == (200 if _is_held(datatype, number) else 400), answer.body


@thoroughly
@given(case=near_the_bounds(), odd=st.lists(st.sampled_from([math.nan, math.inf, -math.inf])))
def test_an_answer_is_rounded_or_wrong_on_every_way(
    case: tuple[str, float], odd: list[float]
) -> None:
    datatype, number = case
    told = {"model_name": "m", "outputs": [tensor(datatype, [len(odd) + 1], [*odd, number])]}
    body = json.dumps(told).encode()
    if isinstance(number, float) and not math.isfinite(number):
        answers.read(body, Wanted())
        return
    if not _is_held(datatype, number):
        with pytest.raises(ServingError, match="whose range"):
            answers.read(body, Wanted())
        return
    answer = answers.read(body, Wanted())
    raw = steps.at_once(answers.to_raw(answer["outputs"][0]))
    assert tensors.from_raw("x", datatypes.find("x", datatype), raw)[-1] == _rounded(
        datatype, number
    )
    response = service_pb2.ModelInferResponse()
    steps.at_once(messages.fill_response(response, answer, raw=False))
    contents = datatypes.find("x", datatype).contents
    if contents is not None:
        typed = getattr(response.outputs[0].contents, contents)
        assert typed[-1] == _rounded(datatype, number)


@pytest.mark.parametrize(
    ("datatype", "number", "status"),
    [
        ("FP16", 65504, 200),
        ("FP16", 65519, 200),
        ("FP16", -65519.9999, 200),
        ("FP16", 65520, 400),
        ("FP32", 3.4028235e38, 200),
        ("FP32", 3.4028235677973362e38, 200),
        ("FP32", 3.4028235677973366e38, 400),
        ("FP64", 1.7976931348623157e308, 200),
    ],
)
def test_the_bounds_are_those_of_rounding(
    ways: Ways, datatype: str, number: float, status: int
) -> None:
    for sign in (1, -1):
        body = {"inputs": [tensor(datatype, [1], [sign * number])]}
        assert ways.ask("json", body).status == status
