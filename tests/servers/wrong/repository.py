"""Servers whose model repository is wrong."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import grpc

from tests.servers.grpc_service import Ended
from tests.servers.http import Answer, Handler, Request
from tests.servers.running import RightServer
from tests.servers.state import MODEL, SPARE
from tests.servers.wrong.faults import (
    answer_failures,
    breaks,
    change_answers,
    change_call_requests,
    change_calls,
    change_documents,
    change_requests,
)
from tests.servers.wrong.grpc_faults import fail_calls

_INDEX = "/repository/index"
_CALLS = ("RepositoryIndex", "RepositoryModelLoad", "RepositoryModelUnload")


def _change_entries(server: RightServer, change: Callable[[dict[str, Any]], Any]) -> None:
    """Change each entry of the index, in place or not."""
    change_documents(server, _INDEX, lambda told: [change(each) or each for each in told])


def _only_say(server: RightServer, action: str) -> None:
    """Answer a load or an unload with 200 and do nothing."""

    async def fault(request: Request, proceed: Handler) -> Answer:
        if request.path.endswith(f"/{action}"):
            return Answer.of({action: True})
        return await proceed(request)

    server.rest_fault = fault


# ------------------------------------------------------------ REST


@breaks("V2-REPO-001", "V2-REPO-002", "V2-REPO-003", "V2-REPO-004")
def has_no_index(server: RightServer) -> None:
    """Has load and unload only, as KServe's SDK."""
    not_found = Answer.of({"detail": "Not Found"}, 404)
    change_answers(server, _INDEX, lambda *_: not_found)


@breaks("V2-REPO-001")
def wraps_its_index(server: RightServer) -> None:
    """Answers an object, as a list of V1 models is."""
    change_documents(server, _INDEX, lambda told: {"models": told})


@breaks("V2-REPO-001")
def lists_names_only(server: RightServer) -> None:
    """Has no state in its index."""
    _change_entries(server, lambda entry: {"name": entry["name"]})


@breaks("V2-REPO-001", "V2-REPO-002")
def lists_files(server: RightServer) -> None:
    """Lists models by the names of their archives."""
    _change_entries(server, lambda entry: {**entry, "name": f"{entry['name']}.mar"})


@breaks("V2-REPO-001")
def has_null_for_states(server: RightServer) -> None:
    """Knows the models' names and nothing of their states."""
    _change_entries(server, lambda entry: {**entry, "state": None})


@breaks("V2-REPO-002")
def has_states_of_its_own(server: RightServer) -> None:
    """Writes the name that its own enumeration has."""
    _change_entries(server, lambda entry: {**entry, "state": f"State.{entry['state']}"})


@breaks("V2-REPO-003")
def calls_all_of_its_index_ready(server: RightServer) -> None:
    """Has a constant for the state."""
    _change_entries(server, lambda entry: {**entry, "state": "READY"})


@breaks("V2-REPO-003")
def lists_what_is_loaded(server: RightServer) -> None:
    """Doesn't tell what there is to load."""
    change_documents(
        server, _INDEX, lambda told: [each for each in told if each["state"] == "READY"]
    )


@breaks("V2-REPO-004")
def does_not_read_what_is_wanted(server: RightServer) -> None:
    """Answers each index request alike."""

    def empty(request: Request) -> None:
        request.body = b"{}"

    change_requests(server, _INDEX, empty)


@breaks("V2-REPO-004")
def turns_what_is_wanted_around(server: RightServer) -> None:
    """Lists what isn't ready where what is ready is asked for."""

    def fault(request: Request, answer: Answer) -> None:
        if b"ready" in request.body:
            answer.put([{"name": "late", "state": "UNAVAILABLE"}])

    change_answers(server, _INDEX, fault)


@breaks("V2-REPO-005")
def takes_any_method(server: RightServer) -> None:
    """Answers GET as POST."""

    def post(request: Request) -> None:
        request.method = "POST"

    change_requests(server, _INDEX, post)


@breaks("V2-REPO-006")
def loads_later(server: RightServer) -> None:
    """Answers a load before it is known whether there is such a model."""
    answer_failures(server, "/load", 404, Answer.of({"load": True}))


@breaks("V2-REPO-006")
def says_nothing_of_a_failed_load(server: RightServer) -> None:
    """Answers a status only."""
    answer_failures(server, "/load", 404, Answer(503))


@breaks("V2-REPO-007")
def refuses_what_is_loaded(server: RightServer) -> None:
    """Refuses a name that is registered, as TorchServe's management API."""

    async def fault(request: Request, proceed: Handler) -> Answer:
        if request.path.endswith("/load") and server.state.models.get(SPARE):
            return Answer.error(409, "the model is already registered")
        return await proceed(request)

    server.rest_fault = fault


@breaks("V2-REPO-007", "V2-REPO-009")
def does_not_come_back(server: RightServer) -> None:
    """Takes a model away to load it again, and fails to."""

    def fault(*_: Any) -> None:
        server.state.models[SPARE] = False

    change_answers(server, "/load", fault)


@breaks("V2-REPO-008")
def keeps_unloaded_models(server: RightServer) -> None:
    """Says that it unloads."""
    _only_say(server, "unload")


@breaks("V2-REPO-008")
def still_infers_with_unloaded_models(server: RightServer) -> None:
    """Has another worker that still has the model."""

    def other(request: Request) -> None:
        request.path = request.path.replace(SPARE, MODEL)

    change_requests(server, "/infer", other)


@breaks("V2-REPO-008")
def still_calls_unloaded_models_ready(server: RightServer) -> None:
    """Keeps the readiness that a model had."""

    def other(request: Request) -> None:
        if request.path.endswith("/ready"):
            request.path = request.path.replace(SPARE, MODEL)

    change_requests(server, f"/models/{SPARE}", other)


@breaks("V2-REPO-009")
def loads_nothing(server: RightServer) -> None:
    """Says that it loads."""
    _only_say(server, "load")


@breaks("V2-REPO-008", "V2-REPO-009")
def fails_to_unload(server: RightServer) -> None:
    """Takes the model away and fails on its answer."""
    change_answers(server, "/unload", lambda *_: Answer.error(500, "TypeError"))


# ------------------------------------------------------------ gRPC


@breaks("GRPC-REPO-001", "GRPC-REPO-002", "GRPC-REPO-003", "GRPC-REPO-004")
def has_no_repository_over_grpc(server: RightServer) -> None:
    """Has the extension for REST only."""
    fail_calls(server, grpc.StatusCode.UNIMPLEMENTED, "Method not found!", *_CALLS)


@breaks("GRPC-REPO-001", "GRPC-REPO-002")
def lists_nothing_over_grpc(server: RightServer) -> None:
    """Answers a message of defaults."""
    change_calls(server, "RepositoryIndex", lambda _, answer: answer.ClearField("models"))


@breaks("GRPC-REPO-001")
def has_no_states_over_grpc(server: RightServer) -> None:
    """Leaves the states out."""

    def change(_: Any, answer: Any) -> None:
        for entry in answer.models:
            entry.ClearField("state")

    change_calls(server, "RepositoryIndex", change)


@breaks("GRPC-REPO-002")
def does_not_read_what_is_wanted_over_grpc(server: RightServer) -> None:
    """Answers each index request alike."""
    change_call_requests(server, "RepositoryIndex", lambda asked: asked.ClearField("ready"))


@breaks("GRPC-REPO-003")
def loads_later_over_grpc(server: RightServer) -> None:
    """Answers a load before it is known whether there is such a model."""

    def known(request: Any) -> None:
        request.model_name = SPARE

    change_call_requests(server, "RepositoryModelLoad", known)


@breaks("GRPC-REPO-004")
def fails_on_its_answers(server: RightServer) -> None:
    """Loads and unloads, and raises then, as KServe's SDK."""

    def fault(name: str, request: Any, proceed: Callable[[Any], Any]) -> Any:
        answer = proceed(request)
        if name in _CALLS[1:]:
            raise Ended(grpc.StatusCode.UNKNOWN, "TypeError")
        return answer

    server.grpc_fault = fault


@breaks("GRPC-REPO-004")
def unloads_nothing_over_grpc(server: RightServer) -> None:
    """Says that it unloads."""

    def keep(*_: Any) -> None:
        server.state.models[SPARE] = True

    change_calls(server, "RepositoryModelUnload", keep)
