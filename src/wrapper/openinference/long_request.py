"""A long inference request in JSON: read in steps, and the data of its long tensors not at all.

What else it says is read as that of any request, and the same rules judge it.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from wrapper import json_body
from wrapper.errors import ServingError
from wrapper.json_cuts import PIECE
from wrapper.json_pieces import Document, Span
from wrapper.openinference import long_data, normal_form
from wrapper.steps import Steps

# Bytes of a member that isn't a tensor's data: some thousand times what clients send.
MOST_BESIDE_DATA = 1024 * 1024

_OF_REQUEST = ("id", "parameters", "inputs", "outputs")
_OF_TENSOR = ("name", "shape", "datatype", "parameters", "data")


def read(document: Document, size: int = PIECE) -> Steps[tuple[dict[str, Any], bool]]:
    """Give the request in the normal form, and whether it had another.

    Args:
        size: bytes of what is short.

    Raises:
        ServingError: 400 when it is no object, 413 when more than the data of tensors is long.
    """
    root = document.root
    if not root.is_object:
        raise json_body.no_object(root.beginning())
    asked = yield from _members(root, _OF_REQUEST, size, "the request")
    listed = asked.get("inputs")
    formed = normal_form.of_request(asked)
    changed = formed is not asked
    if isinstance(listed, Span):
        inputs, its = yield from _inputs(listed, size)
        formed, changed = {**formed, "inputs": inputs}, changed or its
    return formed, changed


def _inputs(listed: Span, size: int) -> Steps[tuple[list[Any], bool]]:
    inputs: list[Any] = []
    changed = False
    for each in listed.elements():
        if each is None:
            yield
            continue
        if each.size <= size or not each.is_object:
            tensor = each.beginning() if each.size > size else each.read()
        else:
            tensor = yield from _members(each, _OF_TENSOR, size, f"inputs[{len(inputs)}]")
            if isinstance(tensor.get("data"), Span):
                tensor["data"] = yield from long_data.of_span(tensor["data"])
        formed = normal_form.of_input(tensor) if isinstance(tensor, dict) else tensor
        changed = changed or formed is not tensor
        inputs.append(formed)
    return inputs, changed


def _members(owner: Span, known: Collection[str], size: int, place: str) -> Steps[dict[str, Any]]:
    """Give an object whose long lists of tensors, or of a tensor's data, are spans."""
    values: dict[str, Span] = {}
    for member in owner.members():
        if member is None:
            yield
        else:
            values[member.name] = member.value
    read: dict[str, Any] = {}
    for name, value in values.items():
        if value.size <= size:
            read[name] = value.read()
        elif name not in known:
            read[name] = long_data.as_it_stands(value)
        elif name in ("inputs", "data"):
            read[name] = value if value.is_list else _no_list(value)
        elif value.size > MOST_BESIDE_DATA:
            raise ServingError(
                413,
                f'"{name}" of {place} has {value.size} bytes: {MOST_BESIDE_DATA} are the most '
                "beside the data of tensors",
            )
        else:
            read[name] = value.read()
            yield
    return read


def _no_list(value: Span) -> Any:
    # An object is refused, but a text alone is a tensor of no dimension.
    return value.beginning() if value.is_object else value.read()
