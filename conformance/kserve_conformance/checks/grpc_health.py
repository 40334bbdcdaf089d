"""gRPC's own health protocol, where a server has it beside the protocol's calls."""

from __future__ import annotations

from google.protobuf.message import DecodeError
from google.protobuf.wrappers_pb2 import Int32Value, StringValue

from kserve_conformance import expect
from kserve_conformance.asking.grpc_client import (
    HEALTH_CHECK,
    HEALTH_WATCH,
    SERVICE,
    CallFailed,
)
from kserve_conformance.asking.server import Server
from kserve_conformance.checks.registry import check
from kserve_conformance.expect import Departure
from kserve_conformance.results.verdict import Unsupported

_SERVING, _NOT_SERVING, _SERVICE_UNKNOWN = 1, 2, 3
_ALL = ""
_NO_SERVICE = "conformance.NoSuchService"


@check("GRPC-HEALTH-012")
def the_health_of_the_server_is_told(server: Server) -> None:
    expect.one_of(_status(server, _ALL), (_SERVING, _NOT_SERVING), "the status of the server")


@check("GRPC-HEALTH-013")
def an_unknown_service_is_not_found(server: Server) -> None:
    try:
        status = _status(server, _NO_SERVICE)
    except CallFailed as error:
        expect.equal(error.code, "NOT_FOUND", f"how Check of {_NO_SERVICE} ended")
        return
    raise Departure(f"Check of {_NO_SERVICE}: expected NOT_FOUND, got the status {status}")


@check("GRPC-HEALTH-014")
def the_health_of_inference_is_told(server: Server) -> None:
    expect.one_of(_status(server, SERVICE), (_SERVING, _NOT_SERVING), f"the status of {SERVICE}")


@check("GRPC-HEALTH-015")
def the_health_of_the_server_is_its_readiness(server: Server) -> None:
    status = _SERVING if server.call("ServerReady").ready else _NOT_SERVING
    expect.equal(_status(server, _ALL), status, "the status of the server, by its readiness")


@check("GRPC-HEALTH-016")
def a_watch_begins_with_the_status(server: Server) -> None:
    expect.equal(_watched(server, _ALL), _status(server, _ALL), "what Watch tells first")


@check("GRPC-HEALTH-017")
def an_unknown_service_is_watched(server: Server) -> None:
    told = _watched(server, _NO_SERVICE)
    expect.equal(told, _SERVICE_UNKNOWN, f"what Watch of {_NO_SERVICE} tells first")


def _watched(server: Server, service: str) -> int:
    """Give the first status that Watch tells; `Unsupported` where it isn't there."""
    message = StringValue(value=service).SerializeToString()
    streamed = server.stream_bytes(HEALTH_WATCH, message, most=1)
    if streamed.code == "UNIMPLEMENTED":
        raise Unsupported("the server has Check and not Watch")
    if not streamed.answers:
        raise Departure(f"Watch of {service or 'the server'} ended with {streamed.code}")
    return _read(streamed.answers[0])


def _status(server: Server, service: str) -> int:
    """Ask for the status of a service; `CallFailed` where the call doesn't end with OK."""
    # Its two messages have one field each, the first, as have these.
    return _read(server.call_bytes(HEALTH_CHECK, StringValue(value=service).SerializeToString()))


def _read(answer: bytes) -> int:
    try:
        status: int = Int32Value.FromString(answer).value
    except DecodeError:
        raise Departure(f"what came is no HealthCheckResponse: {answer!r}") from None
    return status
