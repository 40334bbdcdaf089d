"""Parameters of a request, a tensor, a requested output and an answer, in JSON and in messages.

One rule for both: a text, a boolean or a number, and the same on every way. Sources: "Parameters"
of inference_rest.md; InferParameter of open_inference_grpc.proto, which has double_param and
uint64_param since November 2023.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from wrapper.errors import ServingError
from wrapper.json_body import kind

# The parameter of the binary tensor data extension that tells a tensor's bytes.
SIZE = "binary_data_size"


def check(owner: Mapping[str, Any], place: str) -> Mapping[str, Any]:
    """Give the parameters of an object of a request, none where it has no such member.

    Args:
        place: what the object is, for a sentence.

    Raises:
        ServingError: 400 when they are no object, or one of them is neither text, boolean nor
            number.
    """
    parameters = owner.get("parameters", {})
    if not isinstance(parameters, dict):
        raise ServingError(400, f'Expected "parameters" of {place} to be an object')
    for name, value in parameters.items():
        if not isinstance(value, (str, bool, int, float)):
            raise ServingError(
                400,
                f'Expected the parameter "{name}" of {place} to be a string, a number or a '
                f"boolean, got {kind(value)}",
            )
    return parameters


def flag(parameters: Mapping[str, Any], name: str, place: str, default: bool = False) -> bool:
    """Give a parameter that is a boolean.

    Raises:
        ServingError: 400 when it is there and none.
    """
    value = parameters.get(name, default)
    if not isinstance(value, bool):
        raise ServingError(400, f'Expected the parameter "{name}" of {place} to be a boolean')
    return value


def from_message(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Give what a map of InferParameter says.

    Raises:
        ServingError: 400 for a parameter without a value.
    """
    return {name: _value(name, parameter) for name, parameter in parameters.items()}


def fill_message(parameters: Any, told: Mapping[str, Any]) -> None:
    """Put parameters of an answer in JSON into a map of InferParameter.

    A number is an int64 or uint64 where it is an integer that one of them holds, else a double.
    What the protocol has no parameter for, a list or an object, is JSON as text; null is absent.
    """
    for name, value in told.items():
        if value is None:
            continue
        parameter = parameters[name]
        if isinstance(value, bool):
            parameter.bool_param = value
        elif isinstance(value, int) and -(2**63) <= value < 2**63:
            parameter.int64_param = value
        elif isinstance(value, int) and 0 <= value < 2**64:
            parameter.uint64_param = value
        elif isinstance(value, (int, float)):
            parameter.double_param = _double(value)
        else:
            is_text = isinstance(value, str)
            parameter.string_param = value if is_text else json.dumps(value, ensure_ascii=False)


def _value(name: str, parameter: Any) -> Any:
    which = parameter.WhichOneof("parameter_choice")
    if which is None:
        raise ServingError(400, f"The parameter {name} has no value")
    return getattr(parameter, which)


def _double(number: float) -> float:
    try:
        return float(number)
    except OverflowError:
        return float("inf") if number > 0 else float("-inf")
