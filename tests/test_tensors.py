"""The results of the benchmark of tensors as bytes, and what docs/envelopes.md says of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from benchmarks import tensors

PAGE = Path(__file__).resolve().parents[1] / "docs" / "envelopes.md"
SCHEMA = tensors.RESULTS.with_name("tensors.schema.json")


@pytest.fixture(scope="module")
def told() -> Any:
    return json.loads(tensors.RESULTS.read_text())


def test_the_results_keep_their_schema(told: Any) -> None:
    jsonschema_rs.validate(json.loads(SCHEMA.read_text()), told)
    told = {**told, "rows": [{**told["rows"][0], "cpu_ms": 0}]}
    with pytest.raises(jsonschema_rs.ValidationError, match="minimum"):
        jsonschema_rs.validate(json.loads(SCHEMA.read_text()), told)


def test_the_page_shows_the_results(told: Any) -> None:
    assert tensors.table(told) in PAGE.read_text()


def test_every_way_was_measured_everywhere(told: Any) -> None:
    measured = [(row["protocol"], row["size"], row["model"], row["way"]) for row in told["rows"]]
    assert measured == [
        (protocol, size, model, way)
        for protocol in tensors.PROTOCOLS
        for size in tensors.SIZES
        for model in tensors.MODELS
        for way in ("binary HTTP", "raw gRPC")
    ]
