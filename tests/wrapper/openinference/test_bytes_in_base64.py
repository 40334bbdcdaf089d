"""BYTES that come as bytes go to TorchServe as base64 text, all or none, whatever they hold."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.wrapper.openinference.ways import Ways, tensor, thoroughly
from tests.wrapper.surroundings import AnsweringTorchServe, settings
from wrapper.front import Answer

AS_BYTES = ("binary", "typed", "raw")
_PNG = b"\x89PNG\r\n\x1a\n\xff"


@pytest.fixture(scope="module", params=["kservev2", "kservev2_faithful", "none"])
def told_to(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Ways:
    """Every way to a wrapper that is told to, with one of the envelopes."""
    name = "" if request.param == "none" else request.param
    more = f"service_envelope={name}"
    folder = tmp_path_factory.mktemp(request.param)
    return Ways(AnsweringTorchServe(settings(folder, more=more, BYTES_AS_BASE64="true")))


@thoroughly
@given(element=st.one_of(st.binary(), st.text().map(str.encode)), way=st.sampled_from(AS_BYTES))
def test_whatever_they_hold(told_to: Ways, element: bytes, way: str) -> None:
    answer = _ask(told_to, way, element)
    assert answer.status == 200, answer.body
    (asked,) = told_to.received()["inputs"]
    # By nothing else than the setting: a label would be read by kservev2_faithful.
    assert asked == tensor("BYTES", [1], [base64.b64encode(element).decode()])


def test_text_in_json_stays_text(told_to: Ways) -> None:
    sent = tensor("BYTES", [1], ["YWJjZA=="])
    assert told_to.ask("json", {"inputs": [sent]}).status == 200
    assert told_to.received()["inputs"] == [sent]


@pytest.mark.parametrize("way", AS_BYTES)
def test_a_tensor_without_dimensions_stays_one(told_to: Ways, way: str) -> None:
    sent = tensor("BYTES", [], ["é"])
    assert told_to.ask(way, {"inputs": [sent]}).status == 200
    data = [base64.b64encode("é".encode()).decode()]
    assert told_to.received()["inputs"] == [{**sent, "data": data}]


@pytest.mark.parametrize("way", AS_BYTES)
def test_who_is_not_told_to_refuses_what_is_no_text_and_names_the_setting(
    way: str, tmp_path: Path
) -> None:
    ways = Ways(AnsweringTorchServe(settings(tmp_path, more="service_envelope=kservev2")))
    answer = _ask(ways, way, _PNG)
    assert answer.status == 400
    assert "BYTES_AS_BASE64=true" in json.loads(answer.body)["error"]
    assert _ask(ways, way, b"text").status == 200
    assert ways.received()["inputs"] == [tensor("BYTES", [1], ["text"])]


def _ask(ways: Ways, way: str, element: bytes) -> Answer:
    return ways.ask(way, {"inputs": [tensor("BYTES", [1], [element])]})
