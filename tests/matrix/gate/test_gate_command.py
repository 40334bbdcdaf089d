"""What the gate says, and ``python -m matrix gate`` as a person runs it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from kserve_conformance.results.record import Run
from kserve_conformance.results.results_file import Writer
from kserve_conformance.results.verdict import Verdict

from matrix.gate import cell_explained, printed
from matrix.gate.deciding import Decision, GateError
from matrix.planning import expectations, policy
from matrix.planning.policy import Policy
from tests import processes
from tests.matrix import given_torchserve, real_results, runs
from tests.matrix.gate.gate_cases import (
    CELL,
    TODAY,
    changed,
    decide,
    failing,
    given,
    known,
    lenient,
    one_cell,
    repeated,
    with_evidence,
    with_header,
    with_verdict,
)

REPOSITORY = Path(__file__).parents[3]

# ---------------------------------------------------------------- words


def test_the_first_line_is_the_decision(two: Run) -> None:
    green = printed.headline(decide(lenient(), two), given(two))
    assert green.startswith("GREEN: wrapper, 38 cells on container, ")
    run = with_verdict(two, "v1-predict", Verdict.FAILED, "kserve0.9.0-")
    lines = list(printed.lines(decide(lenient(), run), given(run), all_reasons=False))
    assert lines[0].startswith(
        "RED: v1-predict failed in 6 of 38 cells (KServe 0.9.0 with PROTOCOL_VERSION unset, "
    )
    assert lines[1].startswith("1. v1-predict failed in 6 of 38 cells")
    assert "A V1 prediction is what TorchServe itself answers" in lines[1]
    assert lines[2].strip() == "of this test"
    assert any("look: python -m matrix replay kserve0.9.0-" in line for line in lines)
    unproven = decide(lenient(), with_verdict(two, "starts", Verdict.ERROR))
    assert printed.headline(unproven, given(two)).startswith("UNPROVEN: starts ended in an ")


def test_the_commands_to_look_closer_decide_by_the_same(two: Run) -> None:
    run = with_verdict(two, "v1-predict", Verdict.FAILED, "kserve0.9.0-")
    options = ("--policy", "my policy.toml", "--today", "2026-11-26")
    lines = list(printed.lines(decide(lenient(), run), given(run), False, options))
    look = next(line.strip() for line in lines if "--explain" in line)
    assert look.startswith(
        "look: python -m matrix gate results/0/results.jsonl --policy 'my policy.toml' "
        "--today 2026-11-26 --explain kserve0.9.0-"
    )


def explained(decision: Decision, wanted: Policy) -> list[str]:
    """Give what is said of `CELL`."""
    (cell,) = cell_explained.find(decision, CELL)
    return cell_explained.of(decision, cell, wanted, expectations.load())


def test_the_explanation_names_the_rule_that_decided(two: Run) -> None:
    wanted = failing(lenient(), known("v1-explain"))
    run = with_verdict(two, "v1-predict", Verdict.FAILED, CELL)
    run = with_verdict(run, "v1-explain", Verdict.FAILED, "kserve0.9.0-")
    lines = explained(decide(wanted, run), wanted)
    assert lines[0] == (
        f"{CELL} on container: exit code 1, decided by the rule 'failed' (v1-predict)"
    )
    assert "  required: 'two releases'" in lines
    assert any(line.startswith("  rule 'known failing' warns: v1-explain: ") for line in lines)
    assert any("2 checks failed, where passed is right" in line for line in lines)


def test_the_explanation_of_a_cell_that_passes_says_so(two: Run) -> None:
    first, *_ = explained(decide(lenient(), two), lenient())
    assert first == f"{CELL} on container: nothing holds the release back"


def test_the_explanation_of_a_cell_that_only_warns_says_so(two: Run) -> None:
    wanted = failing(lenient(), known("v1-predict"))
    run = with_verdict(two, "v1-predict", Verdict.FAILED, "kserve0.9.0-")
    first, *_ = explained(decide(wanted, run), wanted)
    assert first == f"{CELL} on container: nothing holds the release back, with warnings"


def test_the_explanation_says_that_the_results_as_a_whole_decide(two: Run) -> None:
    wanted = with_evidence(lenient(), dirty_commit="block")
    decision = decide(wanted, with_header(two, commit=None))
    lines = explained(decision, wanted)
    assert lines[0] == (
        f"{CELL} on container: exit code 3, decided by the rule 'dirty commit', "
        "which is about the results as a whole"
    )
    (rule,) = [line for line in lines if line.startswith("  rule ")]
    (reason,) = decision.reasons
    said = "; ".join((reason.sentence, *reason.details))
    assert rule == f"  rule 'dirty commit' holds the release back: {said}"


def test_the_explanation_names_a_check_that_is_missing(two: Run) -> None:
    run = changed(two, lambda each: None if each.check == "v1-predict" else each)
    assert "  1 checks missing: v1-predict" in explained(decide(lenient(), run), lenient())


def test_the_explanation_names_a_check_that_was_left_out(two: Run) -> None:
    run = one_cell(changed(two, lambda each: None if each.check == "v1-predict" else each))
    planned = [check for check in run.header.planned[CELL] if check != "v1-predict"]
    decision = decide(lenient(), with_header(run, planned={CELL: planned}))
    told = [line for line in explained(decision, lenient()) if line.endswith(": v1-predict")]
    assert told == ["  1 checks left out of the run: v1-predict"]


def test_the_explanation_names_each_verdict_of_a_check(two: Run) -> None:
    run = repeated(one_cell(two), "v1-predict", failing=(2,), attempts=2)
    lines = explained(decide(lenient(), run), lenient())
    assert "  1 checks passed and failed, where passed is right: v1-predict" in lines


def test_the_first_line_names_each_runtime(two: Run, process_run: Run) -> None:
    said = printed.headline(decide(lenient(), two, process_run), given(two, process_run))
    assert " on container and process, " in said


def test_a_cell_that_is_not_there_is_told_with_those_that_are_near(two: Run) -> None:
    with pytest.raises(GateError, match=f"no such cell; there are for instance .*{CELL}"):
        cell_explained.find(decide(lenient(), two), CELL.replace("0.9.0", "0.9.1"))


# ---------------------------------------------------------------- the command


def ran(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return processes.run(["matrix", "gate", f"--today={TODAY}", *arguments])


def file_of(run: Run, folder: Path) -> Path:
    writer = Writer(folder / "results.jsonl", run.header)
    for record in run.records:
        writer.record(record)
    writer.finish("2026-11-25T05:00:00+00:00", 1.0)
    return folder


@pytest.fixture
def small_policy(tmp_path: Path) -> Path:
    text = policy.FILE.read_text().partition("[[require]]")[0]
    file = tmp_path / "gate.toml"
    file.write_text(f'{text}\n[[require]]\nname = "any"\nwhen = {{}}\n')
    return file


def test_the_command_is_green_on_the_default_matrix() -> None:
    done = ran(real_results.path("default"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("GREEN: wrapper, 244 cells on container, ")


def test_the_command_is_red_on_the_mutant_and_attests_it(tmp_path: Path) -> None:
    attested = tmp_path / "statement.json"
    done = ran(real_results.path("mutant"), "--attest", attested)
    assert done.returncode == 1
    assert done.stdout.startswith(
        "RED: effective-protocol failed in 10 of 38 cells (PROTOCOL_VERSION unset, empty); "
    )
    assert '"result": "FAILED"' in attested.read_text()


def test_a_statement_that_cannot_be_written_hides_no_decision(
    tmp_path: Path, small_policy: Path, two: Run
) -> None:
    folder = file_of(one_cell(two), tmp_path)
    done = ran(folder, "--policy", small_policy, "--attest", folder / "results.jsonl" / "x")
    assert done.returncode == 2
    assert done.stdout.startswith("GREEN: ")
    assert done.stderr.endswith("x can't be written: File exists\n")
    red = with_verdict(one_cell(two), "v1-predict", Verdict.FAILED)
    done = ran(file_of(red, tmp_path), "--policy", small_policy, "--attest", "/dev/null/x")
    assert (done.returncode, done.stdout[:4]) == (1, "RED:")


def test_the_statement_says_as_on_which_day_it_was_decided(
    tmp_path: Path, small_policy: Path, two: Run
) -> None:
    folder = file_of(one_cell(two), tmp_path)
    attested = tmp_path / "statement.json"
    ran(folder, "--policy", small_policy, "--attest", attested, "--today", "2026-11-30")
    policy_file = json.loads(attested.read_text())["predicate"]["configuration"][0]
    assert policy_file["annotations"] == {"decided as on": "2026-11-30"}
    done = ran(folder, "--today", "tomorrow")
    assert done.returncode == 2
    assert "'tomorrow' is no day such as 2026-11-30" in done.stderr


def test_the_command_gives_3_where_the_evidence_is_insufficient(
    tmp_path: Path, small_policy: Path, two: Run
) -> None:
    run = with_verdict(one_cell(two), "v1-predict", Verdict.ERROR)
    done = ran(file_of(run, tmp_path), "--policy", small_policy)
    assert (done.returncode, done.stderr) == (3, "")
    assert done.stdout.startswith("UNPROVEN: v1-predict ended in an error of the harness")


def test_the_command_explains_a_cell(tmp_path: Path, small_policy: Path, two: Run) -> None:
    folder = file_of(one_cell(two), tmp_path)
    done = ran(folder, "--policy", small_policy, "--explain", CELL)
    assert done.returncode == 0
    assert f"{CELL} on container: nothing holds the release back" in done.stdout
    done = ran(folder, "--policy", small_policy, "--explain", "kserve")
    assert (done.returncode, done.stdout) == (2, "")


@pytest.mark.parametrize("mistake", ["no results", "no policy", "wrong policy"])
def test_wrong_usage_is_a_sentence_and_exit_code_2(
    mistake: str, tmp_path: Path, small_policy: Path, two: Run
) -> None:
    folder = file_of(one_cell(two), tmp_path)
    if mistake == "no results":
        folder = tmp_path / "nowhere"
    elif mistake == "no policy":
        small_policy.unlink()
    else:
        small_policy.write_text(small_policy.read_text().replace("most_days", "days"))
    done = ran(folder, "--policy", small_policy)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: ")
    assert "Traceback" not in done.stderr


KNOWN = """
[[known_{kind}]]
check = ["refusal-exit-code"]
when = {{ kserve = "==0.13.1" }}
reason = "for this test"
since = 2026-01-01
until = 9999-12-31
"""


@pytest.mark.parametrize(
    ("entry", "exit_codes"),
    [
        ("", (1, 1)),
        (KNOWN.format(kind="failing"), (0, 0)),
        (KNOWN.format(kind="flaky") + "least_pass_rate = 0.5\n", (0, 0)),
    ],
)
def test_a_run_and_its_gate_agree_on_what_is_known(
    entry: str, exit_codes: tuple[int, int], tmp_path: Path, small_policy: Path
) -> None:
    small_policy.write_text(small_policy.read_text() + entry)
    tiny = Path(__file__).parents[1] / "running" / "tiny_wrapper.py"
    wrapper = f"{sys.executable} {tiny} --exit-code 1"
    run = runs.run(
        tmp_path,
        *("--kserve=0.13.1", "--protocol=v3", "--runtime=process", "--jobs=1"),
        f"--wrapper={wrapper}",
        f"--policy={small_policy}",
        given=runs.nowhere(),
        more={given_torchserve.PYTHON: sys.executable},
    )
    done = processes.run(["matrix", "gate", tmp_path, f"--policy={small_policy}"])
    assert (run.exit_code, done.returncode) == exit_codes, run.output + done.stdout
    assert "refusal-exit-code failed" in done.stdout
