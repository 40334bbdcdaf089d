"""``run --plan FILE``: one shard of a plan, by its number or its index, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from matrix.commands import cli
from matrix.planning.options import RunOptions
from matrix.running import starting

Said = tuple[int, str, str]
Matrix = Callable[..., Said]
SELECTION = ("--kserve", "0.13.1", "--kserve", "0.16.0", "--check", "starts", "--repeat", "2")


@pytest.fixture
def matrix(capsys: pytest.CaptureFixture[str]) -> Matrix:
    """Give what runs a command of ``python -m matrix``, by its exit code, stdout and stderr."""

    def called(*arguments: str | Path) -> Said:
        try:
            code = cli.main([*map(str, arguments)])
        except SystemExit as exit_by_parser:
            code = int(exit_by_parser.code or 0)
        said = capsys.readouterr()
        return code, said.out, said.err

    return called


@pytest.fixture
def file(matrix: Matrix, tmp_path: Path) -> Path:
    """Give the file of a plan."""
    _, said, _ = matrix("plan", *SELECTION, "--shards", "3", "--format", "json")
    file = tmp_path / "plan.json"
    file.write_text(said, encoding="utf-8")
    return file


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[tuple[RunOptions, int]]:
    """Give the runs that were started, which do nothing."""
    runs: list[tuple[RunOptions, int]] = []

    def start(wanted: RunOptions, jobs: int, _plugin: object) -> int:
        runs.append((wanted, jobs))
        return 0

    monkeypatch.setattr(starting, "start", start)
    return runs


def change(file: Path, change: Callable[[Any], None]) -> None:
    document = json.loads(file.read_text(encoding="utf-8"))
    change(document)
    file.write_text(json.dumps(document), encoding="utf-8")


def test_numbers_and_indexes_name_the_shards_of_the_plan(matrix: Matrix, file: Path) -> None:
    shards = json.loads(file.read_text(encoding="utf-8"))["shards"]
    assert len(shards) == 3
    for index, shard in enumerate(shards):
        by_index = matrix("run", "--plan", file, "--index", str(index), "--list")
        by_number = matrix("run", "--plan", file, "--shard", str(shard["shard"]), "--list")
        assert by_index == by_number == (0, "".join(f"{cell}\n" for cell in shard["cells"]), "")


def test_a_shard_is_run_as_it_was_planned(
    matrix: Matrix, file: Path, started: list[tuple[RunOptions, int]]
) -> None:
    assert matrix("run", "--plan", file, "--shard", "2")[0] == 0
    assert matrix("run", "--plan", file, "--shard", "2", "--out", "here", "--jobs", "1")[0] == 0
    (usual, _), (told, jobs) = started
    assert (usual.check, usual.repeat) == (("starts",), 2)
    # The plan was for containers, where nobody said which: machines that differ don't choose.
    assert usual.runtime == "container"
    assert usual.out == Path("results/shard-2")
    assert (told.out, jobs) == (Path("here"), 1)


def test_all_forms_of_a_plan_are_of_the_file(matrix: Matrix, file: Path) -> None:
    for form in ("text", "github", "gitlab", "json"):
        from_file = matrix("plan", "--plan", file, "--format", form)
        assert from_file == matrix("plan", *SELECTION, "--shards", "3", "--format", form)
        assert from_file[0] == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--shard", "4"], "there is no shard 4: the plan has 3, from 1 on"),
        (["--index", "3"], "there is no shard 4: the plan has 3, from 1 on"),
        (["--shard", "0"], "argument --shard: must be 1 or larger"),
        (["--index", "-1"], "argument --index: '-1' is no whole number from 0 on"),
        (["--shard", "1", "--index", "0"], "not allowed with argument"),
        ([], "say which of its shards to run, with --shard or --index"),
        (
            ["--shard", "1", "--kserve", "0.9.0", "--repeat", "3"],
            "says what is run: leave out --kserve, --repeat, or plan anew with it",
        ),
    ],
)
def test_what_a_plan_does_not_mean_is_refused(
    matrix: Matrix, file: Path, arguments: list[str], said: str
) -> None:
    code, _, told = matrix("run", "--plan", file, *arguments)
    assert code == 2
    assert said in told.splitlines()[-1]


def test_a_shard_of_no_plan_is_refused(matrix: Matrix) -> None:
    assert matrix("run", "--shard", "1") == (
        *(2, ""),
        "error: --shard and --index are of a plan: name its file with --plan\n",
    )


def test_a_plan_of_another_version_is_refused(matrix: Matrix, file: Path) -> None:
    change(file, lambda plan: plan["shards"][0]["cells"].pop())
    code, _, told = matrix("run", "--plan", file, "--shard", "1")
    assert code == 2
    assert told == (
        f"error: {file}: the arguments of shard 1 come to other cells here: the plan was made by "
        "another version of the matrix; plan anew with this one\n"
    )
    change(file, lambda plan: plan["shards"][0]["arguments"].append("--of-tomorrow"))
    code, _, told = matrix("run", "--plan", file, "--shard", "1")
    assert code == 2
    assert told == f"shard 1 of {file}: error: unrecognized arguments: --of-tomorrow\n"


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda plan: plan.pop("shards"), "'shards' is a required property"),
        (lambda plan: plan["shards"][1].update(shards=2), "unknown key 'shards': did you mean"),
        (lambda plan: plan.update(schema=2), "schema: 2 is not known here: write 1"),
    ],
)
def test_a_plan_that_is_none_is_told_with_its_place(
    matrix: Matrix, file: Path, spoil: Callable[[Any], None], said: str
) -> None:
    change(file, spoil)
    for command in (
        ["run", "--plan", file, "--shard", "1"],
        ["plan", "--plan", file],
        ["merge", "--plan", file, file.parent],
    ):
        code, _, told = matrix(*command)
        assert code == 2
        assert told.startswith(f"error: {file}: ")
        assert said in told


def test_a_plan_that_is_made_takes_no_selection(matrix: Matrix, file: Path) -> None:
    selection = ("--shards", "2", "--kserve", "newest", "--jobs", "4")
    code, written, told = matrix("plan", "--plan", file, *selection)
    assert (code, written) == (2, "")
    assert told == f"error: --plan {file} is made already: leave out --kserve, --shards, --jobs\n"


def test_what_is_said_of_a_cluster_is_said_to_kubernetes(matrix: Matrix, file: Path) -> None:
    cluster = ("--name", "nightly", "--claim", "results")
    code, written, told = matrix("plan", "--plan", file, "--format", "github", *cluster)
    assert (code, written) == (2, "")
    assert told == "error: --name, --claim: only with --format kubernetes\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--runtime", "container"], "a pod has no container engine"),
        (["--both-runtimes", "--shards", "2"], "a pod has no container engine"),
    ],
)
def test_a_cluster_gets_no_shards_in_containers(
    matrix: Matrix, arguments: list[str], said: str
) -> None:
    image = ("--format", "kubernetes", "--harness-image", "x")
    code, written, told = matrix("plan", "--kserve", "0.9.0", *image, *arguments)
    assert (code, written) == (2, "")
    assert said in told


def test_a_cluster_needs_an_image(matrix: Matrix) -> None:
    code, written, told = matrix("plan", "--kserve", "0.9.0", "--format", "kubernetes")
    assert (code, written) == (2, "")
    assert "name the harness's image with --harness-image" in told


def test_a_cluster_gets_processes_where_nobody_says_what(matrix: Matrix) -> None:
    image = ("--format", "kubernetes", "--harness-image", "x")
    code, written, told = matrix("plan", "--kserve", "0.9.0", *image)
    assert code == 0
    assert '"--runtime",\n        "process"' in written
    assert "1 of 1: KServe 0.9.0: 19 cells" in told
