"""What the checks of one process stand on, where it could not be had."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import cast

import pytest
from kserve_conformance.results.verdict import Unprovisioned

from matrix.planning import axes
from matrix.planning.subject import OURS_COMMAND, Subject
from matrix.running.launch import RunningWrapper
from matrix.running.quiet import Quiet
from matrix.running.worker import Stage

RELEASE = "0.13.1"


def stage_of(command: str, folder: Path, lacking: Mapping[str, str]) -> Stage:
    subject = Subject(command=command)
    return Stage(subject, axes.load(), {}, folder, {}, 1.0, {}, lacking, {}, None, Quiet(folder))


class Ended:
    """Remembers how it was ended."""

    by = ""

    def stop(self) -> None:
        self.by = "stop"

    def kill(self) -> None:
        self.by = "kill"


@pytest.mark.parametrize(
    ("command", "end"), [(OURS_COMMAND, "kill"), ("{python} other.py", "stop")]
)
def test_only_ours_is_not_asked_to_end(command: str, end: str, tmp_path: Path) -> None:
    wrapper = Ended()
    stage_of(command, tmp_path, {}).end(cast("RunningWrapper", wrapper))
    assert wrapper.by == end


def test_why_it_could_not_be_had_is_told_alike_to_each_check(tmp_path: Path) -> None:
    stage = stage_of(OURS_COMMAND, tmp_path, {RELEASE: "no lock has it"})
    told = []
    for _ in range(3):
        with pytest.raises(Unprovisioned, match="no lock has it") as raised:
            stage.environment(RELEASE)
        told.append([entry.name for entry in raised.traceback])
    # A traceback that grows with each check is put into words, and frames are kept, for nothing.
    assert told[0] == told[1] == told[2]
    assert told[0][-1] == "_provision"
