"""The page of real results in a browser, which is opened by no test of another folder."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from kserve_conformance.results.record import Run
from playwright.sync_api import Browser

from matrix.planning import policy
from matrix.reports import page
from tests.matrix import variants
from tests.matrix.reports.opened_page import Opened, Write, chromium


# Not for the whole session: while it is open, a loop runs that bars those of other tests.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.fixture(scope="session")
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


@pytest.fixture(scope="session")
def unfixed(write: Write, unfixed_run: Run) -> Path:
    return write(unfixed_run)


@pytest.fixture(scope="session")
def both(write: Write, default_run: Run, process_run: Run) -> Path:
    return write(default_run, process_run)


@pytest.fixture
def opened(browser: Browser, unfixed: Path) -> Iterator[Opened]:
    """Open the page of the original bug."""
    made = Opened.of(browser, unfixed)
    yield made
    made.page.context.close()
