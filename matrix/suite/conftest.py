"""What the checks ask for by name."""

from __future__ import annotations

import pytest
from kserve_conformance.results.exhibit import Exhibit
from kserve_conformance.results.verdict import Unsupported, Verdict

from matrix.planning.cells import Cell
from matrix.planning.expectations import Expectations, Service
from matrix.planning.plan import Plan
from matrix.running import ports
from matrix.running.clients import GrpcClient, RestClient
from matrix.running.launch import RunningWrapper
from matrix.running.reference import Reference
from matrix.running.refusal import Refusal
from matrix.running.worker import Stage


@pytest.fixture(autouse=True)
def offered(plan: Plan, cell: Cell, check: str) -> None:
    """Leave unjudged what our wrapper alone promises, where it isn't known to be under test.

    Raises:
        Unsupported: where expectations.toml has the check so, by the condition ``constructor``.
    """
    exception = plan.exception(cell, check)
    if exception is not None and "constructor" in exception.when.axes:
        raise Unsupported(exception.reason)


@pytest.fixture
def wrapper(stage: Stage, cell: Cell) -> RunningWrapper:
    """Give the cell's wrapper, running and ready."""
    return stage.wrapper(cell)


@pytest.fixture
def rest(wrapper: RunningWrapper, exhibit: Exhibit) -> RestClient:
    """Give a client of the wrapper's REST routes."""
    return RestClient(wrapper, exhibit)


@pytest.fixture
def grpc_client(
    wrapper: RunningWrapper, plan: Plan, cell: Cell, check: str, exhibit: Exhibit
) -> GrpcClient:
    """Give a client of the wrapper's gRPC service, where expectations.toml says that it has one.

    Raises:
        Unsupported: where the SDK has no gRPC server, and the port is closed indeed.
        AssertionError: where something listens on that port all the same.
    """
    if plan.expected_verdict(cell, check) is Verdict.UNSUPPORTED:
        assert not ports.is_served(wrapper.grpc_port), (
            "the gRPC port is open, though this SDK has no gRPC server"
        )
        raise Unsupported(f"KServe {cell.kserve} has no gRPC server; its gRPC port is closed")
    return GrpcClient(wrapper, exhibit)


@pytest.fixture
def torchserve(
    rest: RestClient, stage: Stage, cell: Cell, service: Service, exhibit: Exhibit
) -> Reference:
    """Give the TorchServe behind the wrapper, to hold the wrapper's answers against its own."""
    return Reference(stage.instance(cell), service.transport, rest, exhibit)


@pytest.fixture
def refusal(stage: Stage, cell: Cell) -> Refusal:
    """Give what the wrapper did with the cell's value."""
    return stage.refusal(cell)


@pytest.fixture
def service(expected: Expectations, cell: Cell) -> Service:
    """Give what the cell's value must come to."""
    return expected.services[cell.protocol][cell.envelope]
