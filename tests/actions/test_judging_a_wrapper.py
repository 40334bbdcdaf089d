"""The matrix as an action and as a component."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.actions.jobs import REPOSITORY, Ended, on_github, on_gitlab, outputs
from tests.matrix import runs, with_addopts

# What takes least of what is real: a start that has to be refused, on one release.
ONE = {"kserve": "0.13.1", "protocol": "v3", "runtime": "process"}
WRAPPER = "{python} 'my wrapper.py' --name \"it's\" $(touch injected) `touch injected`; # : {x}"
POLICY = """schema = 1
[evidence]
most_days = 14
least_coverage = 1.0
cut_short = "block"
dirty_commit = "allow"
other_commit = "allow"
[verdicts]
block = ["failed", "passed", "unsupported", "error", "unprovisioned", "missing"]
first = ["starts"]
[flaky]
confidence = 0.95
stale_above = 0.99
[[require]]
name = "a refusal on one release"
when = {}
least = { cells = 1 }
"""


@pytest.mark.integration
@pytest.mark.parametrize(
    ("wrapper", "code", "verdict"),
    [("", 0, "green"), ("{python} -c 'raise SystemExit(7)'", 1, "red")],
)
def test_a_real_run_tells_what_the_gate_decides(
    tmp_path: Path, wrapper: str, code: int, verdict: str
) -> None:
    policy = tmp_path / "my gate.toml"
    policy.write_text(POLICY)
    given = {**ONE, "wrapper": wrapper, "policy": "../my gate.toml", "out": "my results"}
    # A refusal never reaches TorchServe, so that none is started.
    more = {**runs.environment(runs.nowhere()), "MATRIX": with_addopts.MODULE}
    ended = on_github("matrix", tmp_path, given, more=more)
    assert ended.code == code, ended.log
    assert ended.outputs == outputs(verdict, "my results", "report.html")
    assert all((ended.folder / path).stat().st_size for path in list(ended.outputs.values())[1:])
    assert f"{verdict.upper()}: " in ended.log
    assert "0.13.1" in ended.summary


@pytest.mark.parametrize(
    ("ends", "policy", "code", "verdict"),
    [
        ("0,1", "", 0, "green"),
        ("1,0", "", 1, "red"),
        ("3,0", "", 3, "unproven"),
        ("2,0", "gate.toml", 2, "wrong-usage"),
        ("1,0", "gate.toml", 0, "green"),
        ("0,1", "gate.toml", 1, "red"),
        ("0,3", "gate.toml", 3, "unproven"),
        ("0,2", "gate.toml", 2, "wrong-usage"),
    ],
)
def test_the_gate_decides_where_there_is_a_policy(
    tmp_path: Path, ends: str, policy: str, code: int, verdict: str
) -> None:
    ended = on_github("matrix", tmp_path, {"policy": policy}, ends)
    assert (ended.code, ended.outputs["verdict"]) == (code, verdict)
    assert bool(ended.outputs["results"]) == (code != 2 or ends != "2,0")
    assert bool(ended.asked("gate")) == (bool(policy) and ends != "2,0")


def given(folder: Path) -> dict[str, str]:
    return {
        "wrapper": WRAPPER,
        "wrapper-name": "it's mine",
        "requirements": "my requirements.txt",
        "policy": str(folder / "gate.toml"),
        "kserve": " 0.9.0  newest",
        "out": "results/mine",
    }


def expected(ended: Ended) -> dict[str, list[str]]:
    """Give what the commands of the matrix are to be asked."""
    out, policy = ended.folder / "results/mine", ended.folder.parent / "gate.toml"
    return {
        "run": [
            f"--wrapper={WRAPPER}",
            "--wrapper-name=it's mine",
            "--kserve=0.9.0",
            "--kserve=newest",
            f"--requirements={ended.folder}/my requirements.txt",
            f"--policy={policy}",
            f"--out={out}",
        ],
        "gate": [f"--policy={policy}", str(out)],
    }


def test_inputs_are_words_whatever_they_hold(tmp_path: Path) -> None:
    for run in (on_github, on_gitlab):
        folder = tmp_path / run.__name__
        folder.mkdir()
        ended = run("matrix", folder, given(folder), "0,1")
        assert ended.code == 1, ended.log
        told = sorted(ended.asked("run")), ended.asked("gate")
        assert told == (sorted(expected(ended)["run"]), expected(ended)["gate"])
        assert not list(tmp_path.rglob("injected"))


def test_the_component_tells_outputs_of_a_red_run(tmp_path: Path) -> None:
    ended = on_gitlab("matrix", tmp_path, {"subject-image": "mine:1"}, "1,0")
    assert ended.code == 1, ended.log
    assert ended.asked("run") == ["--subject-image=mine:1", f"--out={ended.folder}/results/matrix"]
    assert ended.outputs == {
        "matrix_verdict": "red",
        "matrix_results": "results/matrix/results.jsonl",
    }


def test_the_harness_is_installed_from_where_the_action_is(tmp_path: Path) -> None:
    ended = on_github("matrix", tmp_path, {}, "0,0")
    folders = [Path(each) for each in ended.installed() if each.startswith("/")]
    harness, suite = folders
    assert harness == REPOSITORY.with_name(f"{REPOSITORY.name}[harness]")
    assert suite == REPOSITORY / "conformance"
