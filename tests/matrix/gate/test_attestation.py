"""The in-toto Statement of a decision, held to the framework's own library."""

from __future__ import annotations

import dataclasses
import datetime
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import json_format
from in_toto_attestation.predicates.test_result.v0 import test_result_pb2
from in_toto_attestation.v1 import statement_pb2
from in_toto_attestation.v1.statement import Statement
from kserve_conformance.results.record import Run
from kserve_conformance.results.results_file import Given
from kserve_conformance.results.verdict import Verdict

from matrix.gate import attestation, deciding
from matrix.planning import axes, expectations, policy
from tests.matrix import real_results, runs
from tests.matrix.gate.gate_cases import (
    CELL,
    decide,
    failing,
    known,
    lenient,
    with_header,
    with_verdict,
)

TODAY = datetime.date(2026, 11, 29)
FILE = policy.FILE


def made(run: Run, path: Path | None = None, **evidence: Any) -> dict[str, Any]:
    """Give the Statement on a run, by our policy with some rules of evidence changed."""
    wanted = policy.load()
    changed = dataclasses.replace(wanted.evidence, **evidence)
    wanted = dataclasses.replace(wanted, evidence=changed)
    named = path or real_results.path("default")
    given = [Given(named, run, hashlib.sha256(named.read_bytes()).hexdigest())]
    decision = deciding.decide(given, wanted, expectations.load(), axes.load(), TODAY, None)
    return attestation.statement(decision, given, FILE, TODAY)


@pytest.fixture(scope="module")
def green(default_run: Run) -> dict[str, Any]:
    return made(default_run)


def test_the_framework_takes_it_for_a_valid_statement(green: dict[str, Any]) -> None:
    message = json_format.ParseDict(green, statement_pb2.Statement())
    Statement.copy_from_pb(message).validate()
    assert message.type == "https://in-toto.io/Statement/v1"
    assert green["predicateType"] == "https://in-toto.io/attestation/test-result/v0.1"
    # Unknown members, and words that the predicate doesn't have, are refused here.
    predicate = json_format.ParseDict(green["predicate"], test_result_pb2.TestResult())
    assert predicate.result == "PASSED"
    assert predicate.configuration[0].name


def test_results_of_the_same_name_are_told_apart(default_run: Run, tmp_path: Path) -> None:
    given = [
        Given(tmp_path / backend / "results.jsonl", default_run, digest)
        for backend, digest in (("container", "a" * 64), ("process", "b" * 64))
    ]
    decision = deciding.decide(
        given[:1], policy.load(), expectations.load(), axes.load(), TODAY, None
    )
    subject = attestation.statement(decision, given, FILE, TODAY)["subject"]
    assert [(each["name"], each["digest"]["sha256"]) for each in subject[:2]] == [
        ("container/results.jsonl", "a" * 64),
        ("process/results.jsonl", "b" * 64),
    ]


def test_it_is_about_the_results_and_the_image(green: dict[str, Any], default_run: Run) -> None:
    results, image = green["subject"]
    text = real_results.path("default").read_bytes()
    assert results["digest"] == {"sha256": hashlib.sha256(text).hexdigest()}
    identity = default_run.header.torchserve[0]["identity"]
    assert image["digest"] == {"sha256": identity.removeprefix("sha256:")}
    assert image["name"] == "TorchServe 0.12.0 (image)"


def test_it_says_by_what_it_was_decided(green: dict[str, Any], default_run: Run) -> None:
    configuration = {each["name"]: each["digest"] for each in green["predicate"]["configuration"]}
    by_policy = next(each for name, each in configuration.items() if name.endswith("gate.toml"))
    assert by_policy == {"sha256": hashlib.sha256(FILE.read_bytes()).hexdigest()}
    locks = default_run.header.locks
    assert configuration["lock of KServe SDK 0.9.0"] == {"sha256": locks["0.9.0"]}
    assert configuration["harness"] == {"gitCommit": default_run.header.commit}


def test_it_is_about_all_results_and_what_each_was_made_of(
    two: Run, process_run: Run, mutant_run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(runs.REPOSITORY)
    commit = "1" * 40
    absent = {"release": "0.11.1", "envelope": "kserve", "identity": ""}
    started = process_run.header.torchserve
    given = [
        ("default", with_header(two, commit=commit, locks={"0.9.0": "2" * 64})),
        ("process", with_header(process_run, commit=commit, torchserve=[*started, absent])),
        ("mutant", with_header(mutant_run, commit=None, locks={"0.13.1": None})),
    ]
    files = [Given(real_results.path(name), run) for name, run in given]
    told = attestation.statement(decide(lenient(), two), files, FILE, TODAY)
    images = [f"TorchServe 0.12.0 ({what})" for what in ("image", "process environment")]
    # Files are named by where they are in the repository, and others by their name alone.
    names = [each["name"] for each in told["subject"]]
    assert names == ["default.jsonl", "process.jsonl", "mutant.jsonl", *images]
    configuration = told["predicate"]["configuration"]
    assert [each["name"] for each in configuration] == [
        *("matrix/gate.toml", "matrix/axes.toml", "matrix/expectations.toml"),
        *("lock of KServe SDK 0.9.0" for _ in range(2)),
        *("lock of KServe SDK 0.13.1", "lock of KServe SDK 0.21.0", "harness"),
    ]
    assert configuration[-1]["digest"] == {"gitCommit": commit}


def test_its_tests_are_the_cells(green: dict[str, Any]) -> None:
    predicate = green["predicate"]
    assert len(predicate["passedTests"]) == 244
    assert "kserve0.9.0-v1-kserve-torchserve0.12.0 on container" in predicate["passedTests"]
    assert predicate["warnedTests"] == predicate["failedTests"] == []
    assert len(json.dumps(green)) < 50_000


def test_a_red_gate_is_attested_as_failed(mutant_run: Run) -> None:
    predicate = made(mutant_run)["predicate"]
    assert predicate["result"] == "FAILED"
    assert len(predicate["failedTests"]) == 10
    assert all("-unset-" in name or "-empty-" in name for name in predicate["failedTests"])
    assert len(predicate["passedTests"]) == 28


def test_what_only_warns_is_attested_as_warned(default_run: Run) -> None:
    header = dataclasses.replace(default_run.header, commit="0" * 40 + "-dirty")
    predicate = made(dataclasses.replace(default_run, header=header))["predicate"]
    assert predicate["result"] == "WARNED"
    harness = predicate["configuration"][-1]
    assert harness["digest"] == {"gitCommit": "0" * 40}
    assert harness["annotations"] == {"changed since the commit": True}


def test_a_cell_that_is_held_back_is_not_one_with_a_warning(two: Run) -> None:
    run = with_verdict(two, "v1-predict", Verdict.FAILED, "kserve0.9.0-")
    run = with_verdict(run, "starts", Verdict.FAILED, CELL)
    decision = decide(failing(lenient(), known("v1-predict")), run)
    predicate = attestation.statement(decision, [], FILE, TODAY)["predicate"]
    held_back = f"{CELL} on container"
    assert predicate["failedTests"] == [held_back]
    assert len(predicate["warnedTests"]) == 5
    assert len(predicate["passedTests"]) == 32
    assert held_back not in (*predicate["warnedTests"], *predicate["passedTests"])


def test_what_is_not_proved_is_attested_as_failed(default_run: Run) -> None:
    records = [
        dataclasses.replace(record, verdict=Verdict.ERROR) if record.check == "drains" else record
        for record in default_run.records
    ]
    predicate = made(dataclasses.replace(default_run, records=records))["predicate"]
    assert predicate["result"] == "FAILED"


def test_it_is_written_whole(tmp_path: Path, green: dict[str, Any]) -> None:
    path = tmp_path / "made" / "statement.json"
    attestation.write(green, path)
    assert json.loads(path.read_text()) == green
    assert [each.name for each in path.parent.iterdir()] == ["statement.json"]
