"""A TorchServe that gives whatever answer a test wants."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.wrapper.torchserve.standin import Standin, standing_in


@pytest.fixture
def standin() -> Iterator[Standin]:
    """A stand-in for TorchServe's REST servers, or for one of them."""
    with standing_in() as server:
        yield server
