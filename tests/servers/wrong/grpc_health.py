"""Servers that have gRPC's own health protocol, and answer it in a wrong way."""

from __future__ import annotations

import grpc

from tests.servers.grpc_service import HEALTH_CHECK, SERVING, Ended
from tests.servers.running import RightServer
from tests.servers.wrong.faults import breaks

_UNKNOWN, _SERVICE_UNKNOWN = b"", b"\x08\x03"
_INFERENCE = b"inference.GRPCInferenceService"
_ALL = b""


def _answer(server: RightServer, of: bytes, answer: bytes | Ended) -> None:
    """Answer Check of a service, by the end of its name, in another way."""

    def fault(method: str, message: bytes) -> bytes | None:
        # What is before the name are its tag and its length.
        name = message[2:]
        if method != HEALTH_CHECK or (name != of and not (of and name.endswith(of))):
            return None
        if isinstance(answer, Ended):
            raise answer
        return answer

    server.raw_grpc_fault = fault


@breaks("GRPC-HEALTH-012", "GRPC-HEALTH-015")
def registers_services_only(server: RightServer) -> None:
    """Has no status under the empty name."""
    _answer(server, _ALL, Ended(grpc.StatusCode.NOT_FOUND, "unknown service"))


@breaks("GRPC-HEALTH-012", "GRPC-HEALTH-015")
def sets_no_status(server: RightServer) -> None:
    """Leaves the status as it is made."""
    _answer(server, _ALL, _UNKNOWN)


@breaks("GRPC-HEALTH-012")
def answers_no_message(server: RightServer) -> None:
    """Has another message at the same method."""
    _answer(server, _ALL, b"\xff\xff")


@breaks("GRPC-HEALTH-013")
def answers_as_watch_does(server: RightServer) -> None:
    """Answers SERVICE_UNKNOWN, which is for Watch."""
    _answer(server, b"NoSuchService", _SERVICE_UNKNOWN)


@breaks("GRPC-HEALTH-013")
def refuses_an_unknown_service(server: RightServer) -> None:
    """Calls the name an argument that is wrong."""
    _answer(server, b"NoSuchService", Ended(grpc.StatusCode.INVALID_ARGUMENT, "unknown service"))


@breaks("GRPC-HEALTH-014")
def registers_itself_only(server: RightServer) -> None:
    """Has the empty name and no other."""
    _answer(server, _INFERENCE, Ended(grpc.StatusCode.NOT_FOUND, "unknown service"))


@breaks("GRPC-HEALTH-015")
def is_always_serving(server: RightServer) -> None:
    """Sets the status once."""
    _answer(server, _ALL, SERVING)
