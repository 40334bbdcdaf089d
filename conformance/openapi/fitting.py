"""What OpenAPI has no words for, brought about in the requests that Schemathesis makes.

A tensor has as many elements as its shape says, inputs have names of their own, and a requested
output is one that the model has. Without this nearly each valid request of inference would be
refused. The outputs are those of the contract model, which gives back inputs whose names begin so.
"""

from __future__ import annotations

from typing import Any

import schemathesis


@schemathesis.hook
def before_call(
    _context: schemathesis.HookContext, case: schemathesis.Case[Any], _kwargs: dict[str, Any]
) -> None:
    """Make a valid request one that the contract model can answer."""
    is_valid = case.meta is not None and case.meta.generation.mode.is_positive
    if not is_valid or case.method != "POST":
        return
    # mypy: what is valid here is an object.
    body: Any = case.body
    if case.path.endswith("/infer"):
        case.body = _fitted(body)
    elif case.path.startswith("/v1/"):
        # What no instances come to is the server's to say.
        case.body = {key: [None] if listed == [] else listed for key, listed in body.items()}


def _fitted(body: dict[str, Any]) -> dict[str, Any]:
    inputs = [
        tensor | _counted(tensor["data"]) | {"name": f"returned{place}{tensor['name']}"}
        for place, tensor in enumerate(body["inputs"])
    ]
    fitted = {**body, "inputs": inputs}
    if body.get("outputs"):
        paired = zip(body["outputs"], inputs, strict=False)
        fitted["outputs"] = [{**wanted, "name": tensor["name"]} for wanted, tensor in paired]
    return fitted


def _counted(data: list[Any]) -> dict[str, Any]:
    """Give a shape beside data that have it: nested ones stay so where they are even."""
    data = _as_integers(data)
    flat = _flat(data)
    if data and all(isinstance(row, list) for row in data):
        lengths = {len(row) for row in data}
        if len(lengths) == 1 and not any(isinstance(each, list) for row in data for each in row):
            return {"shape": [len(data), *lengths], "data": data}
    return {"shape": [len(flat)], "data": flat}


def _flat(data: list[Any]) -> list[Any]:
    return [
        element for each in data for element in (_flat(each) if isinstance(each, list) else [each])
    ]


def _as_integers(data: Any) -> Any:
    """Write whole numbers without a fraction.

    To JSON Schema 1.0 is an integer, and the protocol lets a server refuse it for one.
    """
    if isinstance(data, list):
        return [_as_integers(each) for each in data]
    is_whole = isinstance(data, float) and data.is_integer()
    return int(data) if is_whole else data
