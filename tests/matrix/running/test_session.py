"""When a run forks its wrappers: where it pays, and nothing is lost by it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from matrix.commands.cli import main
from matrix.planning import options
from matrix.planning.options import Start
from matrix.planning.subject import Subject
from matrix.running import session, starting

SCRIPT = Subject("mine", "{python} mine.py")


def forks(folder: Path, start: Start, subject: Subject, *cells: str, repeat: int = 1) -> bool:
    wanted = replace(options.parsed(), kserve=("0.9.0",), protocol=cells, repeat=repeat)
    plan = starting.make_plan(wanted)
    return session.fork_servers(start, plan, subject, folder / "forks", {}) is not None


def test_where_several_starts_share_a_server(tmp_path: Path) -> None:
    assert forks(tmp_path, "auto", Subject())
    assert (tmp_path / "forks").is_dir()


@pytest.mark.parametrize(
    ("start", "subject", "cells", "repeat"),
    [
        ("exact", Subject(), (), 1),
        ("auto", SCRIPT, (), 1),
        ("auto", Subject(), ("v3",), 1),
        ("auto", Subject(), (), 2),
    ],
    ids=["not wanted", "no module", "of few cells", "repeated"],
)
def test_where_each_start_is_exact(
    start: Start, subject: Subject, cells: tuple[str, ...], repeat: int, tmp_path: Path
) -> None:
    assert not forks(tmp_path, start, subject, *cells, repeat=repeat)


def test_where_all_is_to_be_forked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert forks(tmp_path, "forked", Subject(), "v3", repeat=2)
    assert main(["run", "--start=forked", "--wrapper={python} mine.py", f"--out={tmp_path}"]) == 2
    assert capsys.readouterr().err.startswith(
        "error: --start forked is for {python} -m MODULE, and not for '{python} mine.py': leave it"
    )
