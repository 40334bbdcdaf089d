"""What the checks of :predict and :explain share: bodies to send, and to take apart."""

from __future__ import annotations

from typing import Any

from kserve_conformance import expect
from kserve_conformance.asking.server import Server, encode


def member(told: Any, name: str) -> Any:
    """Give a member of an answer; raise `Departure` where it has none of that name."""
    shown = expect.shortened(expect.as_json(told))
    expect.that(isinstance(told, dict) and name in told, f"the answer has no {name}: {shown}")
    return told[name]


def root_key(server: Server) -> str:
    """Give the root key of the request that the model is known to answer."""
    return "inputs" if "inputs" in server.v1_sample() else "instances"


def with_other_root_key(server: Server) -> dict[str, Any]:
    """Give the request that the model is known to answer with the other of the two root keys."""
    sample, key = server.v1_sample(), root_key(server)
    value = sample.pop(key)
    return {"instances" if key == "inputs" else "inputs": value, **sample}


def with_member(server: Server, value: bytes) -> bytes:
    """Add to the request that the model is known to answer, so that only this can be wrong."""
    return encode(server.v1_sample())[:-1] + b', "conformance": ' + value + b"}"
