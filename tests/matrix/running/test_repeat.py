"""``run --repeat``: each attempt has a wrapper of its own, and none may be left out."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.matrix import runs, with_addopts
from tests.matrix.given_torchserve import PLUGIN, PYTHON
from tests.matrix.running.test_run import HARNESS_PYTHON, TINY, run_tiny
from tests.matrix.runs import Ran

CELL = "kserve0.13.1-v3-kserve-torchserve0.12.0"


def test_every_check_is_attempted_as_often_as_asked(tmp_path: Path) -> None:
    ran = run_tiny(tmp_path, "--kserve=0.13.1", "--protocol=v3", "--repeat=2")
    assert ran.exit_code == 0, ran.output
    run = ran.results
    assert run.header.repeat == 2
    assert run.missing() == []
    attempts = Counter((record.check, record.attempt) for record in run.records)
    assert attempts == {(check, each): 1 for check in run.header.planned[CELL] for each in (1, 2)}
    assert {record.cell for record in run.records} == {CELL}
    assert "1 of 1 cells, 12 of 12 checks" in ran.output
    assert (
        "every check came to the same in each attempt: where it passed, 2 of 2 attempts passed, "
        "95% interval 16%-100%"
    ) in ran.output


def _with_plugin(folder: Path, source: str, *arguments: str, wrapper: str = TINY) -> Ran:
    (folder / "own.py").write_text(source)
    return runs.run(
        folder,
        *("--kserve=0.13.1", "--runtime=process", "--jobs=1", "--repeat=2"),
        f"--wrapper={wrapper}",
        *arguments,
        given=runs.nowhere(),
        more={
            **HARNESS_PYTHON,
            with_addopts.PLUGINS: str(folder),
            "PYTEST_ADDOPTS": f"-p {PLUGIN} -p own",
        },
    )


def test_an_attempt_that_is_left_out_makes_the_run_incomplete(tmp_path: Path) -> None:
    ran = _with_plugin(
        tmp_path,
        "def pytest_collection_modifyitems(items):\n"
        "    items[:] = [each for each in items if 'refusal_line[' not in each.name\n"
        "                or '@2' not in each.name]\n",
        "--protocol=v3",
    )
    assert ran.exit_code == 3, ran.output
    assert ran.results.missing() == [(CELL, "refusal-line")]
    assert "0 of 1 cells, 11 of 12 checks" in ran.output


def test_one_attempt_that_fails_is_held_against_the_wrapper(tmp_path: Path) -> None:
    ran = _with_plugin(
        tmp_path,
        "def pytest_runtest_call(item):\n"
        "    assert 'refusal_line[' not in item.name or '@2' not in item.name, 'now and then'\n",
        "--protocol=v3",
    )
    assert ran.exit_code == 1, ran.output
    lines = [each for each in ran.results.records if each.check == "refusal-line"]
    assert {each.attempt: str(each.verdict) for each in lines} == {1: "passed", 2: "failed"}
    assert f"flaky: refusal-line in {CELL}: 1 of 2 attempts passed, 95% interval" in ran.output
    assert "every other check came to the same" in ran.output


def test_each_attempt_has_a_wrapper_process_of_its_own(tmp_path: Path) -> None:
    # Whatever starts as a wrapper tells its process id, and then is the tiny wrapper.
    telling = tmp_path / "telling.py"
    told = tmp_path / "told"
    telling.write_text(
        "import os, sys\n"
        f"with open({str(told)!r}, 'a') as file:\n"
        "    file.write(f'{os.getpid()}\\n')\n"
        f"os.execv(sys.executable, [sys.executable, {TINY.split()[1]!r}, *sys.argv[1:]])\n"
    )
    ran = _with_plugin(
        tmp_path,
        "",
        *("--cell=kserve0.13.1-v1-kserve-torchserve0.12.0", "--check=model-ready"),
        wrapper=f"{sys.executable} {telling}",
    )
    verdicts = {each.attempt: str(each.verdict) for each in ran.results.records}
    assert verdicts == {1: "passed", 2: "passed"}, ran.output
    processes = told.read_text().split()
    assert len(processes) == len(set(processes)) == 2


@pytest.mark.parametrize("number", ["0", "-1", "many"])
def test_a_number_of_attempts_that_is_none_is_wrong_usage(number: str, tmp_path: Path) -> None:
    ran = runs.run(tmp_path, f"--repeat={number}", more={PYTHON: sys.executable})
    assert ran.exit_code == 2, ran.output
    assert "--repeat" in ran.output
    assert "Traceback" not in ran.output
