"""Whether a wrapper is reached over IPv6, as in a pod that has nothing else (kserve#4558)."""

from __future__ import annotations

import pytest
from kserve_conformance.results.exhibit import Exhibit
from kserve_conformance.results.verdict import Unprovisioned
from tritonclient.grpc import service_pb2

from matrix.running import ports
from matrix.running.clients import GrpcClient, RestClient
from matrix.running.launch import RunningWrapper


@pytest.fixture
def ipv6() -> str:
    """Give the address to ask.

    Raises:
        Unprovisioned: where this machine has none.
    """
    if not ports.has_ipv6():
        raise Unprovisioned(
            f"this machine has no {ports.IPV6}, so that nothing can be asked over IPv6: "
            f"{ports.HAVE_IPV6}"
        )
    return ports.IPV6


def test_ipv6(ipv6: str, wrapper: RunningWrapper, exhibit: Exhibit) -> None:
    answer = RestClient(wrapper, exhibit, ipv6).get("/v1/models/contract")
    exhibit.equal(answer.status, 200, "status of readiness over IPv6")


@pytest.mark.usefixtures("grpc_client")  # it knows where the SDK has no gRPC server
def test_grpc_ipv6(wrapper: RunningWrapper, ipv6: str, exhibit: Exhibit) -> None:
    request = service_pb2.ModelReadyRequest(name="contract")
    answer = GrpcClient(wrapper, exhibit, ipv6).call("ModelReady", request)
    exhibit.equal(answer.ready, True, "readiness over IPv6")
