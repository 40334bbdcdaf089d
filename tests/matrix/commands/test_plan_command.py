"""``python -m matrix plan``: shards that together are the run, told to people and to machines."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from kserve_conformance.results import results_file
from kserve_conformance.results.record import Run

from fixtures.torchserve import image, releases
from tests.matrix import variants
from tests.matrix.commands.ci_schemas import assert_valid
from tests.matrix.telling import Matrix


def lists(matrix: Matrix, *arguments: str) -> list[str]:
    code, said, _ = matrix("run", "--list", *arguments)
    assert code == 0
    return said.splitlines()


def plans(matrix: Matrix, *arguments: str) -> dict[str, Any]:
    code, said, _ = matrix("plan", "--format", "json", *arguments)
    assert code == 0
    planned: dict[str, Any] = json.loads(said)
    return planned


@pytest.mark.parametrize(
    "selection",
    [
        "--shards 3",
        "--shards 3 --profile all --torchserve 0.11.1",
        "--shards 4 --kserve 0.9.0",
        (
            "--shards 3 --kserve 0.9.0 --kserve newest --protocol None --protocol padded-v1 "
            "--protocol 1 --protocol unset"
        ),
        "--shards 3 --check v1-predict --check starts",
        "--shards 3 --coverage pairs",
        "--shards 2 --profile quick",
        "--shards 7 --profile quick",
        "--shards 1 --coverage pairs --torchserve all",
        (
            "--shards 2 --cell kserve0.9.0-None-kserve-torchserve0.12.0 "
            "--cell kserve0.21.0-padded-v1-kserve-torchserve0.8.2"
        ),
    ],
)
def test_the_shards_together_are_the_run(matrix: Matrix, selection: str) -> None:
    _, count, *wanted = selection.split()
    planned = plans(matrix, "--shards", count, *wanted)
    assert len(planned["shards"]) == int(count)
    listed = [lists(matrix, *shard["arguments"]) for shard in planned["shards"]]
    assert listed == [shard["cells"] for shard in planned["shards"]]
    together = [cell for shard in listed for cell in shard]
    assert sorted(together) == sorted(lists(matrix, *wanted))
    assert len(together) == len(set(together)) == planned["cells"]


def test_a_shard_of_the_quick_profile_leaves_out_what_that_leaves_out(matrix: Matrix) -> None:
    for shards in ("2", "7"):
        planned = plans(matrix, "--shards", shards, "--profile", "quick")
        for shard in planned["shards"]:
            assert shard["arguments"][:2] == ["--profile", "quick"]


def test_a_shards_arguments_go_through_a_shell(matrix: Matrix) -> None:
    wrapper = "{python} '/home/some body/wrapper.py' --flag=$HOME"
    _, said, _ = matrix(
        *("plan", "--format", "github", "--shards", "2", "--kserve", "0.9.0"),
        *(
            "--out",
            "elsewhere",
            "--wrapper",
            wrapper,
            "--wrapper-name",
            "it's mine",
            "--repeat",
            "3",
            "--jobs",
            "1",
        ),
    )
    (arguments, _) = (shlex.split(each["arguments"]) for each in json.loads(said)["include"])
    options = dict(zip(arguments[::2], arguments[1::2], strict=True))
    assert options["--wrapper"] == wrapper
    # Each shard has a folder of its own.
    assert "--out" not in options
    assert options["--wrapper-name"] == "it's mine"
    assert (options["--repeat"], options["--jobs"]) == ("3", "1")


def test_both_runtimes_are_planned_together(matrix: Matrix) -> None:
    selection = ["--both-runtimes", "--coverage", "pairs", "--torchserve", "all"]
    planned = plans(matrix, *selection, "--shards", "4")
    assert (planned["cells"], planned["of_cells"]) == (156, 3904)
    assert planned["pairs"]["covered"] == planned["pairs"]["total"]
    for shard in planned["shards"]:
        assert f"--runtime {shard['runtime']}" in " ".join(shard["arguments"])
        assert shard["folder"] == f"shard-{shard['runtime']}-{shard['shard']}"
        assert bool(shard["images"]) == (shard["runtime"] == "container")
        assert lists(matrix, *shard["arguments"]) == shard["cells"]
    assert [command.split()[4:] for command in planned["merge"]] == [
        ["results/shard-container-*", "--parts", "3", "--out", "results/container"],
        ["results/shard-process-*", "--parts", "1", "--out", "results/process"],
    ]


def test_a_plan_is_the_same_each_time_byte_for_byte(
    matrix: Matrix, two: Run, tmp_path: Path
) -> None:
    timings = tmp_path / "results.jsonl"
    results_file.write(timings, variants.with_one_protocol(two, "v1"))
    for form in ("text", "github", "gitlab", "json"):
        selection = ("--shards", "4", "--format", form, "--timings", str(timings))
        assert matrix("plan", *selection) == matrix("plan", *selection)


def test_timings_are_taken_from_results(matrix: Matrix, two_at: Path) -> None:
    unknown, known = (
        plans(matrix, "--shards", "2", "--kserve", "0.9.0", "--kserve", "0.13.1", *more)
        for more in ([], ["--timings", str(two_at)])
    )
    seconds = [shard["seconds"] for shard in known["shards"]]
    assert seconds[0] != seconds[1]
    assert [shard["seconds"] for shard in unknown["shards"]] != seconds


def test_github_gets_one_line(matrix: Matrix) -> None:
    code, said, told = matrix("plan", "--shards", "3", "--format", "github")
    assert code == 0
    assert said.count("\n") == 1
    assert said.endswith("}\n")
    include = json.loads(said)["include"]
    assert [each["shard"] for each in include] == ["1", "2", "3"]
    assert [each["folder"] for each in include] == ["shard-1", "shard-2", "shard-3"]
    assert all(isinstance(value, str) for each in include for value in each.values())
    # The job's log has what a person reads.
    assert told.startswith("244 of 244 cells; pairs of axis points covered: 100%")


def test_github_is_not_given_more_jobs_than_it_takes(matrix: Matrix) -> None:
    selection = ("--profile", "all", "--shards", "257")
    code, said, told = matrix("plan", *selection, "--format", "github")
    assert (code, said) == (2, "")
    assert told == "error: 257 shards: a GitHub job fans out to 256 at most\n"


@pytest.mark.parametrize("runtime", ["container", "process"])
def test_gitlab_gets_a_valid_child_pipeline(matrix: Matrix, tmp_path: Path, runtime: str) -> None:
    selection = ("--shards", "3", "--runtime", runtime, "--format", "gitlab")
    code, said, _ = matrix("plan", *selection)
    assert code == 0
    pipeline = tmp_path / "child.yml"
    pipeline.write_text(said, encoding="utf-8")
    assert_valid("gitlab-ci", pipeline)
    jobs = yaml.safe_load(said)
    assert jobs["variables"]["MATRIX_SHARDS"] == "3"
    for number in (1, 2, 3):
        job = jobs[f"shard-{number}"]
        assert job["script"][-1].endswith(f" --runtime {runtime} --out results/shard-{number}")
        assert job["artifacts"] == {"when": "always", "paths": [f"results/shard-{number}"]}
        assert len(job["cache"]) == 2
        assert any("docker load" in line for line in job["script"]) == (runtime == "container")


def test_cache_keys_follow_locks_and_recipes(
    matrix: Matrix, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def keys() -> Iterator[tuple[str, str]]:
        for shard in plans(matrix, "--shards", "14")["shards"]:
            yield shard["cache"]["environments"], shard["cache"]["torchserve"]

    before = list(keys())
    assert len({environments for environments, _ in before}) == 14
    assert len({torchserve for _, torchserve in before}) == 1
    (tmp_path / "torchserve").mkdir()
    (tmp_path / "torchserve" / "Dockerfile").write_text("FROM another")
    monkeypatch.setattr(image, "_IMAGES", tmp_path)
    after = list(keys())
    assert [environments for environments, _ in after] == [each for each, _ in before]
    assert not {torchserve for _, torchserve in after} & {each for _, each in before}


def test_the_images_of_a_shard_are_those_it_runs_from(matrix: Matrix) -> None:
    selection = ("--kserve", "0.9.0", "--torchserve", "0.8.2", "--torchserve", "0.12.0")
    (shard,) = plans(matrix, *selection)["shards"]
    names = [image.name_of(releases.find(version)) for version in ("0.8.2", "0.12.0")]
    assert shard["images"] == names


def test_a_person_is_told_what_to_run_and_what_it_covers(matrix: Matrix) -> None:
    code, said, told = matrix("plan", "--kserve", "0.9.0", "--kserve", "0.21.0", "--shards", "2")
    assert (code, told) == (0, "")
    lines = said.splitlines()
    assert lines[0] == (
        "38 of 244 cells; pairs of axis points covered: 21% (49 of 229), triples: 15% (38 of 244) "
        "(profile default, TorchServe 0.12.0, container)"
    )
    assert "    python -m matrix run --kserve 0.9.0 --out results/shard-1" in lines
    assert lines[-2].startswith("the longest shard takes ")
    assert lines[-1] == "    python -m matrix merge results/shard-* --parts 2 --out results"


@pytest.mark.parametrize(
    ("selection", "said"),
    [
        (["--kserve", "0.9.0", "--shards", "20"], "--shards 20: there are 19 cells to run"),
        (["--kserve", "0.7.0"], "--kserve 0.7.0: there is no such kserve"),
        (["--both-runtimes", "--shards", "1"], "--shards 1: a shard has one runtime"),
        (["--both-runtimes", "--runtime", "process"], "contradict each other"),
        (["--coverage", "pairs", "--cell", "x"], "use one of the two"),
        (["--timings", "nowhere.jsonl"], "nowhere.jsonl can't be read"),
    ],
)
def test_a_plan_that_cant_be_made_is_told(matrix: Matrix, selection: list[str], said: str) -> None:
    code, written, told = matrix("plan", *selection)
    assert (code, written) == (2, "")
    assert told.startswith("error: ")
    assert said in told
