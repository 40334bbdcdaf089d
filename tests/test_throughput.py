"""The results of the benchmark that are in the repository, and what the README says of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from benchmarks import throughput

README = Path(__file__).resolve().parents[1] / "README.md"
SCHEMA = throughput.RESULTS.with_name("throughput.schema.json")


@pytest.fixture(scope="module")
def told() -> Any:
    return json.loads(throughput.RESULTS.read_text())


def test_the_results_keep_their_schema(told: Any) -> None:
    jsonschema.validate(told, json.loads(SCHEMA.read_text()))


def test_a_broken_result_breaks_the_schema(told: Any) -> None:
    broken = json.loads(json.dumps(told))
    broken["rows"][0]["ratio"] = -1
    with pytest.raises(jsonschema.ValidationError, match="minimum"):
        jsonschema.validate(broken, json.loads(SCHEMA.read_text()))


def test_the_readme_shows_the_results(told: Any) -> None:
    assert throughput.table(told) in README.read_text()


def test_every_subject_was_measured_everywhere(told: Any) -> None:
    measured = {(row["body_bytes"], row["connections"], row["subject"]) for row in told["rows"]}
    assert measured == {
        (size, connections, subject)
        for size in throughput.bodies()
        for connections in throughput.CONNECTIONS
        for subject in throughput.SUBJECTS
    }
    assert len({row["kserve"] for row in told["rows"]}) == len(throughput.RELEASES)


def test_the_bodies_have_the_sizes_that_are_told() -> None:
    sizes = list(throughput.bodies())
    assert sizes == [31, 100_000]
    assert all(json.loads(body)["instances"] for body in throughput.bodies().values())
