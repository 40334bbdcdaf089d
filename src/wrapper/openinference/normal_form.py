"""The one form in which requests are judged and passed on: null is absent, data is a list.

Clients that write optional members as null mean that they have nothing to say there. The same
holds for what models answer, and for the bodies of other protocols.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Callable

from wrapper.openinference.long_data import LongData
from wrapper.openinference.raw_data import RawData

_LISTS = (list, LongData, RawData)
_OF_REQUEST = ("id", "parameters", "outputs")
# A tensor's data is optional where bytes behind the JSON are instead.
_OF_INPUT = ("parameters", "data")
_OF_OUTPUT = ("parameters",)


def of_request(asked: dict[str, Any]) -> dict[str, Any]:
    """Give an inference request, or a binary one's head, in this form.

    What breaks the specification stays as it is, for the rules that refuse it.

    Returns:
        The same object where it has the form already.
    """
    changed = without_nulls(asked, _OF_REQUEST)
    inputs = _each(changed.get("inputs"), of_input)
    outputs = _each(changed.get("outputs"), lambda output: without_nulls(output, _OF_OUTPUT))
    for member, listed in (("inputs", inputs), ("outputs", outputs)):
        if listed is not changed.get(member):
            changed = {**changed, member: listed}
    return changed


def without_nulls(owner: dict[str, Any], members: Collection[str] | None = None) -> dict[str, Any]:
    """Give an object without those of some members (None for all) that are null.

    Returns:
        The same object where none is.
    """
    absent = {
        member
        for member in (owner if members is None else members)
        if member in owner and owner[member] is None
    }
    if not absent:
        return owner
    return {member: value for member, value in owner.items() if member not in absent}


def of_input(tensor: dict[str, Any]) -> dict[str, Any]:
    """Give a tensor of a request; the same object where it has the form already."""
    return of_tensor(without_nulls(tensor, _OF_INPUT))


def of_tensor(tensor: dict[str, Any]) -> dict[str, Any]:
    """Give a tensor whose data is a list; the same object where it is one already."""
    if tensor.get("shape") == [] and "data" in tensor and not isinstance(tensor["data"], _LISTS):
        # An element alone is how the shape of no dimension nests; envelopes read lists.
        return {**tensor, "data": [tensor["data"]]}
    return tensor


def _each(listed: Any, change: Callable[[dict[str, Any]], dict[str, Any]]) -> Any:
    if not isinstance(listed, list):
        return listed
    changed = [change(each) if isinstance(each, dict) else each for each in listed]
    same = all(one is other for one, other in zip(listed, changed))
    return listed if same else changed
