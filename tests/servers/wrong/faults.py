"""What wrong servers are made of: faults, each joined to the statement that it breaks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.servers.http import Answer, Handler, Request
from tests.servers.running import RightServer

Fault = Callable[[RightServer], None]

FAULTS: list[tuple[str, Fault]] = []


def breaks(*statements: str) -> Callable[[Fault], Fault]:
    """Make a function a fault: given a right server, it makes it break the statements.

    Args:
        statements: their ids; the check of each must fail on the server.
    """

    def join(function: Fault) -> Fault:
        FAULTS.extend((statement, function) for statement in statements)
        return function

    return join


def change_answers(
    server: RightServer, path: str, change: Callable[[Request, Answer], Answer | None]
) -> None:
    """Change the answers to requests whose path contains a text.

    Args:
        change: gives another answer, or None where it changed the one that it was given.
    """

    async def fault(request: Request, proceed: Handler) -> Answer:
        answer = await proceed(request)
        return (change(request, answer) or answer) if path in request.path else answer

    server.rest_fault = fault


def change_documents(
    server: RightServer, path: str, change: Callable[[Any], Any], status: int = 200
) -> None:
    """Change the JSON documents of answers with a status; ``change`` may work in place."""

    def put(_: Request, answer: Answer) -> None:
        document = answer.document()
        if answer.status == status and document is not None:
            changed = change(document)
            answer.put(document if changed is None else changed)

    change_answers(server, path, put)


def change_requests(server: RightServer, path: str, change: Callable[[Request], Any]) -> None:
    """Change requests whose path contains a text before they are answered, in place."""

    async def fault(request: Request, proceed: Handler) -> Answer:
        if path in request.path:
            change(request)
        return await proceed(request)

    server.rest_fault = fault


def answer_failures(server: RightServer, path: str, status: int, answer: Answer) -> None:
    """Give another answer in place of those with a status."""
    change_answers(server, path, lambda _, given: answer if given.status == status else None)


def change_calls(server: RightServer, call: str, change: Callable[[Any, Any], Any]) -> None:
    """Change the answers to a gRPC call; ``change`` takes request and answer, in place or not."""

    def fault(name: str, request: Any, proceed: Callable[[Any], Any]) -> Any:
        answer = proceed(request)
        if name != call:
            return answer
        changed = change(request, answer)
        return answer if changed is None else changed

    server.grpc_fault = fault


def change_call_requests(server: RightServer, call: str, change: Callable[[Any], Any]) -> None:
    """Change the requests of a gRPC call before they are answered, in place."""

    def fault(name: str, request: Any, proceed: Callable[[Any], Any]) -> Any:
        if name == call:
            change(request)
        return proceed(request)

    server.grpc_fault = fault
