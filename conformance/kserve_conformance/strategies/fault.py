"""What a class of invalid requests is: a name, how binding it is, and how a request gets so."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from kserve_conformance.catalogue import Level

# Given a valid request, breaks it in place, or gives what is to be sent instead.
Breaks = Callable[[st.DrawFn, Any], Any]


@dataclass(frozen=True)
class Fault:
    """One way in which a request is invalid.

    Attributes:
        name: ``PROTOCOL/CLASS``.
        level: how binding it is that a server refuses it; None where the texts leave that to the
            server, which may make sense of it, so that only a strict one refuses it.
        sentence: what is wrong with the request.
    """

    name: str
    level: Level | None
    sentence: str
    breaks: Breaks

    @property
    def protocol(self) -> str:
        """Give the first part of the name."""
        return self.name.partition("/")[0]

    def requests(self, whole: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
        """Give requests that are ``whole`` but for this fault."""
        return _broken(self.breaks, whole)


FAULTS: dict[str, Fault] = {}


def fault(name: str, level: Level | None, sentence: str) -> Callable[[Breaks], Breaks]:
    """Make a function a class of invalid requests."""

    def join(function: Breaks) -> Breaks:
        if name in FAULTS:
            raise ValueError(f"{name} is there twice")
        FAULTS[name] = Fault(name, level, sentence, function)
        return function

    return join


@st.composite
def _broken(draw: st.DrawFn, breaks: Breaks, whole: st.SearchStrategy[Any]) -> Any:
    request = copy.deepcopy(draw(whole))
    instead = breaks(draw, request)
    return request if instead is None else instead
