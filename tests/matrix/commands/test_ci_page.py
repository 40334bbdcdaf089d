"""docs/ci.md and its workflows: valid, and every command in them is one that there is."""

from __future__ import annotations

import argparse
import os
import re
import shlex
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from matrix.commands import cli, plan, run
from tests.matrix.commands.ci_schemas import assert_valid
from tests.matrix.runs import REPOSITORY

DOCS = REPOSITORY / "docs"
PAGE = DOCS / "ci.md"
GITHUB = DOCS / "ci" / "github.yml"
GITLAB = DOCS / "ci" / "gitlab.yml"
GITLAB_CHILD = DOCS / "ci" / "gitlab-child.yml"
KUBERNETES = DOCS / "ci" / "kubernetes.md"
FILES = (PAGE, GITHUB, GITLAB, GITLAB_CHILD, KUBERNETES)

_COMMAND = re.compile(r"python -m matrix ([^`|>#)\n]*)")
# What a command line holds that a machine fills in.
_FILLED_IN = {
    "$SELECTION": "",
    "$earlier": "--timings timings/results.jsonl",
    "$SHARDS": "4",
    "$MATRIX_SHARDS": "4",
    "$shards": "4",
    '"${words[@]}"': "--kserve 0.9.0 --protocol None",
    "$FOLDER": "shard-1",
    "ARGUMENTS": "--kserve 0.9.0",
}


def commands(path: Path) -> Iterator[list[str]]:
    """Give the words of each command of the matrix that a file shows."""
    text = path.read_text(encoding="utf-8").replace("\\\n", " ")
    for line in _COMMAND.findall(text):
        for name, value in _FILLED_IN.items():
            line = line.replace(name, value)
        # A shell's "|| ..." and a redirection were cut off above.
        yield shlex.split(line)


def parse(words: list[str]) -> argparse.Namespace:
    """Parse a command's words as the command would, and run nothing."""
    parser = argparse.ArgumentParser(exit_on_error=True)
    subparsers = parser.add_subparsers(required=True)
    for name in cli._COMMANDS:
        cli.module(name).register(subparsers)
    return parser.parse_args(words)


def jobs(path: Path) -> Mapping[str, Any]:
    read: Mapping[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return read


def github_steps() -> Iterator[tuple[str, Mapping[str, Any]]]:
    for name, job in jobs(GITHUB)["jobs"].items():
        for step in job["steps"]:
            yield name, step


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_command_that_is_shown_is_one_that_there_is(path: Path) -> None:
    shown = list(commands(path))
    assert len(shown) >= 1
    for words in shown:
        parse(words)


def test_the_commands_of_all_steps_are_shown() -> None:
    for path in (PAGE, GITHUB):
        assert {"plan", "run", "merge", "gate", "report"} <= {words[0] for words in commands(path)}
    gitlab = {words[0] for path in (GITLAB, GITLAB_CHILD) for words in commands(path)}
    # The shards' own jobs are made by the plan.
    assert gitlab == {"plan", "merge", "gate", "report"}


def test_the_workflow_of_github_is_valid() -> None:
    assert_valid("github-workflows", GITHUB)


def test_the_pipelines_of_gitlab_are_valid(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert_valid("gitlab-ci", GITLAB)
    assert cli.main(["plan", "--format", "gitlab", "--shards", "3"]) == 0
    shards = capsys.readouterr().out
    child = GITLAB_CHILD.read_text(encoding="utf-8")
    joined = tmp_path / "pipeline.yml"
    joined.write_text(child + shards, encoding="utf-8")
    assert_valid("gitlab-ci", joined)
    both = yaml.safe_load(child), yaml.safe_load(shards)
    # A key in both would silently take the place of the other.
    assert not both[0].keys() & both[1].keys()
    assert jobs(joined)["decide"]["stage"] in jobs(joined)["stages"]


def test_a_job_uses_only_outputs_that_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    text = GITHUB.read_text(encoding="utf-8")
    assert cli.main(["plan", "--format", "github", "--shards", "2"]) == 0
    (given, *_) = yaml.safe_load(capsys.readouterr().out)["include"]
    assert set(re.findall(r"\bmatrix\.([a-z]+)", text)) - {"yml"} <= given.keys()
    for job, definition in jobs(GITHUB)["jobs"].items():
        steps = {step["id"] for step in definition["steps"] if "id" in step}
        used = re.findall(r"\bsteps\.([a-z]+)\.outputs", yaml.safe_dump(definition))
        assert set(used) <= steps, job
        needed = definition.get("needs", [])
        needs = {needed} if isinstance(needed, str) else set(needed)
        assert set(re.findall(r"\bneeds\.([a-z]+)\.", yaml.safe_dump(definition))) <= needs, job


def test_what_comes_after_a_red_run_is_done_all_the_same() -> None:
    decide = [step for name, step in github_steps() if name == "decide"]
    named = {step.get("name"): step for step in decide}
    assert "!cancelled()" in jobs(GITHUB)["jobs"]["decide"]["if"]
    assert not [step for step in decide if "continue-on-error" in step]
    for step in decide[decide.index(named["Gate"]) + 1 :]:
        # Without merged results there is nothing to tell of.
        assert "!cancelled() && steps.merge.outcome == 'success'" in step["if"], step
    assert "needs.decide.outputs.merge == 'success'" in jobs(GITHUB)["jobs"]["publish"]["if"]
    assert jobs(GITLAB_CHILD)["decide"]["when"] == "always"
    assert jobs(GITLAB_CHILD)["decide"]["artifacts"]["when"] == "always"
    assert jobs(GITLAB_CHILD)["pages"]["rules"][0]["when"] == "always"


def deciding(folder: Path, script: str, merged: bool, code: int) -> tuple[int, list[str]]:
    """Run a script with a Python whose merge may write results, and whose gate ends so."""
    python = folder / "python"
    writes = "mkdir results; echo x > results/results.jsonl; " if merged else ""
    python.write_text(
        "#!/bin/sh\n"
        'echo "$3" >> said\n'
        f"case $3 in merge) {writes}exit 3;; gate) exit {code};; esac\n"
    )
    python.chmod(0o755)
    variables = {"PATH": f"{folder}:{os.environ['PATH']}", "PLAN": '{"include": [1]}'}
    ran = subprocess.run(
        ["bash", "-e", "-c", script],
        cwd=folder,
        env={**os.environ, **variables, "MATRIX_SHARDS": "1"},
    )
    return ran.returncode, (folder / "said").read_text().split()


@pytest.mark.parametrize(("merged", "red"), [(True, False), (False, True)])
def test_what_could_not_be_merged_is_not_judged(tmp_path: Path, merged: bool, red: bool) -> None:
    (script,) = (step["run"] for _, step in github_steps() if step.get("name") == "Merge")
    assert bool(deciding(tmp_path, script, merged, 0)[0]) == red


@pytest.mark.parametrize(
    ("merged", "code", "ended", "asked"),
    [
        (True, 0, 0, ["merge", "gate", "report"]),
        (True, 1, 1, ["merge", "gate", "report"]),
        (False, 0, 1, ["merge"]),
    ],
)
def test_gitlab_reports_a_red_run_and_judges_none_that_is_not_merged(
    tmp_path: Path, merged: bool, code: int, ended: int, asked: list[str]
) -> None:
    script = "\n".join(jobs(GITLAB_CHILD)["decide"]["script"])
    assert deciding(tmp_path, script, merged, code) == (ended, asked)


def test_only_the_job_that_publishes_can_write() -> None:
    document = jobs(GITHUB)
    assert document["permissions"] == {"contents": "read"}
    allowed = {name for name, job in document["jobs"].items() if "permissions" in job}
    assert allowed == {"publish"}
    assert "refs/heads/main" in document["jobs"]["publish"]["if"]


@pytest.mark.parametrize(("code", "red"), [(0, False), (1, False), (2, True), (3, True)])
def test_a_shard_is_red_where_it_could_not_be_run(tmp_path: Path, code: int, red: bool) -> None:
    (script,) = (step["run"] for _, step in github_steps() if step.get("name") == "Run")
    python = tmp_path / "python"
    python.write_text(f"#!/bin/sh\nprintf '%s\\n' \"$@\" > said\nexit {code}\n")
    python.chmod(0o755)
    wrapper = "{python} 'my wrapper.py'; $(exit 9)"
    ran = subprocess.run(
        ["bash", "-e", "-c", script],
        cwd=tmp_path,
        env={
            **os.environ,
            "PATH": f"{tmp_path}:{os.environ['PATH']}",
            "ARGUMENTS": shlex.join(["--wrapper", wrapper, "--kserve=0.9.0"]),
            "FOLDER": "shard-1",
        },
    )
    assert ran.returncode == (code if red else 0)
    said = (tmp_path / "said").read_text().splitlines()
    asked = ["-m", "matrix", "run", "--wrapper", wrapper, "--kserve=0.9.0"]
    assert said == [*asked, "--out", "results/shard-1"]


@pytest.mark.parametrize("earlier", [False, True])
def test_the_step_that_plans_hands_on_all_options(tmp_path: Path, earlier: bool) -> None:
    (script,) = (step["run"] for _, step in github_steps() if step.get("name") == "Plan")
    _, said = planned(tmp_path, script, earlier)
    words = said.splitlines()
    assert words[:3] == ["-m", "matrix", "plan"]
    assert words[-1 - 2 * earlier :][0] == "{python} {repository}/mine/my wrapper.py"
    assert ("--timings" in words) == earlier
    assert (tmp_path / "output").read_text() == 'matrix={"include": []}\n'


def test_a_plan_that_fails_fails_its_step(tmp_path: Path) -> None:
    (script,) = (step["run"] for _, step in github_steps() if step.get("name") == "Plan")
    assert planned(tmp_path, script, earlier=False, code=2)[0] != 0
    assert not (tmp_path / "output").exists()


def planned(folder: Path, script: str, earlier: bool, code: int = 0) -> tuple[int, str]:
    """Run a script with a Python that keeps its arguments, and prints an empty plan."""
    python = folder / "python"
    python.write_text(
        f"#!/bin/sh\nprintf '%s\\n' \"$@\" > said\necho '{{\"include\": []}}'\nexit {code}\n"
    )
    python.chmod(0o755)
    if earlier:
        (folder / "timings").mkdir()
        (folder / "timings" / "results.jsonl").touch()
    selection = "--runtime process --wrapper '{python} {repository}/mine/my wrapper.py'"
    ran = subprocess.run(
        ["bash", "-e", "-c", script],
        cwd=folder,
        env={
            **os.environ,
            "PATH": f"{folder}:{os.environ['PATH']}",
            "GITHUB_OUTPUT": "output",
            "SELECTION": selection,
            "SHARDS": "4",
        },
        stderr=subprocess.DEVNULL,
    )
    return ran.returncode, (folder / "said").read_text()


def test_the_selection_of_the_workflows_can_be_planned() -> None:
    github, gitlab = jobs(GITHUB)["env"]["SELECTION"], jobs(GITLAB)["variables"]["SELECTION"]
    for selection in (github, gitlab):
        arguments = parse(["plan", *shlex.split(selection)])
        # Machines that differ would choose another runtime, and their results can't be joined.
        assert arguments.matrix_runtime != "auto"
        assert arguments.command is plan._main
        assert parse(["run", *shlex.split(selection)]).command is run._main


def coverage_rows() -> list[tuple[str, str]]:
    """Give the page's plans, by their arguments, with what `plan` must say of each."""
    row = re.compile(r"^\| (all|`--.*?`) \| (\d+ of \d+) \| (.*) \| (.*) \|$", re.MULTILINE)
    return [
        (
            "" if name == "all" else name.strip("`"),
            f"{cells} cells; pairs of axis points covered: {pairs}, triples: {triples} (",
        )
        for name, cells, pairs, triples in row.findall(PAGE.read_text(encoding="utf-8"))
    ]


@pytest.mark.parametrize(("arguments", "said"), coverage_rows())
def test_the_page_tells_what_plans_cover(
    capsys: pytest.CaptureFixture[str], arguments: str, said: str
) -> None:
    assert cli.main(["plan", *arguments.split()]) == 0
    assert capsys.readouterr().out.startswith(said)


def test_the_page_has_a_table_of_plans() -> None:
    assert len(coverage_rows()) == 6


def test_the_page_names_files_that_there_are() -> None:
    links = re.findall(r"\]\(([^):]+)\)", PAGE.read_text())
    assert {"ci/github.yml", "ci/gitlab.yml", "ci/gitlab-child.yml"} <= set(links)
    assert not [link for link in links if not (DOCS / link.partition("#")[0]).exists()]
