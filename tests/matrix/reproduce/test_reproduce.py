"""``python -m matrix reproduce``: what it concludes is computed from what it saw."""

from __future__ import annotations

import subprocess

import pytest

from matrix.reproduce import looking
from matrix.reproduce.looking import RIGHT, WORDS, Line, Reply
from tests import processes
from tests.matrix import runs

BUG = Reply(500, f'{{"error":"ValueError : {WORDS}"}}')
OTHER_WORDS = Reply(501, '{"error":"Unsupported protocol None."}')
BROKEN = Reply(None, "does not start: ImportError")


def line(release: str, unfixed: Reply, v1: Reply = RIGHT, fixed: Reply = RIGHT) -> Line:
    return Line(release, unfixed, v1, fixed)


def test_first_and_last_are_those_that_were_seen() -> None:
    lines = [line("1", RIGHT), line("2", BUG), line("3", BUG), line("4", OTHER_WORDS)]
    assert looking.conclusions(lines) == [
        f"'{WORDS}': first in 2, last in 3, on 2 of 4 releases",
        "unset breaks what v1 serves: first in 2, last in 4, on 3 of 4 releases",
        "the fixed wrapper gives TorchServe's own answer on 4 of 4 releases",
    ]


def test_a_gap_is_told() -> None:
    lines = [line("1", BUG), line("2", RIGHT), line("3", BUG)]
    assert looking.conclusions(lines)[0].endswith("on 2 of 3 releases, but not in 2")


def test_a_bug_that_isnt_there_is_not_made_up() -> None:
    assert looking.conclusions([line("1", RIGHT)])[:2] == [
        f"'{WORDS}': on none of 1 releases",
        "unset breaks what v1 serves: on none of 1 releases",
    ]


def test_what_breaks_with_v1_too_is_another_bug() -> None:
    assert not line("1", BROKEN, v1=BROKEN).has_bug


@pytest.mark.parametrize(
    ("lines", "exit_code"),
    [
        ([line("1", BUG)], 0),
        ([line("1", BUG, fixed=BUG)], 1),
        ([line("1", BUG), Line("2", missing="no Python 3.9")], 3),
        ([line("1", BUG, fixed=BROKEN), Line("2", missing="no Python 3.9")], 1),
    ],
)
def test_exit_code(lines: list[Line], exit_code: int) -> None:
    assert looking.exit_code(lines) == exit_code


def test_what_could_not_be_had_is_told() -> None:
    told = looking.conclusions([line("1", BUG), Line("2", missing="no Python 3.9")])
    assert told[-1] == "1 of 2 releases could not be provisioned"


def _reproduce(*arguments: str) -> subprocess.CompletedProcess[str]:
    return processes.run(["matrix", "reproduce", *arguments], env=runs.environment(None))


def test_an_unknown_release_is_wrong_usage() -> None:
    ran = _reproduce("--kserve=0.7.0")
    assert ran.returncode == 2
    assert "'0.7.0' is not in axes.toml" in ran.stderr
    assert "Traceback" not in ran.stderr


@pytest.mark.integration
def test_the_bug_is_there_where_it_is_known_to_be() -> None:
    ran = _reproduce("--runtime=process", "--kserve=0.9.0", "--kserve=0.11.2", "--kserve=0.14.1")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert f"'{WORDS}': first in 0.11.2, last in 0.11.2, on 1 of 3 releases" in ran.stdout
    assert "v1 serves: first in 0.11.2, last in 0.14.1, on 2 of 3 releases" in ran.stdout
    assert "TorchServe's own answer on 3 of 3 releases" in ran.stdout
