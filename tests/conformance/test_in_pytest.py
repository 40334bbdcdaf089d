"""``pytest --pyargs kserve_conformance``, as a person uses it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

import pytest
from kserve_conformance import catalogue

from tests.conformance.test_run import command
from tests.servers import RightServer
from tests.servers.wrong.faults import change_documents

REPOSITORY = Path(__file__).resolve().parents[2]
BY_NAME = ("--pyargs", "kserve_conformance")
BY_PATH = ("conformance/kserve_conformance",)


def _pytest(*more: str, what: Sequence[str] = BY_NAME) -> subprocess.CompletedProcess[str]:
    clean = {key: value for key, value in os.environ.items() if not key.startswith("PYTEST")}
    return subprocess.run(
        [sys.executable, "-m", "pytest", *what, "-q", "-p", "no:cacheprovider", *more],
        cwd=REPOSITORY,
        env=clean,
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_it_makes_a_test_of_each_statement(server: RightServer) -> None:
    ran = _pytest(*command(server)[1:])
    assert ran.returncode == 0, ran.stdout
    assert f"{len(catalogue.load())} passed" in ran.stdout


@pytest.mark.parametrize("what", [BY_PATH, (*BY_NAME, "-n", "2")])
def test_it_takes_a_path_and_processes_too(server: RightServer, what: Sequence[str]) -> None:
    ran = _pytest(*command(server)[1:], "-k", "V2-META", what=what)
    assert ran.returncode == 0, ran.stdout
    assert " passed" in ran.stdout


def test_it_shows_what_a_departure_teaches(server: RightServer, tmp_path: Path) -> None:
    change_documents(server, "/v2", lambda told: told.pop("extensions", None) and None)
    report = tmp_path / "report.xml"
    ran = _pytest(*command(server)[1:], "-k", "V2-META-001", f"--junitxml={report}")
    assert ran.returncode == 1
    assert "V2-META-001 (MUST, profile v2): departs from the Open Inference Protocol" in ran.stdout
    (told,) = ElementTree.parse(report).iter("property")
    assert told.attrib == {"name": "family", "value": "open-inference-protocol"}
    assert catalogue.load()["V2-META-001"].usual_cause in ran.stdout
    assert "1 failed" in ran.stdout


def test_it_says_what_is_missing() -> None:
    ran = _pytest()
    assert ran.returncode == 4
    assert "--target is missing" in ran.stdout + ran.stderr
    ran = _pytest("--target", "http://127.0.0.1:9", "--model", "m")
    assert ran.returncode == 3
    assert "nothing answers at" in ran.stdout + ran.stderr


def test_another_run_of_pytest_has_nothing_of_the_suite(tmp_path: Path) -> None:
    """Neither its options, which others have, too, nor the time that its imports take."""
    program = "import sys, pytest; pytest.main(['--help']); print(*sys.modules, sep='\\n')"
    ran = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert "--target" not in ran.stdout
    modules = {each for each in ran.stdout.splitlines() if each.startswith("kserve_conformance")}
    assert modules == {"kserve_conformance", "kserve_conformance.pytest_entry"}
    assert "--grpc-target" in _pytest("--help").stdout
