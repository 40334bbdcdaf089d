"""Servers that tell of their own health and of their models' in a wrong way."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
from tritonclient.grpc import service_pb2 as messages

from tests.servers.grpc_service import Ended
from tests.servers.http import Answer, Handler, Request
from tests.servers.running import RightServer
from tests.servers.wrong.faults import breaks, change_answers, change_calls, change_documents
from tests.servers.wrong.grpc_faults import fail_calls

_V1 = "/v1/models/"


def _is_state(request: Request) -> bool:
    """Tell whether a request asks for the state of a model."""
    v1 = request.path.startswith(_V1) and request.method == "GET"
    return v1 or (request.path.startswith("/v2/models/") and request.path.endswith("/ready"))


def _name(request: Request) -> str:
    return request.path.removesuffix("/ready").rpartition("/")[2]


def _change_states(server: RightServer, status: int, told: Answer | None = None) -> None:
    """Answer with another status, or with another answer, where a model's state has a status."""

    def fault(request: Request, answer: Answer) -> Answer | None:
        if _is_state(request) and answer.status == status:
            return told or Answer.of({"name": _name(request), "ready": False})
        return None

    change_answers(server, "/", fault)


# ------------------------------------------------------------ REST


@breaks("V1-HEALTH-001")
def has_nothing_at_its_root(server: RightServer) -> None:
    """Serves its API only."""
    not_found = Answer.error(404, "there is nothing at /")
    change_answers(server, "/", lambda asked, _: not_found if asked.path == "/" else None)


@breaks("V1-HEALTH-001", "V2-HEALTH-002", "V2-HEALTH-003")
def tells_of_health_in_its_own_words(server: RightServer) -> None:
    """Says healthy, as TorchServe's /ping does."""

    def fault(request: Request, answer: Answer) -> None:
        if request.path == "/" or "/health/" in request.path:
            answer.status = 200
            answer.put({"status": "Healthy"})

    change_answers(server, "/", fault)


@breaks("V1-HEALTH-002", "V2-HEALTH-005")
def writes_ready_as_text(server: RightServer) -> None:
    """Makes a string of the boolean, as KServe's SDK 0.11."""
    change_documents(server, "/models/", lambda told: {**told, "ready": str(told.get("ready"))})


@breaks("V1-HEALTH-002")
def tells_states_as_tensorflow_serving(server: RightServer) -> None:
    """Lists the versions of a model."""
    version = {"version": "1", "state": "AVAILABLE", "status": {"error_code": "OK"}}
    change_documents(server, _V1, lambda _: {"model_version_status": [version]})


@breaks("V2-HEALTH-005", "GRPC-HEALTH-009")
def forgets_that_models_are_ready(server: RightServer) -> None:
    """Has no state of models for REST."""
    _change_states(server, 200, Answer.error(503, "Model is not ready."))


@breaks(
    "V1-HEALTH-003",
    "V1-HEALTH-004",
    "V1-HEALTH-005",
    "V2-HEALTH-006",
    "V2-HEALTH-007",
    "V2-HEALTH-008",
    "GRPC-HEALTH-009",
)
def calls_each_model_ready(server: RightServer) -> None:
    """Takes the name from the path and asks nobody."""

    def fault(request: Request, _: Answer) -> Answer | None:
        return Answer.of({"name": _name(request), "ready": True}) if _is_state(request) else None

    change_answers(server, "/", fault)


@breaks("V2-HEALTH-006", "V2-HEALTH-007")
def says_nothing_of_states(server: RightServer) -> None:
    """Answers 200 without a body, which is what a ready model is answered with, too."""
    _change_states(server, 503, Answer(200))


@breaks("V1-HEALTH-003")
def writes_not_ready_as_text(server: RightServer) -> None:
    """Answers a string that is true in most languages."""
    _change_states(server, 503, Answer.of({"name": "late", "ready": "False"}))


@breaks("V1-HEALTH-004", "V2-HEALTH-007")
def tells_states_in_the_body_only(server: RightServer) -> None:
    """Answers 200 with ready false, as TorchServe."""
    _change_states(server, 503)


@breaks("V1-HEALTH-005", "V2-HEALTH-008")
def calls_an_unknown_model_not_ready(server: RightServer) -> None:
    """Doesn't tell a wrong name from a model that is late, which a client would wait for."""
    _change_states(server, 404, Answer.error(503, "Model is not ready."))


@breaks("V1-HEALTH-005", "V2-HEALTH-008")
def leaves_an_unknown_model_to_the_framework(server: RightServer) -> None:
    """Says detail in place of error."""
    _change_states(server, 404, Answer.of({"detail": "Not Found"}, 404))


@breaks("V2-HEALTH-001", "V2-HEALTH-002", "V2-HEALTH-003", "V2-HEALTH-004", "V2-HEALTH-009")
def has_no_health_routes(server: RightServer) -> None:
    """Has the routes of the models only."""
    not_found = Answer.error(404, "there is nothing here")
    change_answers(server, "/v2/health", lambda *_: not_found)


@breaks("V2-HEALTH-002")
def says_alive(server: RightServer) -> None:
    """Answers V2 as V1, as KServe's SDK before 0.10."""
    change_documents(server, "/health/live", lambda _: {"status": "alive"})


@breaks("V2-HEALTH-002")
def writes_live_as_text(server: RightServer) -> None:
    """Makes a string of the boolean."""
    change_documents(server, "/health/live", lambda _: {"live": "true"})


@breaks("V2-HEALTH-003")
def writes_readiness_as_text(server: RightServer) -> None:
    """Answers a state in words."""
    change_answers(server, "/health/ready", lambda *_: Answer.of({"ready": "STARTING"}))


@breaks("V2-HEALTH-003")
def redirects_probes(server: RightServer) -> None:
    """Has its routes with a slash at the end."""
    moved = Answer(307, b"", {"location": "/v2/health/ready/"})
    change_answers(server, "/health/ready", lambda *_: moved)


@breaks("V2-HEALTH-004", "GRPC-HEALTH-009")
def is_always_ready(server: RightServer) -> None:
    """Answers a constant, as KServe's SDK in each release."""
    change_answers(server, "/health/ready", lambda *_: Answer.of({"ready": True}))


@breaks("V2-HEALTH-004")
def tells_readiness_in_the_body_only(server: RightServer) -> None:
    """Answers 200 with ready false."""
    change_answers(server, "/health/ready", lambda *_: Answer.of({"ready": False}))


@breaks("V2-HEALTH-001", "V2-HEALTH-009", "GRPC-HEALTH-009")
def is_live_when_it_is_ready(server: RightServer) -> None:
    """Uses one handler for both."""
    change_answers(server, "/health/live", lambda *_: Answer.error(503, "not all are ready"))


@breaks("V1-HEALTH-006", "V2-HEALTH-010")
def predicts_in_the_event_loop(server: RightServer) -> None:
    """Does nothing else while the model runs, as KServe's SDK with a predict that isn't async."""

    async def fault(request: Request, proceed: Handler) -> Answer:
        if request.method != "POST":
            return await proceed(request)
        with ThreadPoolExecutor(1) as thread:
            return thread.submit(asyncio.run, _finished(request, proceed)).result()

    server.rest_fault = fault


async def _finished(request: Request, proceed: Handler) -> Answer:
    return await proceed(request)


@breaks("V2-HEALTH-010")
def drops_probes_under_load(server: RightServer) -> None:
    """Refuses what comes while it is busy, probes too."""
    busy = 0

    async def fault(request: Request, proceed: Handler) -> Answer:
        nonlocal busy
        if busy:
            return Answer.error(503, "busy")
        busy += 1
        try:
            return await proceed(request)
        finally:
            busy -= 1

    server.rest_fault = fault


# ------------------------------------------------------------ gRPC


@breaks("GRPC-HEALTH-001", "GRPC-HEALTH-002", "GRPC-HEALTH-004", "GRPC-HEALTH-005")
def has_another_service(server: RightServer) -> None:
    """Serves a package of its own, as TorchServe does."""
    fail_calls(server, grpc.StatusCode.UNIMPLEMENTED, "Method not found!")


@breaks("GRPC-HEALTH-001", "GRPC-HEALTH-009")
def answers_an_empty_liveness(server: RightServer) -> None:
    """Answers a message of defaults, which says false."""
    change_calls(server, "ServerLive", lambda *_: messages.ServerLiveResponse())


@breaks("GRPC-HEALTH-002")
def raises_where_it_is_not_ready(server: RightServer) -> None:
    """Lets an exception tell that the server isn't ready."""
    fail_calls(server, grpc.StatusCode.UNKNOWN, "ServerNotReady", "ServerReady")


@breaks("GRPC-HEALTH-003", "GRPC-HEALTH-009")
def is_always_ready_over_grpc(server: RightServer) -> None:
    """Answers a constant, as KServe's SDK and TorchServe."""
    change_calls(server, "ServerReady", lambda *_: messages.ServerReadyResponse(ready=True))


@breaks("GRPC-HEALTH-004", "GRPC-HEALTH-009")
def answers_an_empty_state(server: RightServer) -> None:
    """Answers a message of defaults, which says false."""
    change_calls(server, "ModelReady", lambda *_: messages.ModelReadyResponse())


@breaks(
    "GRPC-HEALTH-005",
    "GRPC-HEALTH-006",
    "GRPC-HEALTH-007",
    "GRPC-HEALTH-008",
    "GRPC-HEALTH-009",
)
def calls_each_model_ready_over_grpc(server: RightServer) -> None:
    """Doesn't look at the name."""

    def fault(name: str, request: Any, proceed: Any) -> Any:
        if name == "ModelReady":
            return messages.ModelReadyResponse(ready=True)
        return proceed(request)

    server.grpc_fault = fault


@breaks("GRPC-HEALTH-006")
def raises_where_a_model_is_not_ready(server: RightServer) -> None:
    """Shares REST's handler."""

    def fault(_: Any, answer: Any) -> None:
        if not answer.ready:
            raise Ended(grpc.StatusCode.UNAVAILABLE, "Model is not ready.")

    change_calls(server, "ModelReady", fault)


@breaks("GRPC-HEALTH-008")
def does_not_map_its_exceptions(server: RightServer) -> None:
    """Leaves an unknown model to gRPC, as KServe's SDK before 0.15."""

    def fault(_: str, request: Any, proceed: Any) -> Any:
        try:
            return proceed(request)
        except Ended as ended:
            raise Ended(grpc.StatusCode.UNKNOWN, ended.details) from None

    server.grpc_fault = fault


@breaks("GRPC-HEALTH-008")
def calls_an_unknown_model_not_ready_over_grpc(server: RightServer) -> None:
    """Answers that a model it doesn't have isn't ready, as Triton."""

    def fault(name: str, request: Any, proceed: Any) -> Any:
        try:
            return proceed(request)
        except Ended:
            if name == "ModelReady":
                return messages.ModelReadyResponse(ready=False)
            raise

    server.grpc_fault = fault


@breaks("V2-HEALTH-013")
def tells_of_its_process_beside_its_models(server: RightServer) -> None:
    """Is live where it isn't ready."""
    change_documents(server, "/health/ready", lambda told: {**told, "live": True}, 503)


@breaks("V2-HEALTH-013")
def tells_readiness_by_its_body_only(server: RightServer) -> None:
    """Has one status for either."""

    def fault(_: Request, answer: Answer) -> None:
        answer.status = 200

    change_answers(server, "/health/ready", fault)
