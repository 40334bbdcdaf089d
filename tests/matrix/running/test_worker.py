"""What the checks of one process stand on, where it could not be had."""

from __future__ import annotations

from pathlib import Path

import pytest
from kserve_conformance.results.verdict import Unprovisioned

from matrix.planning import axes
from matrix.planning.subject import OURS_COMMAND, Subject
from matrix.running.quiet import Quiet
from matrix.running.worker import Stage

RELEASE = "0.13.1"


def test_why_it_could_not_be_had_is_told_alike_to_each_check(tmp_path: Path) -> None:
    lacking = {RELEASE: "no lock has it"}
    subject = Subject(command=OURS_COMMAND)
    stage = Stage(
        subject, axes.load(), {}, tmp_path, {}, 1.0, {}, lacking, {}, None, Quiet(tmp_path)
    )
    told = []
    for _ in range(3):
        with pytest.raises(Unprovisioned, match="no lock has it") as raised:
            stage.environment(RELEASE)
        told.append([entry.name for entry in raised.traceback])
    # A traceback that grows with each check is put into words, and frames are kept, for nothing.
    assert told[0] == told[1] == told[2]
    assert told[0][-1] == "_provision"
