"""What the checks ask for by name."""

from __future__ import annotations

import pytest
from kserve_conformance.results.exhibit import Exhibit

from fixtures.torchserve import Instance
from matrix.planning.cells import Cell
from matrix.planning.expectations import Expectations, Service
from matrix.running.clients import GrpcClient, RestClient
from matrix.running.launch import RunningWrapper
from matrix.running.refusal import Refusal
from matrix.running.worker import Stage


@pytest.fixture
def wrapper(stage: Stage, cell: Cell) -> RunningWrapper:
    """Give the cell's wrapper, running and ready."""
    return stage.wrapper(cell)


@pytest.fixture
def rest(wrapper: RunningWrapper, exhibit: Exhibit) -> RestClient:
    """Give a client of the wrapper's REST routes."""
    return RestClient(wrapper, exhibit)


@pytest.fixture
def grpc_client(wrapper: RunningWrapper, exhibit: Exhibit) -> GrpcClient:
    """Give a client of the wrapper's gRPC service."""
    return GrpcClient(wrapper, exhibit)


@pytest.fixture
def torchserve(stage: Stage, cell: Cell) -> Instance:
    """Give the TorchServe behind the wrapper."""
    return stage.instance(cell)


@pytest.fixture
def refusal(stage: Stage, cell: Cell) -> Refusal:
    """Give what the wrapper did with the cell's value."""
    return stage.refusal(cell)


@pytest.fixture
def service(expected: Expectations, cell: Cell) -> Service:
    """Give what the cell's value must come to."""
    return expected.services[cell.protocol]
