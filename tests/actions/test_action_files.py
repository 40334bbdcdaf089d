"""Actions and components: valid, with the options that there are, and in a shell no input."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from kserve_conformance.commands import run as suite

from matrix.commands import run as matrix
from tests.actions.jobs import ACTIONS, NAMES, REPOSITORY, action, component
from tests.matrix.commands.ci_schemas import assert_valid

DOCS = REPOSITORY / "docs"
GITHUB = DOCS / "ci" / "github-actions.yml"
GITLAB = DOCS / "ci" / "gitlab-components.yml"
COMMANDS = {"conformance": suite, "matrix": matrix}
# Of one machine, of a person before it, or in the file that `requirements` names.
LEFT_OUT = {
    "conformance": {"verbose"},
    "matrix": {"plan", "shard", "index", "jobs", "timings", "list", "with", "lock"},
}
OF_COMPONENTS = {"repository", "job-name", "stage", "python-image"}


def options(name: str) -> set[str]:
    """Name the options of the command that an action runs."""
    parser = argparse.ArgumentParser()
    COMMANDS[name].register(parser.add_subparsers())
    told = parser.parse_args(["run"]).command.__module__
    assert told == COMMANDS[name].__name__
    (subparsers,) = (each for each in parser._actions if each.choices)
    command = dict(subparsers.choices or {})["run"]
    words = (word for each in command._actions for word in each.option_strings)
    return {word[2:] for word in words if word.startswith("--")} - {"help"}


@pytest.mark.parametrize("name", NAMES)
def test_an_action_is_valid_and_has_nothing_of_others(name: str) -> None:
    assert_valid("github-actions", ACTIONS / name / "action.yml")
    assert not [step for step in action(name)["runs"]["steps"] if "uses" in step]


@pytest.mark.parametrize("name", NAMES)
def test_a_component_is_valid(name: str, tmp_path: Path) -> None:
    spec, body = component(name)
    filled_in = tmp_path / "pipeline.yml"
    filled_in.write_text(re.sub(r"\$\[\[ *(\S+) *\]\]", "'x'", body), encoding="utf-8")
    assert_valid("gitlab-ci", filled_in)
    assert spec["component"] == ["sha"]


@pytest.mark.parametrize("name", NAMES)
def test_the_inputs_are_the_options_of_the_command(name: str) -> None:
    read, (spec, _) = action(name), component(name)
    assert read["inputs"].keys() | LEFT_OUT[name] == options(name)
    assert not read["inputs"].keys() & LEFT_OUT[name]
    assert spec["inputs"].keys() == read["inputs"].keys() | OF_COMPONENTS
    for each, told in read["inputs"].items():
        assert ("default" in spec["inputs"][each]) == (not told.get("required"))
    assert read["outputs"].keys() == {"verdict", "page", "badge", "results"}


@pytest.mark.parametrize("name", NAMES)
def test_a_shell_reads_no_input(name: str) -> None:
    for step in action(name)["runs"]["steps"]:
        assert "${{" not in step["run"]
        given = {each: f"${{{{ inputs.{each} }}}}" for each in action(name)["inputs"]}
        variables = {f"INPUT_{each.upper().replace('-', '_')}": v for each, v in given.items()}
        assert variables.items() <= step["env"].items()
    (job,) = yaml.safe_load(component(name)[1]).values()
    for line in job["script"]:
        assert "$[[" not in line
    assert {each for each in job["variables"] if each.startswith("INPUT_")} == variables.keys()


def uses(text: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Give the actions and components that a text in YAML uses, and the inputs of each."""
    read = yaml.safe_load(text)
    jobs = read.get("jobs", {"": read}).values()
    for step in (step for job in jobs for step in job.get("steps", ())):
        if step.get("uses", "").startswith("OWNER/"):
            yield step["uses"].removeprefix("OWNER/torchserve-kserve-wrapper/"), step["with"]
    for each in read.get("include", ()):
        yield each["component"].partition("/OWNER/torchserve-kserve-wrapper/")[2], each["inputs"]


def examples() -> list[str]:
    page = (DOCS / "ci.md").read_text("utf-8").partition("## As an action")[2].partition("\n## ")[0]
    blocks = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    return [*blocks, GITHUB.read_text("utf-8"), GITLAB.read_text("utf-8")]


@pytest.mark.parametrize("text", examples())
def test_examples_name_a_commit_and_inputs_that_there_are(text: str) -> None:
    used = list(uses(text))
    assert [name.removeprefix("actions/") for name, _ in used] == [
        f"{each}@COMMIT" for each in NAMES
    ]
    for name, given in used:
        kind = name.removeprefix("actions/").removesuffix("@COMMIT")
        wanted = action(kind)["inputs"] if "actions/" in name else component(kind)[0]["inputs"]
        needed = {
            each
            for each, told in wanted.items()
            if told.get("required", "actions/" not in name and "default" not in told)
        }
        assert needed <= given.keys() <= wanted.keys()


def test_the_whole_examples_are_valid_and_can_only_read() -> None:
    assert_valid("github-workflows", GITHUB)
    assert_valid("gitlab-ci", GITLAB)
    read = yaml.safe_load(GITHUB.read_text("utf-8"))
    assert read["permissions"] == {"contents": "read"}
    assert not [job for job in read["jobs"].values() if "permissions" in job]
