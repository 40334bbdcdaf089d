"""Runs the steps of actions and components with bash, as the runners of GitHub and GitLab do."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests import processes

REPOSITORY = processes.REPOSITORY
ACTIONS = REPOSITORY / "actions"
TEMPLATES = REPOSITORY / "templates"
NAMES = ("conformance", "matrix")
SHELLS = {"bash": ["bash", "--noprofile", "--norc", "-eo", "pipefail"]}

_EXPRESSION = re.compile(r"\$\{\{ *(\S+) *\}\}")
_INTERPOLATED = re.compile(r"\$\[\[ *(\S+) *\]\]")

# What an action finds as `python3`: it makes environments that have what this interpreter has, and
# installs nothing. A command of the matrix is only kept, where a test asks for that.
_PYTHON = f"""#!/usr/bin/env bash
if [[ $1 == -m && $2 == venv ]]; then mkdir -p "$3/bin" && ln -s "$0" "$3/bin/python"; exit; fi
if [[ $1 == -m && $2 == pip ]]; then printf '%s\\n' "$@" >> "$KEPT/installed"; exit "$PIP_ENDS"; fi
if [[ $2 == matrix && -n $MATRIX_ENDS ]]; then
    printf '%s\\0' "$@" > "$KEPT/asked-$3"
    IFS=, read -r ran gated <<< "$MATRIX_ENDS"
    for word in "$@"; do [[ $word != --out=* ]] || folder=${{word#--out=}}; done
    case $3 in
        run) mkdir -p "$folder"; [[ $ran == 2 ]] || echo x > "$folder/results.jsonl"; exit "$ran" ;;
        gate) exit "$gated" ;;
    esac
    exit 0
fi
[[ $2 != matrix || -z $MATRIX ]] || set -- -m "$MATRIX" "${{@:3}}"
exec {sys.executable} "$@"
"""


@dataclass(frozen=True)
class Ended:
    """What came of a job.

    Attributes:
        outputs: what the steps that follow can read.
        summary: the Markdown beside the job.
        log: what was printed.
        folder: where the job ran.
        kept: where what stands for Python keeps what it was asked.
    """

    code: int
    outputs: Mapping[str, str]
    summary: str
    log: str
    folder: Path
    kept: Path

    def asked(self, command: str) -> list[str]:
        """Give the arguments that a command of the matrix had."""
        path = self.kept / f"asked-{command}"
        return path.read_text().split("\0")[3:-1] if path.exists() else []

    def installed(self) -> list[str]:
        """Give the arguments that pip had."""
        return (self.kept / "installed").read_text().splitlines()


def outputs(verdict: str, out: str, page: str, prefix: str = "") -> dict[str, str]:
    """Give all outputs that a job has, whatever its verdict."""
    files = {"page": page, "badge": "badge.svg", "results": "results.jsonl"}
    told = {"verdict": verdict, **{key: f"{out}/{name}" for key, name in files.items()}}
    return {f"{prefix}{key}": value for key, value in told.items()}


def action(name: str) -> Mapping[str, Any]:
    """Read an action."""
    read: Mapping[str, Any] = yaml.safe_load((ACTIONS / name / "action.yml").read_text("utf-8"))
    return read


def component(name: str) -> tuple[Mapping[str, Any], str]:
    """Read a component: what it asks for, and the text that is filled in."""
    head, body = (TEMPLATES / f"{name}.yml").read_text("utf-8").split("\n---\n")
    return yaml.safe_load(head)["spec"], body


def on_github(
    name: str,
    folder: Path,
    given: Mapping[str, str],
    ends: str = "",
    pip_ends: int = 0,
    more: Mapping[str, str] | None = None,
) -> Ended:
    """Use an action in a job, with inputs.

    Args:
        more: further variables of the job's environment; MATRIX names a module that is run in the
            place of the matrix.
        ends: with what exit codes ``run`` and ``gate`` of the matrix end, ``1,0``: none is run.
        pip_ends: with what exit code pip ends.
    """
    read = action(name)
    assert given.keys() <= read["inputs"].keys()
    without = {each: told.get("default", "") for each, told in read["inputs"].items()}
    inputs = {**without, **given}
    context = {f"inputs.{each}": value for each, value in inputs.items()}
    context["github.action_ref"] = "0123456789abcdef0123456789abcdef01234567"
    files = {each: folder / each for each in ("output", "summary")}
    job = {
        "GITHUB_ACTION_PATH": str(ACTIONS / name),
        "GITHUB_OUTPUT": str(files["output"]),
        "GITHUB_STEP_SUMMARY": str(files["summary"]),
    }
    work, kept, surroundings = _surroundings(folder, ends, pip_ends)
    surroundings |= {key: value for key, value in (more or {}).items() if key != "PATH"}
    code, log = 0, ""
    for step in read["runs"]["steps"]:
        variables = {key: _evaluated(value, context) for key, value in step["env"].items()}
        script = folder / "script"
        script.write_text(step["run"], encoding="utf-8")
        environment = {**surroundings, **job, **variables}
        code, told = _run([*SHELLS[step["shell"]], str(script)], work, environment)
        log += told
        for key, value in _pairs(files["output"]):
            context[f"steps.{step['id']}.outputs.{key}"] = value
        if code:
            break
    outputs = {key: _evaluated(told["value"], context) for key, told in read["outputs"].items()}
    summary = files["summary"].read_text("utf-8") if files["summary"].exists() else ""
    return Ended(code, outputs, summary, log, work, kept)


def on_gitlab(name: str, folder: Path, given: Mapping[str, str], ends: str = "") -> Ended:
    """Use a component in a pipeline, with inputs; see `on_github`."""
    spec, body = component(name)
    given = {"repository": str(_cloneable(folder)), **given}
    assert given.keys() <= spec["inputs"].keys()
    context = {"component.sha": "HEAD"}
    for each, told in spec["inputs"].items():
        value = given[each] if each in given else told["default"]
        context[f"inputs.{each}"] = str(value).lower() if isinstance(value, bool) else str(value)
    # GitLab fills in texts, before they are read as YAML.
    ((_, job),) = yaml.safe_load(_INTERPOLATED.sub(lambda it: context[it[1]], body)).items()
    work, kept, environment = _surroundings(folder, ends, 0)
    environment |= {key: str(value) for key, value in job["variables"].items()}
    code, log = _run([*SHELLS["bash"], "-c", "\n".join(job["script"])], work, environment)
    dotenv = work / job["artifacts"]["reports"]["dotenv"]
    return Ended(code, dict(_pairs(dotenv)), "", log, work, kept)


def _evaluated(text: str, context: Mapping[str, str]) -> str:
    return _EXPRESSION.sub(lambda found: context.get(found[1], ""), text)


def _pairs(path: Path) -> Iterator[tuple[str, str]]:
    for line in path.read_text("utf-8").splitlines() if path.exists() else ():
        key, _, value = line.partition("=")
        yield key, value


def _surroundings(folder: Path, ends: str, pip_ends: int) -> tuple[Path, Path, dict[str, str]]:
    work, kept, programs = (folder / each for each in ("my work", "kept", "programs"))
    for each in (work, kept, programs):
        each.mkdir()
    python = programs / "python3"
    python.write_text(_PYTHON)
    python.chmod(0o755)
    more = {
        "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
        "KEPT": str(kept),
        "MATRIX": "",
        "MATRIX_ENDS": ends,
        "PIP_ENDS": str(pip_ends),
    }
    return work, kept, processes.clean() | more


def _run(words: Sequence[str], folder: Path, environment: Mapping[str, str]) -> tuple[int, str]:
    ran = subprocess.run(
        words,
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    return ran.returncode, ran.stdout


def _cloneable(folder: Path) -> Path:
    """Make a repository of the actions as they are here, changed or not."""
    made = folder / "the repository"
    shutil.copytree(ACTIONS, made / "actions")
    identity = ("-c", "user.name=tests", "-c", "user.email=tests@localhost")
    for words in (("init", "-q"), ("add", "."), (*identity, "commit", "-q", "-m", "Actions")):
        subprocess.run(["git", *words], cwd=made, check=True)
    return made
