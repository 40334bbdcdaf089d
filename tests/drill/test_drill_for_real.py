"""Real faults: a wrapper that is careless of one fails the row of it.

That a right one passes the same rows is what the drill's short form shows, which is in CI. The rows
that it leaves out are held by tests of the wrapper, but for those that only the drill brings about.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import pytest

from drill import pod, rows, running, torchserve
from drill.pod import Pod
from drill.results import AS_WANTED, NOT_AS_WANTED, Result
from drill.rows import Row
from fixtures.torchserve.process import ProcessTorchServe
from fixtures.wrappers.careless import CARELESS
from matrix.planning.subject import Subject
from tests import processes

KSERVE = "0.12.1"
TRIES = 3

# The row that catches it, and what that says of it.
CAUGHT = {
    "polls_each_model": ("idle", "lines in 10 s: "),
    "ready_while_torchserve_hangs": ("torchserve-stopped", "seconds until not ready: never"),
    "holds_what_its_client_left": ("clients-give-up", "held: "),
    "reads_a_body_before_its_length": ("large-bodies", "answer before body: "),
    "tells_a_killed_worker_as_the_models_fault": ("worker-killed", "order result: 500"),
    "mixes_up_answers": ("worker-killed", "wrong answers: "),
    "goes_on_after_half_an_answer": ("clients-give-up", "wrong answers: "),
    "sends_what_may_have_begun_again": ("connections-cut", "order result: 200"),
}

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def started() -> Iterator[ProcessTorchServe]:
    """A TorchServe with the drill's models."""
    with torchserve.start() as running:
        yield running


def struck(row: Row, around: Pod, tries: int = 1) -> Result:
    """Run a row, shortened."""
    return running.run_row(row.shortened(), around, around.torchserve, lambda _: None, tries)


@pytest.mark.parametrize("name", CARELESS)
def test_a_careless_one_fails(name: str, started: ProcessTorchServe) -> None:
    row, said = CAUGHT[name]
    subject = Subject(name, f"{{python}} -m fixtures.wrappers.careless {name}")
    # One that mixes up answers is never well again; a tenth of the time tells that, too.
    hurried = dataclasses.replace(rows.load()[row], after=3.0)
    with pod.before(subject, KSERVE, started, processes.of_sdks()) as around:
        result = struck(hurried, around)
    assert result.state == NOT_AS_WANTED, result.said
    assert any(each.startswith(said) for each in result.unmet), result.unmet


@pytest.fixture(scope="module")
def right(started: ProcessTorchServe) -> Iterator[Pod]:
    """A pod of this repository's wrapper."""
    with pod.before(Subject(), KSERVE, started, processes.of_sdks()) as around:
        yield around


@pytest.mark.parametrize("name", ["full-disk", "clock-jumps"])
def test_a_right_one_passes(name: str, right: Pod) -> None:
    # Times are wanted, on a machine that runs other tests beside.
    result = struck(rows.load()[name], right, TRIES)
    assert result.state == AS_WANTED, result
