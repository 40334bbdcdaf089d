"""Servers that tell versions of their models which they don't serve, or serve any."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import grpc

from tests.servers.grpc_service import Ended
from tests.servers.http import Answer, Request
from tests.servers.running import RightServer
from tests.servers.wrong.faults import (
    breaks,
    change_answers,
    change_calls,
    change_documents,
    change_requests,
)
from tests.servers.wrong.v2_faults import INFER

_ROUTES = "V2-INFER-042", "V2-META-011", "V2-HEALTH-011"


@breaks("V2-INFER-034", "V2-META-009", "V2-META-012", "V2-ERROR-009", *_ROUTES)
def has_no_route_for_versions(server: RightServer) -> None:
    """Leaves versions to the framework's answer to unknown paths."""
    not_found = Answer.of({"detail": "Not Found"}, 404)
    change_answers(server, "/versions/", lambda *_: not_found)


@breaks("V2-INFER-034", "V2-META-009", "V2-META-012", "V2-ERROR-009", *_ROUTES)
def answers_versions_with_nothing(server: RightServer) -> None:
    """Has a route for versions that does nothing."""
    change_answers(server, "/versions/", lambda *_: Answer.of({"status": "alive"}))


@breaks("V2-ERROR-009", *_ROUTES)
def looks_for_versions_first(server: RightServer) -> None:
    """Has none, and says so of models that there are not, too, as KServe's SDK."""
    none = Answer.error(501, "Model versioning is not supported")
    change_answers(server, "/versions/", lambda *_: none)


@breaks("V2-INFER-035")
def answers_with_the_version_that_there_is(server: RightServer) -> None:
    """Looks at the end of the path only."""

    def cut(request: Request) -> None:
        request.path = request.path.partition("/versions/")[0] + INFER

    change_requests(server, "/versions/", cut)


@breaks("V2-META-012", "V2-HEALTH-012")
def ignores_the_version(server: RightServer) -> None:
    """Matches that part of the path, and reads it nowhere."""

    def cut(request: Request) -> None:
        model, _, rest = request.path.partition("/versions/")
        request.path = "/".join([model, *rest.split("/")[1:]])

    change_requests(server, "/versions/", cut)


@breaks("V2-META-010", "V2-INFER-042")
def answers_by_the_version_of_its_archive(server: RightServer) -> None:
    """Has one name for a version where it is configured, and another where it was packed."""
    change_documents(server, INFER, lambda told: {**told, "model_version": "1.0"})


# ------------------------------------------------------------ gRPC


def _change_versions(server: RightServer, change: Callable[[Any, str], None]) -> None:
    """Change requests that name a version; ``change`` is told what the member is called."""

    def fault(_: str, request: Any, proceed: Callable[[Any], Any]) -> Any:
        for member in ("version", "model_version"):
            if getattr(request, member, ""):
                change(request, member)
        return proceed(request)

    server.grpc_fault = fault


@breaks("GRPC-HEALTH-011", "GRPC-META-010", "GRPC-INFER-010")
def ignores_the_version_over_grpc(server: RightServer) -> None:
    """Reads the member nowhere, as KServe's SDK."""
    _change_versions(server, lambda request, member: request.ClearField(member))


@breaks("GRPC-HEALTH-010", "GRPC-META-009", "GRPC-INFER-022", "GRPC-INFER-023")
def has_no_versions_over_grpc(server: RightServer) -> None:
    """Refuses whatever names one, before it looks for the model."""

    def refuse(*_: Any) -> None:
        raise Ended(grpc.StatusCode.UNIMPLEMENTED, "versions are not supported")

    _change_versions(server, refuse)


@breaks("GRPC-META-008", "GRPC-INFER-022")
def answers_by_the_version_of_its_archive_over_grpc(server: RightServer) -> None:
    """Has one name for a version where it is configured, and another where it was packed."""

    def change(_: Any, answer: Any) -> None:
        answer.model_version = "1.0"

    change_calls(server, "ModelInfer", change)
