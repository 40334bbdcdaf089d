"""A TorchServe that answers what a test says."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.wrapper.surroundings import AnsweringTorchServe, settings


@pytest.fixture
def torchserve(request: pytest.FixtureRequest, tmp_path: Path) -> AnsweringTorchServe:
    """A TorchServe that answers, with the envelope of the test's parameter."""
    more = f"service_envelope={getattr(request, 'param', 'kserve')}"
    return AnsweringTorchServe(settings(tmp_path, more=more))
