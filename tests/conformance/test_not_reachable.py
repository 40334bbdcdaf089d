"""What answers everything alike is no server to judge; real ones are in test_ingress."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import pytest
from kserve_conformance.commands.cli import main

from tests.servers import RightServer, state
from tests.servers.grpc_service import Ended
from tests.servers.http import Answer, Request
from tests.servers.wrong.faults import change_answers

_MODEL = ("--model", state.MODEL)


@pytest.mark.parametrize("status", [404, 503])
def test_a_server_that_answers_nothing_else_is_not_reachable(
    server: RightServer, tmp_path: Path, capsys: pytest.CaptureFixture[str], status: int
) -> None:
    change_answers(server, "/", lambda *_: Answer(status, b"<html>nothing</html>"))
    way = ["--target", server.url, *_MODEL, "--profile", "v1", "--profile", "v2"]
    assert main(["run", *way, "--out", str(tmp_path)]) == 3
    said = capsys.readouterr().err
    assert (
        f"not reachable: whatever is asked for is answered with an error, GET / with {status}"
        in said
    )
    assert not list(tmp_path.iterdir())


def test_a_server_that_has_a_single_route_is_judged(server: RightServer, tmp_path: Path) -> None:
    def change(request: Request, answer: Answer) -> Answer:
        return answer if request.path == "/v2/health/live" else Answer(404)

    change_answers(server, "/", change)
    way = ["--target", server.url, *_MODEL, "--profile", "v2", "--check", "V2-HEALTH"]
    assert main(["run", *way, "--out", str(tmp_path)]) == 1


def test_a_server_that_has_a_single_call_is_judged(server: RightServer, tmp_path: Path) -> None:
    def fault(name: str, request: Any, proceed: Callable[[Any], Any]) -> Any:
        if name != "ModelInfer":
            raise Ended(grpc.StatusCode.UNIMPLEMENTED, "Method not found!")
        return proceed(request)

    server.grpc_fault = fault
    way = ["--target", server.url, "--grpc-target", server.grpc_target, *_MODEL]
    assert main(["run", *way, "--check", "GRPC-HEALTH-001", "--out", str(tmp_path)]) == 1
