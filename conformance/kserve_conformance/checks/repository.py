"""The model repository extension: which models there are, loading and unloading them."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from tritonclient.grpc import service_pb2

from kserve_conformance import expect
from kserve_conformance.asking.grpc_client import CallFailed
from kserve_conformance.asking.server import Server
from kserve_conformance.checks.refusals import (
    DEEPEST,
    UNKNOWN_MODEL,
    answered_or_refused,
    nested,
    refused,
    refused_with_error,
)
from kserve_conformance.checks.registry import check
from kserve_conformance.expect import Departure
from kserve_conformance.results.verdict import Unsupported

_INDEX = "/v2/repository/index"
_READY = "READY"
# Seconds between looks whether a model that was loaded is ready: servers that load in the
# background answer before it is.
_WAITS = (0.05, 0.1, 0.2, 0.4, 0.8)


def _need_repository_over_grpc(server: Server) -> None:
    """Go on where the extension is listed over gRPC, or seen: REST may have it alone."""
    with contextlib.suppress(CallFailed):
        listed = server.call("ServerMetadata").extensions
        # KServe's SDK says model_repository_extension.
        if "model_repository" in {each.removesuffix("_extension") for each in listed}:
            return
    try:
        server.call("RepositoryIndex")
    except CallFailed as error:
        if error.code == "UNIMPLEMENTED":
            raise Unsupported(
                "the server neither lists nor shows the extension model_repository over gRPC"
            ) from None


@check("V2-REPO-001")
def the_models_are_listed(server: Server) -> None:
    _has_a_state(server.model, _states(server))


@check("V2-REPO-002")
def a_ready_model_is_in_the_state_ready(server: Server) -> None:
    expect.equal(_states(server).get(server.model), _READY, f"the state of {server.model}")


@check("V2-REPO-003")
def a_model_that_is_not_ready_is_listed(server: Server) -> None:
    name = server.not_ready_model()
    states = _states(server)
    _is_listed(name, states)
    expect.that(states[name] != _READY, f"the state of {name}, which isn't ready, is READY")


@check("V2-REPO-004")
def the_index_lists_what_is_ready(server: Server) -> None:
    _are_the_ready(server, _states(server), _states(server, ready=True))


@check("V2-REPO-005")
def the_index_is_not_got(server: Server) -> None:
    server.get(_INDEX).failure(405, 404)


@check("V2-REPO-006")
def an_unknown_model_is_not_loaded(server: Server) -> None:
    refused_with_error(server.ask("POST", _path(UNKNOWN_MODEL, "load")))


@check("V2-REPO-007")
def a_loaded_model_may_be_loaded(server: Server) -> None:
    spare = server.spare_model()
    with _mended(server):
        _load(server, spare)


@check("V2-REPO-008")
def an_unloaded_model_is_gone(server: Server) -> None:
    spare, sample = server.spare_model(), server.v2_sample()
    if server.get(_ready_path(spare)).status != 200:
        raise Unsupported(f"the model {spare} isn't ready, so that nothing is seen of an unload")
    with _mended(server):
        _unload(server, spare)
        for method, path, body in (
            ("GET", _ready_path(spare), None),
            ("POST", f"/v2/models/{spare}/infer", sample),
        ):
            answer = server.ask(method, path, body)
            told = f"{answer.asked}: {answer.status} after it was unloaded"
            expect.that(answer.status >= 400, told)


@check("V2-REPO-009")
def an_unloaded_model_can_be_loaded(server: Server) -> None:
    spare = server.spare_model()
    with _mended(server):
        _unload(server, spare)
        _load(server, spare)


@check("V2-REPO-010")
def an_unknown_model_is_not_unloaded(server: Server) -> None:
    refused_with_error(server.ask("POST", _path(UNKNOWN_MODEL, "unload")))


@check("V2-REPO-011")
def what_is_no_json_loads_nothing(server: Server) -> None:
    # The model may be loaded, so that only the body can be the reason.
    spare = server.spare_model()
    with _mended(server):
        server.ask("POST", _path(spare, "load"), b"{").error()


@check("V2-REPO-012")
def deep_nesting_is_survived(server: Server) -> None:
    if server.ask("POST", _INDEX, {}).status != 200:
        raise Unsupported("the repository has no index")
    deep = b'{"ready": ' + nested(DEEPEST) + b"}"
    answered_or_refused(server.ask("POST", _INDEX, deep))
    _states(server)


@check("V2-REPO-013")
def names_lead_nowhere(server: Server) -> None:
    for name in ("%20", "..%2Fconformance", "..%5Cconformance", "%2Fconformance"):
        refused(server.ask("POST", _path(name, "load"), {}))


@check("GRPC-REPO-001", _need_repository_over_grpc)
def the_models_are_listed_over_grpc(server: Server) -> None:
    _has_a_state(server.model, _states_by_grpc(server))


@check("GRPC-REPO-002", _need_repository_over_grpc)
def the_index_over_grpc_lists_what_is_ready(server: Server) -> None:
    _are_the_ready(server, _states_by_grpc(server), _states_by_grpc(server, ready=True))


@check("GRPC-REPO-003", _need_repository_over_grpc)
def an_unknown_model_is_not_loaded_over_grpc(server: Server) -> None:
    request = service_pb2.RepositoryModelLoadRequest(model_name=UNKNOWN_MODEL)
    ended = server.refused("RepositoryModelLoad", request)
    expect.that(ended.code != "UNIMPLEMENTED", str(ended))


@check("GRPC-REPO-005", _need_repository_over_grpc)
def an_unknown_model_is_not_unloaded_over_grpc(server: Server) -> None:
    request = service_pb2.RepositoryModelUnloadRequest(model_name=UNKNOWN_MODEL)
    server.refused("RepositoryModelUnload", request)


@check("GRPC-REPO-004", _need_repository_over_grpc)
def a_model_goes_and_comes_back_over_grpc(server: Server) -> None:
    spare = server.spare_model()
    with _mended(server):
        _call_for(server, "RepositoryModelUnload", spare)
        expect.that(not _is_ready_by_grpc(server, spare), f"{spare} is ready after the unload")
        _call_for(server, "RepositoryModelLoad", spare)
        _becomes_ready(spare, lambda: _is_ready_by_grpc(server, spare))


def _path(name: str, action: str) -> str:
    return f"/v2/repository/models/{name}/{action}"


def _ready_path(name: str) -> str:
    return f"/v2/models/{name}/ready"


def _states(server: Server, **members: Any) -> dict[str, str]:
    told = server.ask("POST", _INDEX, members).success()
    with expect.reading("the repository's index"):
        expect.that(isinstance(told, list), f"the index is no list: {expect.as_json(told)[:200]}")
        return _by_name((each["name"], each.get("state", "")) for each in told)


def _states_by_grpc(server: Server, **members: Any) -> dict[str, str]:
    told = server.call("RepositoryIndex", service_pb2.RepositoryIndexRequest(**members))
    return _by_name((each.name, each.state) for each in told.models)


def _by_name(entries: Iterable[tuple[Any, Any]]) -> dict[str, str]:
    """Read the entries of an index; Triton has one for each version, and none has to be loaded."""
    states: dict[str, str] = {}
    for name, state in entries:
        expect.that(isinstance(name, str) and name != "", f"a model's name is {name!r}")
        expect.that(isinstance(state, str), f"the state of {name} is {state!r}")
        if states.get(name) != _READY:
            states[name] = state
    return states


def _is_listed(name: str, states: Mapping[str, str]) -> None:
    expect.that(name in states, f"the index lists {sorted(states)}, not {name}")


def _has_a_state(name: str, states: Mapping[str, str]) -> None:
    _is_listed(name, states)
    expect.that(states[name] != "", f"the index has no state of {name}")


def _are_the_ready(server: Server, every: Mapping[str, str], ready: Mapping[str, str]) -> None:
    """Compare an index with that of the ready models, by the states that the first one tells."""
    _is_listed(server.model, every)
    others = {name for name, state in every.items() if state != every[server.model]}
    if not others:
        raise Unsupported("all models of the repository are ready: there is nothing to leave out")
    expect.equal(sorted(ready), sorted(every.keys() - others), "the ready models")


def _unload(server: Server, name: str) -> None:
    answer = server.ask("POST", _path(name, "unload"))
    expect.equal(answer.status, 200, f"{answer.asked}: the status")


def _load(server: Server, name: str) -> None:
    answer = server.ask("POST", _path(name, "load"), {})
    expect.equal(answer.status, 200, f"{answer.asked}: the status")
    _becomes_ready(name, lambda: server.get(_ready_path(name)).status == 200)


def _becomes_ready(name: str, is_ready: Callable[[], bool]) -> None:
    for wait in _WAITS:
        if is_ready():
            return
        time.sleep(wait)
    expect.that(is_ready(), f"{name} isn't ready after the load")


@contextlib.contextmanager
def _mended(server: Server) -> Iterator[None]:
    """Have the spare model loaded in the end, whatever was found."""
    spare = server.spare_model()
    try:
        yield
    finally:
        # What was found counts, not that mending failed as well.
        with contextlib.suppress(Departure), server.aside():
            if server.get(_ready_path(spare)).status != 200:
                _load(server, spare)


def _call_for(server: Server, name: str, model: str) -> None:
    """Make a call with a model's name in member 2, as Triton's texts have it, or in 1."""
    request = getattr(service_pb2, f"{name}Request")
    try:
        server.call(name, request(model_name=model))
    except CallFailed as by_triton:
        try:
            # Triton's member 1; the name of the model to KServe's SDK.
            server.call(name, request(repository_name=model))
        except CallFailed as by_kserve:
            raise Departure(f"with the name in member 2, {by_triton}; in 1, {by_kserve}") from None


def _is_ready_by_grpc(server: Server, name: str) -> bool:
    try:
        return bool(server.call("ModelReady", service_pb2.ModelReadyRequest(name=name)).ready)
    except CallFailed:
        return False
