"""Servers whose model repository takes what it should refuse."""

from __future__ import annotations

from tests.servers.http import Answer, Handler, Request
from tests.servers.running import RightServer
from tests.servers.state import MODEL, NOT_READY, SPARE
from tests.servers.wrong.faults import breaks, change_call_requests, change_requests
from tests.servers.wrong.v2_faults import FAILED

_MODELS = "/v2/repository/models/"
_INDEX = "/v2/repository/index"
_DEEP = b"[" * 10_000


@breaks("V2-REPO-010")
def unloads_whatever_it_is_told(server: RightServer) -> None:
    """Takes what isn't there for unloaded."""

    async def fault(request: Request, proceed: Handler) -> Answer:
        is_met = _MODELS in request.path and request.path.endswith("/unload")
        return Answer.of({}) if is_met else await proceed(request)

    server.rest_fault = fault


@breaks("V2-REPO-010")
def fails_on_an_unknown_model(server: RightServer) -> None:
    """Looks it up without a default, and leaves the exception to the framework."""

    async def fault(request: Request, proceed: Handler) -> Answer:
        answer = await proceed(request)
        is_met = request.path.endswith("/unload") and answer.status == 404
        return Answer(500, b"Internal Server Error") if is_met else answer

    server.rest_fault = fault


@breaks("V2-REPO-011")
def reads_no_body(server: RightServer) -> None:
    """Loads by the path alone."""

    def forget(request: Request) -> None:
        request.body = b""

    change_requests(server, _MODELS, forget)


@breaks("V2-REPO-012")
def overflows_its_stack(server: RightServer) -> None:
    """Calls itself for each list, and raises what isn't caught."""

    async def fault(request: Request, proceed: Handler) -> Answer:
        return FAILED if _DEEP in request.body else await proceed(request)

    server.rest_fault = fault


@breaks("V2-REPO-012")
def is_gone_after_deep_nesting(server: RightServer) -> None:
    """Ends with its stack, and has an index no more."""
    seen = []

    async def fault(request: Request, proceed: Handler) -> Answer:
        if _DEEP in request.body:
            seen.append(request)
        is_met = seen and _DEEP not in request.body and _INDEX in request.path
        return FAILED if is_met else await proceed(request)

    server.rest_fault = fault


@breaks("V2-REPO-013")
def loads_by_paths(server: RightServer) -> None:
    """Has a name for whatever follows the folder's."""

    async def fault(request: Request, proceed: Handler) -> Answer:
        is_met = _MODELS in request.path and ".." in request.path
        return Answer.of({}) if is_met else await proceed(request)

    server.rest_fault = fault


@breaks("GRPC-REPO-005")
def unloads_whatever_it_is_told_over_grpc(server: RightServer) -> None:
    """Does so by a call, too."""

    def known(request: object) -> None:
        if getattr(request, "model_name", MODEL) not in (MODEL, NOT_READY, SPARE):
            request.model_name = SPARE  # type: ignore[attr-defined]

    change_call_requests(server, "RepositoryModelUnload", known)
