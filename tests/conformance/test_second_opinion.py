"""Schemathesis, which knows nothing of the suite, judges servers by the OpenAPI document."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest

from fixtures.torchserve import Envelope
from tests import lending, processes
from tests.conformance import openapi
from tests.conformance.serving import RELEASES, serving
from tests.servers import RightServer, state
from tests.servers.wrong import Fault, health, v1

# A name that no server here has: what would load and unload others' models.
_NOBODY = "conformance-no-such-model"
_REPOSITORY = "/v2/repository/models/"


@dataclass(frozen=True)
class Opinion:
    """What Schemathesis says of a server.

    Attributes:
        refused: names of failed checks with the operations that failed them.
        answered: how many requests an operation answered with which status.
        said: all of its output.
    """

    refused: set[tuple[str, str]]
    answered: dict[str, Counter[int]]
    said: str


def opinion(
    url: str, folder: Path, *more: str, version: str = state.VERSION, spare: str = _NOBODY
) -> Opinion:
    """Ask Schemathesis of a server, as a person does.

    Args:
        more: further options, such as those that choose operations.
    """
    events = folder / "events.ndjson"
    configured = ("--config-file", str(openapi.FOLDER / "schemathesis.toml"))
    report = ("--report", "ndjson", "--report-ndjson-path", str(events))
    ended = processes.run(
        [
            *("schemathesis.cli", *configured, "run", str(openapi.FILE)),
            *("--url", url, "--no-color", *report, *more),
        ],
        env={**processes.clean(), "MODEL": state.MODEL, "VERSION": version, "SPARE": spare},
    )
    said = ended.stdout + ended.stderr
    assert ended.returncode in (0, 1), said
    found = _read(events, said)
    assert bool(found.refused) == bool(ended.returncode), said
    return found


def _read(events: Path, said: str) -> Opinion:
    refused: set[tuple[str, str]] = set()
    answered: dict[str, Counter[int]] = {}
    for line in events.read_text().splitlines():
        scenario = json.loads(line).get("ScenarioFinished")
        if scenario is None:
            continue
        recorded = scenario["recorder"]
        label = recorded["label"]
        for checks in recorded.get("checks", {}).values():
            refused |= {(each["name"], label) for each in checks if each["status"] == "failure"}
        told = (each["response"] for each in recorded.get("interactions", {}).values())
        statuses = Counter(each["status_code"] for each in told if each)
        answered[label] = answered.get(label, Counter()) + statuses
    return Opinion(refused, answered, said)


def test_it_accepts_the_right_server(server: RightServer, tmp_path: Path) -> None:
    server.state.models[state.NOT_READY] = True
    told = opinion(server.url, tmp_path, spare=state.SPARE)
    assert told.refused == set(), told.said
    _check_that_all_was_asked(told, {"V1", "V2", "model_repository"})


@pytest.mark.parametrize(
    ("fault", "operation", "check"),
    [
        (
            health.writes_ready_as_text,
            ("GET", "/v2/models/{model_name}/ready"),
            "response_schema_conformance",
        ),
        (
            v1.passes_any_document_on,
            ("POST", "/v1/models/{model_name}:predict"),
            "negative_data_rejection",
        ),
    ],
)
def test_it_refuses_a_wrong_server(
    server: RightServer, tmp_path: Path, fault: Fault, operation: tuple[str, str], check: str
) -> None:
    fault(server)
    told = opinion(server.url, tmp_path, "--include-path", operation[1])
    assert told.refused == {(check, " ".join(operation))}, told.said


@pytest.mark.integration
@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("envelope", "tags"),
    [("kserve", ["V1"]), ("kservev2_faithful", ["V2", "model_repository"])],
    ids=["v1", "v2"],
)
def test_it_accepts_the_wrapper(envelope: Envelope, tags: list[str], tmp_path: Path) -> None:
    instance = lending.instance(envelope, state.MODEL)
    with serving(RELEASES[-1], instance, tmp_path) as running:
        chosen = [option for tag in tags for option in ("--include-tag", tag)]
        told = opinion(running.url, tmp_path, *chosen, version="1.0")
    assert told.refused == set(), told.said
    _check_that_all_was_asked(told, set(tags))


def _check_that_all_was_asked(told: Opinion, tags: set[str]) -> None:
    """Fail where an operation was never answered, or inference seldom."""
    operations = openapi.operations(openapi.document()).items()
    chosen = {" ".join(each) for each, operation in operations if tags & set(operation["tags"])}
    assert told.answered.keys() == chosen
    never = {each for each in chosen if not told.answered[each][200]}
    assert {each for each in never if _REPOSITORY not in each} == set()
    if "V2" in tags:
        counts = told.answered["POST /v2/models/{model_name}/infer"]
        assert min(counts[200], counts[400]) >= 200, counts
