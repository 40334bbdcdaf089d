"""What the checks of V2 inference share: requests that are wrong in one place, and answers read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from kserve_conformance import expect, round_trip, tensors
from kserve_conformance.asking.http_client import Answer
from kserve_conformance.asking.server import Server, encode

# BF16 is in the texts, though not in their tables of datatypes.
NAMES_OF_DATATYPES = (*tensors.DATATYPES, "BF16")


def extremes(datatype: str) -> dict[str, Any]:
    """Make a tensor that holds the ends of a datatype's range."""
    data = list(tensors.DATATYPES[datatype].extremes)
    return tensors.tensor(f"returned_{datatype}", datatype, [len(data)], data)


def outputs(answer: Answer) -> list[dict[str, Any]]:
    """Give the outputs, one at least, of an answer that must be a success, their data flat.

    Raises:
        Departure: when it is none, or has no outputs.
    """
    told = answer.success()
    with expect.reading("the V2 answer"):
        found = tensors.essential(told)
    expect.that(bool(found), f"{answer.asked}: there are no outputs")
    return found


def names(answer: Answer) -> list[str]:
    """Give the names of the outputs of an answer that must be a success, in alphabetical order.

    Raises:
        Departure: when it is none, or has no outputs.
    """
    return sorted(str(each["name"]) for each in outputs(answer))


def expect_back(answer: Answer, sent: Sequence[Mapping[str, Any]]) -> None:
    """Go on where an answer of the contract model gives back the tensors that it was sent.

    Raises:
        Departure: when it doesn't.
    """
    told = answer.success()
    with expect.reading("the V2 answer"):
        back = round_trip.of_json(told["outputs"])
    round_trip.expect_back(round_trip.of_json(sent), (), back, answer.asked)


def come_back(server: Server, *sent: Mapping[str, Any]) -> None:
    """Ask the contract model with tensors, and go on where it gives each back as it is.

    Raises:
        Departure: when it doesn't.
        Unsupported: when the model isn't the contract model.
    """
    server.need_contract_v2()
    expect_back(server.infer({"inputs": list(sent)}), sent)


def refused_or_back(answer: Answer, meant: Mapping[str, Any]) -> None:
    """Go on where a tensor is refused or comes back as the one that it means.

    Raises:
        Departure: when another comes back.
    """
    if answer.status < 400:
        expect_back(answer, [meant])


def changed(server: Server, **members: Any) -> dict[str, Any]:
    """Give the request that the model is known to answer, with members of its first input changed.

    Raises:
        Unsupported: when none is known.
    """
    body = server.v2_sample()
    body["inputs"][0] |= members
    return body


def with_parameters(holder: Mapping[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    """Give a request, an input or an output with parameters besides those that it has.

    The model may need its own.
    """
    return {**holder, "parameters": {**holder.get("parameters", {}), **more}}


def without(server: Server, member: str) -> dict[str, Any]:
    """Give the request that the model is known to answer, with a member of its first input gone.

    Raises:
        Unsupported: when none is known.
    """
    body = server.v2_sample()
    body["inputs"][0].pop(member, None)
    return body


def sample_data(server: Server) -> list[Any]:
    """Give the elements of the first input of the request that the model is known to answer.

    Raises:
        Unsupported: when none is known.
    """
    return tensors.flat(server.v2_sample()["inputs"][0]["data"])


def with_member(server: Server, value: bytes) -> bytes:
    """Add a member of any bytes to the request that the model is known to answer.

    Raises:
        Unsupported: when none is known.
    """
    return encode(server.v2_sample())[:-1] + b', "conformance": ' + value + b"}"
