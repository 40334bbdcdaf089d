"""Invalid requests: each class of `strategies.invalid`, which has to be refused."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from hypothesis import strategies as st

from kserve_conformance.asking.extensions import BINARY, REPOSITORY
from kserve_conformance.asking.grpc_client import SERVICE, CallFailed
from kserve_conformance.asking.http_client import Answer
from kserve_conformance.asking.server import Server
from kserve_conformance.expect import Departure
from kserve_conformance.fuzzing.classes import Blamed, RequestClass
from kserve_conformance.strategies import Fault, invalid, valid

_MODEL_INFER = f"/{SERVICE}/ModelInfer"
_INSTANCES = {"instances": [1]}
_INPUTS = {"inputs": [{"name": "returned", "shape": [1], "datatype": "INT32", "data": [1]}]}


def classes() -> Iterable[RequestClass]:
    """Give the classes."""
    return map(_class_of, invalid.CLASSES.values())


def _class_of(fault: Fault) -> RequestClass:
    protocol, _, name = fault.name.partition("/")
    requests, judge = _HOW[protocol]
    profile = {"binary": "v2", "path": "v2", "wire": "grpc"}.get(protocol, protocol)
    features = {"binary": BINARY, "repository": REPOSITORY}
    return RequestClass(
        name=fault.name,
        level=fault.level,
        sentence=fault.sentence,
        profile="v1" if name == "v1-model" else profile,
        kinds=lambda server: [requests(server, name)],
        judge=judge,
        feature=features.get(protocol) or features.get(name),
    )


# The requests that are broken are the model's own where it isn't the contract model.


def _v1_requests(server: Server, name: str) -> st.SearchStrategy[Any]:
    known = server.known.is_contract_v1
    return invalid.v1(name, bodies=None if known else st.just(server.v1_sample()))


def _v2_requests(server: Server, name: str) -> st.SearchStrategy[Any]:
    known = server.known.is_contract_v2
    return invalid.v2(name, bodies=None if known else st.just(server.v2_sample()))


def _binary_requests(server: Server, name: str) -> st.SearchStrategy[Any]:
    if server.known.is_contract_v2:
        return invalid.binary(name)
    sample = server.v2_sample()
    names = [each["name"] for each in sample["inputs"]]
    return invalid.binary(name, requests=st.just(valid.as_binary(sample, names)))


def _grpc_requests(server: Server, name: str) -> st.SearchStrategy[Any]:
    known = server.known.is_contract_v2
    messages = None if known else st.just(server.grpc_sample())
    return invalid.grpc(name, model=server.model, messages=messages)


def _v1_refuses(server: Server, body: bytes) -> None:
    server.predict(body).failure()


def _v2_refuses(server: Server, body: bytes) -> None:
    answer = server.infer(body)
    if answer.status >= 500:
        answer.error(answer.status)
        _blame(answer)
    answer.error()


def _binary_refuses(server: Server, request: valid.BinaryRequest) -> None:
    server.infer_binary(request.head, request.raw, request.length).error()


def _path_refuses(server: Server, path: str) -> None:
    answer = server.ask("POST", path, _INSTANCES if path.startswith("/v1") else _INPUTS)
    # 501 is what a server says of explanations and versions that it doesn't have.
    if answer.status > 501 or answer.status == 500:
        _blame(answer)
    if answer.status != 501:
        answer.failure()


def _blame(answer: Answer) -> None:
    try:
        answer.failure()
    except Departure as departure:
        raise Blamed(str(departure), departure.expected, departure.observed) from None


def _grpc_refuses(server: Server, message: Any) -> None:
    server.refused("ModelInfer", message)


def _wire_refuses(server: Server, wire: bytes) -> None:
    try:
        server.call_bytes(_MODEL_INFER, wire)
    except CallFailed as failed:
        if failed.is_no_answer:
            raise
        return
    raise Departure("ModelInfer: expected an error status, got OK", "an error", "OK")


_How = tuple[Callable[[Server, str], st.SearchStrategy[Any]], Callable[[Server, Any], None]]
_HOW: Mapping[str, _How] = {
    "v1": (_v1_requests, _v1_refuses),
    "v2": (_v2_requests, _v2_refuses),
    "binary": (_binary_requests, _binary_refuses),
    "path": (lambda server, name: invalid.paths(name, model=server.model), _path_refuses),
    "grpc": (_grpc_requests, _grpc_refuses),
    "wire": (lambda server, name: invalid.wire(name, model=server.model), _wire_refuses),
}
