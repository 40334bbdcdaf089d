"""What reports tell of an image under test: its name, its digest, what was found in it."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from kserve_conformance.results.record import Run
from rich.console import Console

from matrix.commands import summary
from matrix.reports import surroundings
from matrix.results import judging

FOUND = {"image": "mine:1", "digest": "sha256:1", "kserve": "0.13.1", "torchserve": "0.12.0"}


@pytest.fixture
def run(unfixed_run: Run) -> Run:
    wrapper = {"name": "mine:1", "command": "", "constructor": None, **FOUND}
    return replace(unfixed_run, header=replace(unfixed_run.header, wrapper=wrapper, locks={}))


def test_an_image_is_told_in_the_place_of_a_command(run: Run, unfixed_run: Run) -> None:
    told = surroundings.of(run.header)
    assert "wrapper" not in told
    (line,) = told["image under test"]
    assert line == "mine:1 (sha256:1), with KServe SDK 0.13.1 and TorchServe 0.12.0"
    assert "image under test" not in surroundings.of(unfixed_run.header)


def test_the_summary_names_it(run: Run) -> None:
    shown = io.StringIO()
    summary.show(judging.by_today([run]), Console(width=1000, file=shown))
    assert "mine:1 (sha256:1) with KServe SDK 0.13.1: the run started" in shown.getvalue()


def test_two_images_are_not_one_subject(run: Run) -> None:
    other = replace(run.header, wrapper={**run.header.wrapper, "digest": "sha256:2"})
    assert (run.header.started_as, other.started_as) == ("sha256:1", "sha256:2")
