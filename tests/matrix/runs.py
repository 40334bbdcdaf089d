"""Runs ``python -m matrix run`` as a person does, in a process of its own."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from kserve_conformance.results.record import Run
from kserve_conformance.results.results_file import read

from fixtures.torchserve import Envelope
from matrix.running import worker
from tests import lending, processes
from tests.matrix import forked_worker, given_torchserve, with_addopts

REPOSITORY = Path(__file__).resolve().parents[2]
ENVELOPES = ("kserve", "kservev2", "kservev2_faithful", "none")
NOWHERE: dict[str, Any] = {
    "release": "0.12.0",
    "runtime": "process",
    "models": ["contract", "digits"],
    "identity": "none",
    # Port 9 is "discard": nothing answers there.
    "endpoints": {
        "host": "127.0.0.1",
        **dict.fromkeys(
            ("inference", "management", "metrics", "grpc_inference", "grpc_management"), 9
        ),
    },
}


@dataclass(frozen=True)
class Ran:
    """What came of a run."""

    exit_code: int
    output: str
    folder: Path

    @property
    def results(self) -> Run:
        """Read the results file."""
        return read(self.folder / "results.jsonl")

    def verdicts(self) -> dict[str, set[str]]:
        """Give the verdicts of each check, over all cells."""
        found: dict[str, set[str]] = {}
        for record in self.results.records:
            found.setdefault(record.check, set()).add(str(record.verdict))
        return found


def nowhere() -> dict[str, Any]:
    """Give instances for checks that never reach TorchServe."""
    return {envelope: {**NOWHERE, "envelope": envelope} for envelope in ENVELOPES}


def lent(*envelopes: str) -> dict[str, Any]:
    """Give the instances that the session shares, of some envelopes or of all.

    A run brings models that are named after its cells: no two of one cell may bring them at a time.
    """
    return {
        each: lending.instance(cast("Envelope", each), *worker.MODELS).to_dict()
        for each in envelopes or ENVELOPES
    }


def environment(
    given: Mapping[str, Any] | None, more: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Give the environment of a run, with TorchServe instances that run already, if there are."""
    given_too = {} if given is None else {given_torchserve.VARIABLE: json.dumps(given)}
    plugin = {"PYTEST_ADDOPTS": f"-p {given_torchserve.PLUGIN}"}
    return {**processes.clean(), **plugin, **given_too, **(more or {})}


def run(
    folder: Path,
    *arguments: str,
    given: Mapping[str, Any] | None = None,
    more: Mapping[str, str] | None = None,
) -> Ran:
    """Run the matrix to its end."""
    env = {**environment(given, more), forked_worker.VARIABLE: "1"}
    ran = processes.run(words(folder, *arguments), env=env)
    return Ran(ran.returncode, ran.stdout + ran.stderr, folder)


def words(folder: Path, *arguments: str) -> list[str]:
    """Give the command of a run, behind ``python -m``."""
    return [with_addopts.MODULE, "run", f"--out={folder}", *arguments]
