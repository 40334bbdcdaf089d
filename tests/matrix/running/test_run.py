"""``python -m matrix run`` and ``pytest matrix``: exit codes, and what never counts as a pass."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from kserve_conformance.results.results_file import read

from tests import processes
from tests.matrix import runs, with_addopts
from tests.matrix.given_torchserve import PYTHON
from tests.matrix.running import sabotage
from tests.matrix.runs import Ran

TINY = f"{sys.executable} {Path(__file__).with_name('tiny_wrapper.py')}"
HARNESS_PYTHON = {PYTHON: sys.executable}


def run_tiny(
    folder: Path,
    *arguments: str,
    wrapper: str = TINY,
    jobs: int = 1,
    more: str = "",
    variables: Mapping[str, str] | None = None,
) -> Ran:
    """Run the tiny wrapper, in environments that nobody has to make.

    Args:
        more: options of pytest.
        variables: more of the environment.
    """
    options = {"PYTEST_ADDOPTS": f"-p tests.matrix.given_torchserve {more}"}
    return runs.run(
        folder,
        f"--wrapper={wrapper}",
        f"--jobs={jobs}",
        "--runtime=process",
        *arguments,
        given=runs.nowhere(),
        more={**HARNESS_PYTHON, **options, **(variables or {})},
    )


def test_an_interrupt_while_torchserve_begins_to_start_is_told_as_one(tmp_path: Path) -> None:
    ran = run_tiny(
        tmp_path,
        *("--kserve=0.13.1", "--protocol=v3"),
        more="-p tests.matrix.running.interrupted_start",
    )
    assert ran.exit_code == 3, ran.output
    assert "the run was cut short after 0 of 1 cells" in ran.output
    assert "Traceback" not in ran.output


@pytest.mark.parametrize("jobs", [1, 2])
def test_an_interrupt_that_python_drops_ends_the_run_all_the_same(
    tmp_path: Path, jobs: int
) -> None:
    ran = run_tiny(
        tmp_path,
        *("--kserve=0.13.1", "--kserve=0.8.0", "--protocol=v3"),
        jobs=jobs,
        more="-p tests.matrix.running.dropped_interrupt",
    )
    assert ran.exit_code == 3, ran.output
    assert "the run was cut short after " in ran.output
    assert "Traceback" not in ran.output


def test_all_as_expected_is_0(tmp_path: Path) -> None:
    ran = run_tiny(tmp_path, "--kserve=0.13.1", "--protocol=v3")
    assert ran.exit_code == 0, ran.output
    assert ran.verdicts() == {
        "constructor": {"unsupported"},
        "refusal-exit-code": {"passed"},
        "refusal-line": {"passed"},
        "refusal-termination-log": {"passed"},
        "refusal-time": {"passed"},
        "refusal-ports": {"passed"},
    }
    assert "1 of 1 cells, 6 of 6 checks: 5 passed, 1 unsupported" in ran.output
    header = ran.results.header
    assert header.wrapper["command"] == TINY
    assert header.wrapper["name"] == "tiny_wrapper"
    assert header.runtime == "process"
    assert header.torchserve == [{"release": "0.12.0", "envelope": "kserve", "identity": "none"}]


def test_a_verdict_against_the_wrapper_is_1(tmp_path: Path) -> None:
    ran = run_tiny(tmp_path, "--kserve=0.13.1", "--protocol=v3", wrapper=f"{TINY} --exit-code 1")
    assert ran.exit_code == 1, ran.output
    failed = {check for check, verdicts in ran.verdicts().items() if verdicts == {"failed"}}
    assert failed == {"refusal-exit-code"}
    record = next(each for each in ran.results.records if each.check == "refusal-exit-code")
    assert (record.expected, record.observed) == (2, 1)
    assert "expected 2, got 1" in record.message


def test_a_wrapper_that_doesnt_start_is_a_verdict_against_it(tmp_path: Path) -> None:
    ran = run_tiny(
        tmp_path, "--kserve=0.13.1", "--protocol=v1", wrapper=f"{sys.executable} -c raise/**/0"
    )
    assert ran.exit_code == 1, ran.output
    assert ran.verdicts()["starts"] == {"failed"}
    assert "ended with exit code 1 before it was ready" in ran.output


def test_a_command_that_cant_be_run_is_a_verdict_against_it(tmp_path: Path) -> None:
    ran = run_tiny(tmp_path, "--kserve=0.13.1", "--protocol=v3", wrapper="/nowhere/wrapper")
    assert ran.exit_code == 1, ran.output
    assert "/nowhere/wrapper can't be run: No such file or directory" in ran.output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--kserve=0.7.0"], "--kserve 0.7.0: there is no such kserve"),
        (["--check=v2-infer", "--protocol=v3"], "nothing is left to run"),
        (["--wrapper='"], "is no command: No closing quotation"),
        (["--wrapper="], "--wrapper is empty"),
        (["--jobs=0"], "--jobs: must be 1 or larger"),
        (["--runtime=cloud"], "invalid choice: 'cloud'"),
    ],
)
def test_wrong_usage_is_2(arguments: list[str], said: str, tmp_path: Path) -> None:
    ran = runs.run(tmp_path, *arguments)
    assert ran.exit_code == 2, ran.output
    assert said in ran.output
    assert "Traceback" not in ran.output
    assert not (tmp_path / "results.jsonl").exists()


def test_a_folder_that_cant_be_written_is_wrong_usage(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    ran = run_tiny(file / "out", "--kserve=0.13.1", "--protocol=v3")
    assert ran.exit_code == 2, ran.output
    assert f"--out {file}/out can't be written: Not a directory" in ran.output


@pytest.mark.parametrize(("jobs", "ended_last"), [(1, "the only worker"), (2, "gw")])
def test_timings_tell_where_the_time_went(jobs: int, ended_last: str, tmp_path: Path) -> None:
    two = ("--kserve=0.13.1", "--kserve=0.9.0", "--protocol=v3", "--check=refusal-line")
    ran = run_tiny(tmp_path, *two, "--timings", jobs=jobs)
    assert ran.exit_code == 0, ran.output
    shares = {
        name.strip(): (float(seconds), int(times or 0))
        for name, seconds, times in re.findall(
            r"^ +(\w[a-z -]+?) +([\d.]+) +[\d.]+%(?: +(\d+))? *$", ran.output, re.MULTILINE
        )
    }
    assert shares["exact starts"][1] == 2, ran.output
    for name in ("exact starts", "start-up of the run", "start-up of its workers"):
        assert shares[name][0] > 0, ran.output
    assert {"checks", "idle"} < shares.keys(), ran.output
    assert f"the critical path is that of {ended_last}" in ran.output


def test_progress_is_told_also_while_a_check_runs_in_the_same_process(tmp_path: Path) -> None:
    plugin = tmp_path / "slow.py"
    plugin.write_text(
        "import threading\n"
        "from matrix.commands import live\n"
        "live._LINE_EVERY, live._SHOW_EVERY = 0, 0.05\n"
        "inside, told, show = threading.Event(), threading.Event(), live.Live.show\n"
        "def noted(self):\n"
        "    show(self)\n"
        "    if inside.is_set():\n"
        "        self.say('told within a check')\n"
        "        told.set()\n"
        "live.Live.show = noted\n"
        "def pytest_runtest_call(item):\n"
        "    inside.set()\n"
        "    told.wait(60)\n"
    )
    ran = runs.run(
        tmp_path / "out",
        *("--kserve=0.13.1", "--protocol=v3", "--check=refusal-line", f"--wrapper={TINY}"),
        *("--runtime=process", "--jobs=1"),
        given=runs.nowhere(),
        more={
            **HARNESS_PYTHON,
            with_addopts.PLUGINS: str(tmp_path),
            "PYTEST_ADDOPTS": "-p tests.matrix.given_torchserve -p slow",
        },
    )
    assert ran.exit_code == 0, ran.output
    assert "told within a check\n" in ran.output
    assert "0 of 1 cells done, 0 not as expected; " in ran.output


def test_list_prints_ids_and_runs_nothing(tmp_path: Path) -> None:
    ran = runs.run(tmp_path, "--kserve=0.9.0", "--protocol=unset", "--list")
    assert ran.exit_code == 0
    assert ran.output.splitlines() == [
        "kserve0.9.0-unset-kserve-torchserve0.12.0",
        "kserve0.9.0-unset-kservev2-torchserve0.12.0",
        "kserve0.9.0-unset-none-torchserve0.12.0",
    ]
    assert not (tmp_path / "results.jsonl").exists()


def test_a_torchserve_that_doesnt_start_is_the_harnesss_fault(tmp_path: Path) -> None:
    ran = runs.run(
        tmp_path,
        *("--kserve=0.13.1", "--kserve=0.9.0", "--protocol=v3", f"--wrapper={TINY}"),
        *("--runtime=process", "--jobs=2"),
        given={**runs.nowhere(), "kserve": "its worker crashed"},
        more=HARNESS_PYTHON,
    )
    assert ran.exit_code == 3, ran.output
    assert ran.verdicts()["refusal-line"] == {"error"}
    assert "its worker crashed" in ran.output


def test_a_check_that_doesnt_check_is_an_error(tmp_path: Path) -> None:
    """Such a one must never become a pass, or nothing."""
    sabotaged = {
        "refusal_line": "skipped",
        "refusal_exit_code": "expected to fail",
        "refusal_time": "faulty",
    }
    ran = run_tiny(
        *(tmp_path, "--kserve=0.13.1", "--protocol=v3"),
        more=f"-p {sabotage.PLUGIN}",
        variables={sabotage.SABOTAGE: json.dumps(sabotaged)},
    )
    assert ran.exit_code == 3, ran.output
    verdicts = ran.verdicts()
    for check in sabotaged:
        assert verdicts.pop(check.replace("_", "-")) == {"error"}
    assert verdicts == {
        "constructor": {"unsupported"},
        "refusal-termination-log": {"passed"},
        "refusal-ports": {"passed"},
    }


def test_a_check_that_is_left_out_makes_the_run_incomplete(tmp_path: Path) -> None:
    ran = run_tiny(tmp_path, "--kserve=0.13.1", "--protocol=v3", more="-k 'not refusal_line'")
    assert ran.exit_code == 3, ran.output
    assert [check for _, check in ran.results.missing()] == ["refusal-line"]
    assert "0 of 1 cells, 5 of 6 checks" in ran.output


def test_a_worker_that_dies_is_an_error(tmp_path: Path) -> None:
    ran = run_tiny(
        *(tmp_path, "--kserve=0.13.1", "--kserve=0.9.0", "--protocol=v3"),
        jobs=2,
        more=f"-p {sabotage.PLUGIN}",
        variables={sabotage.SABOTAGE: json.dumps({"refusal_line[kserve0.9.0": "deadly"})},
    )
    assert ran.exit_code == 3, ran.output
    assert ran.verdicts()["refusal-line"] == {"error", "passed"}
    assert len(ran.results.complete_cells()) == 2


def test_the_checks_of_one_cell_stay_in_one_worker(tmp_path: Path) -> None:
    ran = run_tiny(
        *(tmp_path / "out", "--kserve=0.13.1", "--kserve=0.9.0"),
        *("--protocol=v3", "--protocol=None"),
        jobs=2,
        more=f"-p {sabotage.PLUGIN}",
        variables={sabotage.TOLD: str(tmp_path)},
    )
    assert ran.exit_code == 0, ran.output
    workers = [set(told.read_text().split()) for told in tmp_path.glob("kserve0.*")]
    assert len(workers) == 4
    assert all(len(each) == 1 for each in workers), workers
    assert len(set.union(*workers)) == 2, "only one of the two workers was given work"


def test_the_suite_is_plain_pytest(tmp_path: Path) -> None:
    ran = processes.run(
        [
            *("pytest", "matrix", "-q", "-n", "2", "--dist", "loadgroup"),
            *("--kserve=0.13.1", "--protocol=v3", f"--wrapper={TINY} --exit-code 1"),
            *("--runtime=process", f"--out={tmp_path}"),
        ],
        env=runs.environment(runs.nowhere(), HARNESS_PYTHON),
    )
    assert ran.returncode == 1, ran.stdout + ran.stderr
    assert "1 failed, 4 passed, 1 skipped" in ran.stdout
    assert read(tmp_path / "results.jsonl").exit_code() == 1


def test_wrong_usage_of_the_plain_suite_is_2(tmp_path: Path) -> None:
    ran = processes.run(["pytest", "matrix", "--kserve=0.7.0", f"--out={tmp_path}"])
    assert ran.returncode == 2, ran.stdout + ran.stderr
    assert "there is no such kserve" in ran.stderr


def test_a_run_tells_of_an_earlier_one_that_was_cut_short(tmp_path: Path) -> None:
    first = run_tiny(tmp_path, "--kserve=0.13.1", "--protocol=v3")
    assert first.exit_code == 0, first.output
    file = tmp_path / "results.jsonl"
    file.write_text("".join(file.read_text().splitlines(keepends=True)[:3]))
    second = run_tiny(tmp_path, "--kserve=0.13.1", "--protocol=v3")
    assert second.exit_code == 0, second.output
    assert "was cut short after 0 of 1 cells, 2 of 6 checks; it is replaced" in second.output


def test_summary_judges_a_file_again(tmp_path: Path) -> None:
    run_tiny(tmp_path, "--kserve=0.13.1", "--protocol=v3", wrapper=f"{TINY} --exit-code 1")
    ran = processes.run(["matrix", "summary", tmp_path / "results.jsonl"])
    assert ran.returncode == 1
    assert "failed: refusal-exit-code" in ran.stdout
