"""Requests that a server has to refuse, each for one reason that has a name.

`CLASSES` has them all. A strategy gives those of the classes that it is told, or of all that a
text binds a server to refuse; `names` with ``strict`` has those, too, that the texts leave open.
No strategy gives a request that a server has to answer with success.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st
from tritonclient.grpc import service_pb2

from kserve_conformance.asking.server import encode
from kserve_conformance.strategies import (  # noqa: F401  # faults join themselves to FAULTS
    binary_faults,
    grpc_faults,
    path_faults,
    v1_faults,
    v2_faults,
    valid,
)
from kserve_conformance.strategies.fault import FAULTS, Fault
from kserve_conformance.strategies.valid import BinaryRequest, Body
from kserve_conformance.tensors import DATATYPES

CLASSES: Mapping[str, Fault] = FAULTS

_WITHOUT_HALVES = [name for name in DATATYPES if name != valid.HALVES]


def names(protocol: str, strict: bool = False) -> list[str]:
    """List the classes of v1, v2, binary, path, grpc or wire; ``strict`` adds those left open."""
    return [
        name.partition("/")[2]
        for name, each in CLASSES.items()
        if each.protocol == protocol and (strict or each.level is not None)
    ]


def v1(*classes: str, bodies: st.SearchStrategy[Body] | None = None) -> st.SearchStrategy[bytes]:
    """Give bodies that are no V1 request; ``bodies`` are valid ones to break."""
    return _of("v1", classes, valid.v1_bodies() if bodies is None else bodies).map(_written)


def v2(*classes: str, bodies: st.SearchStrategy[Body] | None = None) -> st.SearchStrategy[bytes]:
    """Give bodies that are no V2 request; ``bodies`` are valid ones to break."""
    plain = valid.plain_bodies(datatypes=_WITHOUT_HALVES)
    return _of("v2", classes, plain if bodies is None else bodies).map(_written)


def binary(
    *classes: str, requests: st.SearchStrategy[BinaryRequest] | None = None
) -> st.SearchStrategy[BinaryRequest]:
    """Give requests that break the binary tensor data extension, of valid ones."""
    plain = valid.binary_requests(bodies=valid.plain_bodies(text=False))
    return _of("binary", classes, plain if requests is None else requests)


def paths(*classes: str, model: str = "contract") -> st.SearchStrategy[str]:
    """Give paths, percent-encoded, at which a POST has to be refused.

    None leads to the server's ``model``; others that it may have are as good as never guessed.
    """
    return _of("path", classes, st.just(model))


def grpc(
    *classes: str,
    model: str = "contract",
    messages: st.SearchStrategy[service_pb2.ModelInferRequest] | None = None,
) -> st.SearchStrategy[service_pb2.ModelInferRequest]:
    """Give messages that are no valid ModelInferRequest.

    ``messages`` are valid ones to break; those with raw contents can't be broken in each way.
    """
    return _of("grpc", classes, _messages(model) if messages is None else messages)


def wire(*classes: str, model: str = "contract") -> st.SearchStrategy[bytes]:
    """Give bytes for ModelInfer that are no message."""
    return _of("wire", classes, _messages(model))


def _messages(model: str) -> st.SearchStrategy[service_pb2.ModelInferRequest]:
    plain = valid.plain_bodies(datatypes=valid.TYPED, text=False)
    return valid.typed_requests(model, bodies=plain)


def _of(
    protocol: str, classes: tuple[str, ...], whole: st.SearchStrategy[Any]
) -> st.SearchStrategy[Any]:
    known = names(protocol, strict=True)
    for name in classes:
        if name not in known:
            raise ValueError(f"{protocol} has no class {name}: it has {', '.join(known)}")
    faults = [CLASSES[f"{protocol}/{name}"] for name in classes or names(protocol)]
    return st.one_of([each.requests(whole) for each in faults])


def _written(request: Any) -> bytes:
    return request if isinstance(request, bytes) else encode(request)
