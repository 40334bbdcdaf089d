"""Servers whose metrics, lists and descriptions are of something else."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

from tests.servers.http import Answer, Request
from tests.servers.running import RightServer
from tests.servers.wrong.faults import breaks, change_answers, change_documents

_METRICS = "/metrics"
_DESCRIPTION = "/openapi.json"
_COUNTED = "V1-METRICS-002", "V2-METRICS-002", "GRPC-METRICS-001"


def _tell(server: RightServer, lines: Callable[[], str]) -> None:
    def fault(_: Request, answer: Answer) -> None:
        answer.body = lines().encode()

    change_answers(server, _METRICS, fault)


@breaks("V1-METRICS-001", "V2-METRICS-001")
def writes_labels_as_they_are(server: RightServer) -> None:
    """Has a quote and a line end in a label."""
    _tell(server, lambda: 'answered_total{model="a "b"\nc"} 1\n')


@breaks("V1-METRICS-001", "V2-METRICS-001")
def has_no_metrics(server: RightServer) -> None:
    """Has the path and no series."""
    _tell(server, lambda: "# nothing is counted\n")


@breaks(*_COUNTED)
def counts_nothing(server: RightServer) -> None:
    """Answers by code that the counters were not put into."""
    _tell(server, lambda: "answered_total 0\n")


@breaks(*_COUNTED)
def tells_of_its_process_alone(server: RightServer) -> None:
    """Has the series that its library makes, of which memory stands still, and grows by itself."""
    looks = itertools.count()
    _tell(server, lambda: f"process_resident_memory_bytes {1 + next(looks) // 3}\n")


@breaks(*_COUNTED)
def counts_questions_for_metrics(server: RightServer) -> None:
    """Counts each GET."""
    numbers = itertools.count()
    _tell(server, lambda: f"answered_total {next(numbers)}\n")


@breaks("V2-META-014")
def lists_models_as_objects(server: RightServer) -> None:
    """Has the form of the repository's index."""
    _change_list(server, lambda names: [{"name": each} for each in names])


@breaks("V2-META-014")
def lists_what_is_not_served(server: RightServer) -> None:
    """Has the names of a configuration."""
    _change_list(server, lambda _: ["configured"])


def _change_list(server: RightServer, change: Callable[[Any], Any]) -> None:
    change_documents(
        server, "/v2/models", lambda told: {**told, "models": change(told.get("models"))}
    )


@breaks("V2-META-015")
def has_no_title(server: RightServer) -> None:
    """Writes the document by hand."""
    change_documents(server, _DESCRIPTION, lambda told: told.pop("info") and None)


@breaks("V2-META-015")
def is_described_for_swagger(server: RightServer) -> None:
    """Has the number of an older version."""
    change_documents(server, _DESCRIPTION, lambda told: {**told, "openapi": "2.0"})


@breaks("V2-META-015")
def describes_paths_without_a_slash(server: RightServer) -> None:
    """Has the paths of inference_rest.md as they are written there."""
    change_documents(server, _DESCRIPTION, lambda told: {**told, "paths": {"v2": {}}})


@breaks("V2-META-016")
def describes_what_is_gone(server: RightServer) -> None:
    """Has a document of routes before which others answer."""
    gone: dict[str, Any] = {"/v2/conformance": {"get": {}}}
    change_documents(server, _DESCRIPTION, lambda told: {**told, "paths": gone})
