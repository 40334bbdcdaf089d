"""The results of the benchmark of batches, and what docs/envelopes.md says of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from benchmarks import batching

PAGE = Path(__file__).resolve().parents[1] / "docs" / "envelopes.md"
SCHEMA = batching.RESULTS.with_name("batching.schema.json")


@pytest.fixture(scope="module")
def told() -> Any:
    return json.loads(batching.RESULTS.read_text())


def test_the_results_keep_their_schema(told: Any) -> None:
    jsonschema_rs.validate(json.loads(SCHEMA.read_text()), told)
    told = {**told, "rows": [{**told["rows"][0], "ratio": 0}]}
    with pytest.raises(jsonschema_rs.ValidationError, match="minimum"):
        jsonschema_rs.validate(json.loads(SCHEMA.read_text()), told)


def test_the_page_shows_the_results(told: Any) -> None:
    assert batching.table(told) in PAGE.read_text()


def test_every_size_was_measured_everywhere(told: Any) -> None:
    measured = [(row["subject"], row["connections"], row["batch_size"]) for row in told["rows"]]
    assert measured == [
        (subject, connections, size)
        for subject in batching.SUBJECTS
        for connections in batching.CONNECTIONS
        for size in batching.SIZES
    ]
    assert {row["ratio"] for row in told["rows"] if row["batch_size"] == 1} == {1}
