"""The ways to ask, before an envelope that loses nothing."""

from __future__ import annotations

import pytest

from tests.wrapper.openinference.ways import Ways
from tests.wrapper.surroundings import AnsweringTorchServe, settings


@pytest.fixture(scope="module")
def ways(tmp_path_factory: pytest.TempPathFactory) -> Ways:
    """Every way of inference; what TorchServe got is of the last request alone."""
    folder = tmp_path_factory.mktemp("torchserve")
    more = "service_envelope=kservev2_faithful"
    return Ways(AnsweringTorchServe(settings(folder, more=more)))
