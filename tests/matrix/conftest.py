"""What tests of the matrix share: real results, read once."""

from __future__ import annotations

from pathlib import Path

import pytest
from kserve_conformance.results.record import Run
from kserve_conformance.results.results_file import read, write

from tests.matrix import real_results
from tests.matrix.gate import gate_cases
from tests.matrix.telling import Matrix, Said, said_by


def pytest_unconfigure() -> None:
    """Leave nothing of the results that were unpacked."""
    real_results.remove()


@pytest.fixture(scope="session")
def default_run() -> Run:
    """Give the run of the default matrix on containers: our wrapper, all as expected."""
    return read(real_results.path("default"))


@pytest.fixture(scope="session")
def process_run() -> Run:
    """Give the run of three releases on TorchServe as a process: our wrapper, all as expected."""
    return read(real_results.path("process"))


@pytest.fixture(scope="session")
def unfixed_run() -> Run:
    """Give the run of the original bug on four releases, with unset, v1 and v3."""
    return read(real_results.path("unfixed"))


@pytest.fixture(scope="session")
def mutant_run() -> Run:
    """Give the run of a wrapper that takes an unset value for v2, on two releases."""
    return read(real_results.path("mutant"))


@pytest.fixture(scope="session")
def two(default_run: Run) -> Run:
    """Give the part of the default run that is of two releases."""
    return gate_cases.of_two_releases(default_run)


@pytest.fixture(scope="session")
def two_at(two: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the results file of that part, for what reads results as a command does."""
    path = tmp_path_factory.mktemp("two") / "results.jsonl"
    write(path, two)
    return path


@pytest.fixture
def matrix(capsys: pytest.CaptureFixture[str]) -> Matrix:
    """Give what runs a command of ``python -m matrix`` in this process; see `telling`."""

    def run(*arguments: str) -> Said:
        return said_by(capsys, *arguments)

    return run
