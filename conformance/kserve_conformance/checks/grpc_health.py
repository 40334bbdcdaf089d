"""gRPC's own health protocol, where a server has it beside the protocol's calls."""

from __future__ import annotations

from google.protobuf.message import DecodeError
from google.protobuf.wrappers_pb2 import Int32Value, StringValue

from kserve_conformance import expect
from kserve_conformance.asking.grpc_client import HEALTH_CHECK, SERVICE, CallFailed
from kserve_conformance.asking.server import Server
from kserve_conformance.checks.registry import check
from kserve_conformance.expect import Departure

_SERVING, _NOT_SERVING = 1, 2
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


def _status(server: Server, service: str) -> int:
    """Ask for the status of a service; `CallFailed` where the call doesn't end with OK."""
    # Its two messages have one field each, the first, as have these.
    answer = server.call_bytes(HEALTH_CHECK, StringValue(value=service).SerializeToString())
    try:
        status: int = Int32Value.FromString(answer).value
    except DecodeError:
        raise Departure(f"what Check answered is no HealthCheckResponse: {answer!r}") from None
    return status
