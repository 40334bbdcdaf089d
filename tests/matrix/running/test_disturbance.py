"""A check that TorchServe's silence disturbed is made again; any other isn't."""

from __future__ import annotations

import json
import shlex
from dataclasses import replace
from pathlib import Path

import pytest
from kserve_conformance.results.verdict import Verdict

from matrix.running import disturbance
from matrix.running.observation import Observation, Phase
from tests.matrix.given_torchserve import CHECKS
from tests.matrix.running.test_observation import RECORD, TIME
from tests.matrix.running.test_run import TINY, run_tiny
from tests.matrix.runs import Ran

CELL = "kserve0.13.1-v1-kserve-torchserve0.12.0"
SILENT = "TorchServe's inference server at 127.0.0.1:9 doesn't answer"
OTHERWISE = "TorchServe's inference server at 127.0.0.1:9 takes no connection"
WRONG = "status of contract: expected 200, got 503"


@pytest.mark.parametrize(
    ("log", "why"),
    [
        (f"WARNING: model a is not ready: {SILENT}\nmore", SILENT),
        (
            "model a is not ready: TorchServe doesn't answer (TimeoutError)",
            "TorchServe doesn't answer (TimeoutError)",
        ),
        (f"model a is not ready: {OTHERWISE}", None),
        ("model a is not ready: it has no worker that is READY", None),
        (f"{SILENT}", None),
        ("", None),
    ],
)
def test_silence_is_known_by_the_wrappers_log(log: str, why: str | None) -> None:
    assert disturbance.silence(log) == why


def _made(check: str, verdict: Verdict, log: str = "") -> Observation:
    record = replace(
        RECORD,
        check=check,
        verdict=verdict,
        expected_verdict=Verdict.PASSED,
        evidence={"wrapper_log": log} if log else {},
    )
    return Observation(record, 1.5, 2.5)


def test_all_that_came_out_wrong_meanwhile_is_told_and_nothing_else() -> None:
    silent = _made("a", Verdict.FAILED, f"model m is not ready: {SILENT}\n")
    wrong, faulty = _made("b", Verdict.UNSUPPORTED, "a line"), _made("c", Verdict.ERROR)
    whole = _made("conformance", Verdict.PASSED)
    found = disturbance.disturbed([Phase(whole, TIME, (silent, wrong, faulty))])
    assert found == {
        "a": {"beside": "why", "meanwhile": SILENT},
        "b": {"beside": "why", "meanwhile": SILENT},
    }
    assert disturbance.disturbed([Phase(whole, TIME, (wrong, faulty))]) == {}


def test_what_is_wrong_alone_too_is_told_as_that() -> None:
    beside = {name: {"beside": "why", "meanwhile": SILENT} for name in ("a", "b")}
    right, wrong = _made("a", Verdict.PASSED), _made("b", Verdict.FAILED)
    other = _made("c", Verdict.PASSED)
    phase = disturbance.with_both(Phase(other, TIME, (right, wrong)), beside)
    assert (phase.check, phase.statements[1]) == (other, wrong)
    told = phase.statements[0].record
    assert told.expected == "passed"
    assert told.observed == {"beside": "why", "meanwhile": SILENT, "alone": "passed"}


def _run(folder: Path, unready: int, why: str, *checks: str) -> tuple[Ran, int]:
    """Run a wrapper that is unready in its first starts; tell how often it was started."""
    starts, logged = folder / "starts", f"model a is not ready: {why}"
    ran = run_tiny(
        folder / "out",
        f"--cell={CELL}",
        wrapper=f"{TINY} --starts {starts} --unready {unready} --logging {shlex.quote(logged)}",
        variables={CHECKS: json.dumps({CELL: checks})},
    )
    assert starts.exists(), ran.output
    return ran, len(starts.read_text().splitlines())


def test_what_silence_disturbed_is_made_again_and_told_with_both(tmp_path: Path) -> None:
    ran, starts = _run(tmp_path, 1, SILENT, "starts", "model-ready")
    assert ran.exit_code == 0, ran.output
    told = {each.check: each for each in ran.results.records}
    assert told["model-ready"].expected == "passed"
    assert told["model-ready"].observed == {
        "beside": WRONG,
        "meanwhile": SILENT,
        "alone": "passed",
    }
    assert told["model-ready"].message == ""
    assert told["starts"].observed is None
    assert starts == 2


def test_what_fails_again_has_failed_and_no_other_check_of_the_cell_is_repeated(
    tmp_path: Path,
) -> None:
    ran, starts = _run(tmp_path, 9, SILENT, "model-ready", "malformed-json")
    assert ran.exit_code == 1, ran.output
    told = {each.check: each for each in ran.results.records}
    assert (told["model-ready"].message, told["model-ready"].observed) == (WRONG, 503)
    assert str(told["malformed-json"].verdict) == "failed"
    assert starts == 2


def test_what_fails_otherwise_is_made_once(tmp_path: Path) -> None:
    ran, starts = _run(tmp_path, 1, OTHERWISE, "model-ready")
    assert ran.exit_code == 1, ran.output
    assert ran.verdicts()["model-ready"] == {"failed"}
    assert starts == 1
