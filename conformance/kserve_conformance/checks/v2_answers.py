"""What the checks of V2 inference share: the server's sample made wrong, and answers read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from kserve_conformance import expect, round_trip, tensors
from kserve_conformance.asking.http_client import Answer
from kserve_conformance.asking.server import Server, encode

# BF16 is in the texts, though not in their tables of datatypes.
NAMES_OF_DATATYPES = (*tensors.DATATYPES, "BF16")
# Shapes that one element fills, and none, to whoever multiplies in 64 bits: 2^64 + 1, and 2^64.
OF_ONE = [274177, 67280421310721]
OF_NONE = [2**32, 2**32]


def extremes(datatype: str) -> dict[str, Any]:
    """Make a tensor that holds the ends of a datatype's range."""
    data = list(tensors.DATATYPES[datatype].extremes)
    return tensors.returned(datatype, [len(data)], data)


def outputs(answer: Answer) -> list[dict[str, Any]]:
    """Give the outputs, their data flat; `Departure` where there are none, or no success."""
    told = answer.success()
    with expect.reading("the V2 answer"):
        found = tensors.essential(told)
    expect.that(bool(found), f"{answer.asked}: there are no outputs")
    return found


def names(answer: Answer) -> list[str]:
    """Give the names of the `outputs` in alphabetical order."""
    return sorted(str(each["name"]) for each in outputs(answer))


def expect_back(answer: Answer, sent: Sequence[Mapping[str, Any]]) -> None:
    """Raise `Departure` where an answer of the contract model doesn't give back what was sent."""
    told = answer.success()
    with expect.reading("the V2 answer"):
        back = round_trip.of_json(told["outputs"])
    round_trip.expect_back(round_trip.of_json(sent), (), back, answer.asked)


def come_back(server: Server, *sent: Mapping[str, Any]) -> None:
    """Need the contract model, and raise `Departure` where it doesn't give tensors back."""
    server.need_contract_v2()
    expect_back(server.infer({"inputs": list(sent)}), sent)


def refused_or_back(answer: Answer, meant: Mapping[str, Any]) -> None:
    """Raise `Departure` where a tensor is not refused and comes back as another than it means."""
    if answer.status < 400:
        expect_back(answer, [meant])


def changed(server: Server, **members: Any) -> dict[str, Any]:
    """Give the sample with members of its first input changed."""
    body = server.v2_sample()
    body["inputs"][0] |= members
    return body


def with_parameters(holder: Mapping[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    """Give a request, an input or an output with parameters beside its own, which it may need."""
    return {**holder, "parameters": {**holder.get("parameters", {}), **more}}


def without(server: Server, member: str) -> dict[str, Any]:
    """Give the sample with a member of its first input gone."""
    body = server.v2_sample()
    body["inputs"][0].pop(member, None)
    return body


def with_member(server: Server, value: bytes) -> bytes:
    """Add a member of any bytes to the sample."""
    return encode(server.v2_sample())[:-1] + b', "conformance": ' + value + b"}"
