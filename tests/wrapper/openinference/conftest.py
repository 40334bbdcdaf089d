"""The ways to ask, before an envelope that loses nothing."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import pytest

from tests.wrapper.openinference.ways import Ways
from tests.wrapper.surroundings import AnsweringTorchServe, settings
from wrapper.front import inference, v2_body
from wrapper.openinference import tensors, to_json


@pytest.fixture(scope="module", params=["short", "long"])
def ways(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Ways]:
    """Every way of inference; what TorchServe got is of the last request alone.

    Every body is short to these, or long: judged, and written, a few bytes at a time.
    """
    folder = tmp_path_factory.mktemp("torchserve")
    more = "service_envelope=kservev2_faithful"
    ways = Ways(AnsweringTorchServe(settings(folder, more=more)))
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "long":
            ways.is_long = True
            in_pieces = partial(v2_body.long_passed_on, size=12)
            patch.setattr(v2_body, "long_passed_on", in_pieces)
            patch.setattr(inference, "LONG", 0)
            patch.setattr(to_json, "LONG", 0)
            patch.setattr(to_json, "_LONG_TENSOR", 0)
            patch.setattr(tensors, "ELEMENTS_AT_ONCE", 2)
            patch.setattr(tensors, "BYTES_AT_ONCE", 3)
        yield ways
