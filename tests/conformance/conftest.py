"""A right server for the tests of this folder; each gets it as right as the first."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from kserve_conformance.asking.target import Target
from kserve_conformance.text import concealing

from tests import servers
from tests.servers import RightServer, state


@pytest.fixture(autouse=True)
def _other_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Conceal what a test sends until it ends, and not in those after it."""
    monkeypatch.setattr(concealing, "_CONCEALED", {})


@pytest.fixture(scope="session")
def running() -> Iterator[RightServer]:
    with servers.running() as server:
        yield server


@pytest.fixture
def server(running: RightServer) -> Iterator[RightServer]:
    """Give the server, to be made wrong."""
    yield running
    running.reset()


@pytest.fixture(scope="session")
def target(running: RightServer) -> Target:
    """Describe the server, with all that can be told of it."""
    return Target(
        running.url,
        state.MODEL,
        running.grpc_target,
        not_ready_model=state.NOT_READY,
        spare_model=state.SPARE,
    )
