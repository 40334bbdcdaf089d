"""What a class of requests is: what is sent, and what is right for it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from kserve_conformance.asking.server import Server
from kserve_conformance.catalogue import Level
from kserve_conformance.expect import Departure

Kinds = Sequence[st.SearchStrategy[Any]]


class Blamed(Departure):
    """A refusal that says that the server is at fault, where the request is.

    inference_rest.md asks for an error status and calls 400 the typical one, so that any of them
    is a refusal.
    """


@dataclass(frozen=True)
class RequestClass:
    """Requests that are right or wrong in one way.

    Attributes:
        level: how binding the right answer is; None where the texts leave it open.
        sentence: what the requests are.
        profile: ``v1``, ``v2`` or ``grpc``.
        kinds: gives them for a server; of each kind some are sent.
        judge: asks the server for one, and raises `Departure` where the answer is wrong; `Blamed`
            where it is as the level binds the server, and not as it should be.
        feature: the extension that they belong to, None where they belong to the protocol.
        is_valid: whether the model's answer is looked at, which takes the contract model.
    """

    name: str
    level: Level | None
    sentence: str
    profile: str
    kinds: Callable[[Server], Kinds]
    judge: Callable[[Server, Any], None]
    feature: str | None = None
    is_valid: bool = False
