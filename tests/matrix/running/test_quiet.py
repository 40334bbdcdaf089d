"""Times as contracts: what runs beside makes none of them late."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from kserve_conformance.results.exhibit import Exhibit

from matrix.running.quiet import Measured, Quiet

Judged = Callable[[Quiet, Callable[[], float], float], Measured]

# Runs beside others, and says so, until a while after its stdin has ended.
_BESIDE = """
import sys, time
from pathlib import Path
from matrix.running.quiet import Quiet
folder = Path(sys.argv[1])
with Quiet(folder).beside():
    print("in", flush=True)
    sys.stdin.read()
    time.sleep(0.3)
    (folder / "left").touch()
"""


def _beside(folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", _BESIDE, folder],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def _said(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


@pytest.fixture
def other(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Give another process of the run, that has begun a check."""
    with _beside(tmp_path) as process:
        assert _said(process) == "in"
        yield process
        process.kill()


@pytest.mark.parametrize("judged", [Quiet.best, Quiet.worst])
def test_a_time_that_is_kept_is_measured_once(judged: Judged, tmp_path: Path) -> None:
    took = judged(Quiet(tmp_path), iter([0.1, 9.0]).__next__, 0.3)
    assert took == Measured(0.1, (), 0.1)
    assert took.told() == {"best": 0.1, "median": 0.1}


def test_a_time_that_is_late_is_measured_again_and_all_figures_are_told(tmp_path: Path) -> None:
    took = Quiet(tmp_path).best(iter([0.5, 0.4, 0.2, 9.0]).__next__, 0.3)
    assert took == Measured(0.5, (0.4, 0.2), 0.2)
    assert took.told() == {"best": 0.2, "median": 0.4, "beside": 0.5, "alone": [0.4, 0.2]}


def test_what_is_far_off_is_measured_once_more_only(tmp_path: Path) -> None:
    took = Quiet(tmp_path).best(iter([5.0, 4.0, 0.1]).__next__, 0.3)
    assert took == Measured(5.0, (4.0,), 4.0)


def test_what_stays_late_is_told_so(tmp_path: Path) -> None:
    took = Quiet(tmp_path).best(lambda: 0.31, 0.3)
    assert (took.decisive, len(took.alone)) == (0.31, 9)


def test_of_what_differs_by_chance_each_has_to_be_in_time(tmp_path: Path) -> None:
    kept = Quiet(tmp_path).worst(iter([1.5, 0.1, 0.9, 0.2]).__next__, 1.0)
    assert kept == Measured(1.5, (0.1, 0.9, 0.2), 0.9)
    late = Quiet(tmp_path).worst(iter([1.5, 0.1, 1.2, 0.2]).__next__, 1.0)
    assert late == Measured(1.5, (0.1, 1.2), 1.2)


def test_what_fails_beside_others_is_made_again_and_told(tmp_path: Path) -> None:
    exhibit = Exhibit()
    made: list[str] = []

    def check() -> None:
        made.append("made")
        if len(made) == 1:
            exhibit.equal(200, 503, "status")

    Quiet(tmp_path).again(check, exhibit)
    assert len(made) == 2
    assert exhibit.observed == {"beside": "status: expected 503, got 200", "alone": "passed"}


def test_what_fails_alone_too_has_failed(tmp_path: Path) -> None:
    exhibit = Exhibit()
    with pytest.raises(AssertionError, match="status"):
        Quiet(tmp_path).again(lambda: exhibit.equal(200, 503, "status"), exhibit)
    assert exhibit.observed == 200


def test_one_that_wants_to_be_alone_waits_for_the_others(
    tmp_path: Path, other: subprocess.Popen[str]
) -> None:
    quiet = Quiet(tmp_path)
    has_left: list[bool] = []

    def seconds() -> float:
        has_left.append((tmp_path / "left").exists())
        assert other.stdin is not None
        other.stdin.close()
        return 1.0 / len(has_left)

    with quiet.beside():
        quiet.best(seconds, 0.5)
    assert has_left == [False, True]


def test_nobody_comes_in_while_one_is_alone(tmp_path: Path) -> None:
    quiet = Quiet(tmp_path)
    with quiet.beside():
        with quiet.alone():
            late = _beside(tmp_path)
            with pytest.raises(subprocess.TimeoutExpired):
                late.communicate(timeout=1)
        assert _said(late) == "in"
        late.communicate()
