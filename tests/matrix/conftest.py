"""What tests of the matrix share: real results, read once, and their page in a browser."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from kserve_conformance.results.record import Run
from kserve_conformance.results.results_file import read
from playwright.sync_api import Browser

from matrix.planning import policy
from matrix.reports import page
from tests.matrix import real_results, variants
from tests.matrix.gate import gate_cases
from tests.matrix.reports.opened_page import Opened, Write, chromium


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


# Not for the whole session: while it is open, a loop runs that bars those of other tests.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.fixture(scope="module")
def write(tmp_path_factory: pytest.TempPathFactory) -> Write:
    """Write the page of runs, with a few known failures, and say where it is."""

    def written(*runs: Run) -> Path:
        listed = replace(
            policy.load(),
            known_failing=(variants.known(("malformed-json",), {"protocol": "unset"}),),
            known_flaky=(variants.known(("v1-predict",), {}, least_pass_rate=0.9),),
        )
        path = tmp_path_factory.mktemp("page") / "report.html"
        page.write(runs, listed, path)
        return path

    return written


@pytest.fixture(scope="module")
def unfixed(write: Write, unfixed_run: Run) -> Path:
    return write(unfixed_run)


@pytest.fixture(scope="module")
def both(write: Write, default_run: Run, process_run: Run) -> Path:
    return write(default_run, process_run)


@pytest.fixture
def opened(browser: Browser, unfixed: Path) -> Iterator[Opened]:
    """Open the page of the original bug."""
    made = Opened.of(browser, unfixed)
    yield made
    made.page.context.close()
