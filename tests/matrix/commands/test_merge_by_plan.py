"""``merge --plan FILE``: what is told of shards that are absent, or that were begun again."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from kserve_conformance.results import results_file
from kserve_conformance.results.record import Record, Run
from kserve_conformance.results.results_file import read
from kserve_conformance.results.verdict import Verdict

from matrix.commands import cli
from matrix.planning import plan_file

RELEASES = ("0.9.0", "0.13.1", "0.21.0")
Said = tuple[int, str, str]


@pytest.fixture
def merge(capsys: pytest.CaptureFixture[str], plan: Path, tmp_path: Path) -> Callable[..., Said]:
    """Give the command with the plan, by its exit code, stdout and stderr."""

    def called(*arguments: str | Path) -> Said:
        words = map(str, ("merge", "--plan", plan, "--out", tmp_path / "whole", *arguments))
        code = cli.main([*words])
        said = capsys.readouterr()
        return code, said.out, said.err

    return called


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a plan of three releases and two values, a shard for each release."""
    file = tmp_path_factory.mktemp("plan") / "plan.json"
    releases = [word for release in RELEASES for word in ("--kserve", release)]
    values = ["--protocol", "unset", "--protocol", "v3"]
    with file.open("w", encoding="utf-8") as out, contextlib.redirect_stdout(out):
        selection = [*releases, *values, "--runtime", "container", "--shards", "3"]
        assert cli.main(["plan", *selection, "--format", "json"]) == 0
    return file


@pytest.fixture(scope="module")
def shards(plan: Path, default_run: Run) -> Sequence[Run]:
    """Give what the machines of the plan would have written, in the plan's order."""
    return [of_cells(default_run, shard.cells) for shard in plan_file.read(plan).shards]


def of_cells(whole: Run, cells: Sequence[str]) -> Run:
    records = [record for record in whole.records if record.cell in cells]
    planned = {cell: whole.header.planned[cell] for cell in cells}
    header = replace(whole.header, planned=planned, run=f"of {cells[0]}")
    return Run(header, records, whole.footer)


def later(run: Run) -> Run:
    """Give a run as another machine would have made it after that."""
    return replace(run, header=replace(run.header, run=f"{run.header.run} again", started="2099-"))


def cut(run: Run, kept: int) -> Run:
    return replace(run, records=run.records[:kept], footer=None)


def changed(run: Run, verdict: Verdict, place: int = 0) -> Run:
    records = [*run.records]
    records[place] = replace(records[place], verdict=verdict)
    return replace(run, records=records)


def write(folder: Path, **runs: Run) -> Path:
    """Write runs as the pods of a cluster do, each into a folder of its own name."""
    for name, run in runs.items():
        started = run.header.started.replace("2099-", "2099-01-01T00:00:00+00:00")
        header = replace(run.header, started=started)
        results_file.write(folder / name / "results.jsonl", replace(run, header=header))
    return folder


def by_question(records: Sequence[Record]) -> list[Record]:
    return sorted(records, key=lambda record: (record.cell, record.check))


def test_a_folder_of_shards_comes_to_the_run(
    merge: Callable[..., Said], shards: Sequence[Run], tmp_path: Path
) -> None:
    first, second, third = shards
    code, said, _ = merge(write(tmp_path / "shards", c=first, a=second, b=third))
    assert code == 0, said
    assert "is absent" not in said
    assert "more than once" not in said
    whole = read(tmp_path / "whole" / "results.jsonl")
    expected = [record for shard in shards for record in shard.records]
    assert by_question(whole.records) == by_question(expected)
    assert not whole.cut_short


def test_a_lost_shard_is_named(
    merge: Callable[..., Said], shards: Sequence[Run], tmp_path: Path
) -> None:
    first, _, third = shards
    folder = write(tmp_path / "shards", first=first, third=third)
    # Its pod was killed before it wrote anything, or while it wrote the header.
    (folder / "second").mkdir()
    (folder / "second-again").mkdir()
    (folder / "second-again" / "results.jsonl").write_text('{"kind": "hea')
    code, said, _ = merge(folder)
    assert code == 3
    assert f"{folder}/second has no results: its run ended before TorchServe had started" in said
    assert f"{folder}/second-again has no results" in said
    assert "shard 2 of 3: KServe 0.13.1 is absent, with 4 cells" in said
    assert "1 of 3 parts are absent: the run counts as cut short" in said
    assert read(tmp_path / "whole" / "results.jsonl").cut_short


def test_of_an_attempt_that_was_cut_short_nothing_is_counted(
    merge: Callable[..., Said], shards: Sequence[Run], tmp_path: Path
) -> None:
    first, second, third = shards
    whole = {"first": first, "second": later(second), "third": third}
    folder = write(tmp_path / "shards", half=cut(second, 7), **whole)
    code, said, _ = merge(folder)
    assert code == 0, said
    assert (
        "shard 2 of 3: KServe 0.13.1 was run more than once: "
        f"{folder}/second/results.jsonl counts, and not {folder}/half/results.jsonl, the run"
    ) in said
    merged = read(tmp_path / "whole" / "results.jsonl")
    assert len(merged.records) == sum(len(shard.records) for shard in shards)
    assert len(merged.header.shards) == 3


def test_two_attempts_never_stand_for_two_shards(
    merge: Callable[..., Said], shards: Sequence[Run], tmp_path: Path
) -> None:
    first, second, _ = shards
    folder = write(tmp_path / "shards", first=first, a=second, b=later(second))
    code, said, _ = merge(folder)
    assert code == 3
    assert "shard 2 of 3: KServe 0.13.1 was run more than once" in said
    assert f"{folder}/b/results.jsonl counts" in said
    assert "shard 3 of 3: KServe 0.21.0 is absent" in said


def test_where_the_harness_failed_the_next_attempt_counts(
    merge: Callable[..., Said], shards: Sequence[Run], tmp_path: Path
) -> None:
    first, second, third = shards
    # The later one has an error, too: what is told of it is the one that lacks least.
    folder = write(
        *(tmp_path / "shards",),
        first=first,
        third=third,
        bad=changed(second, Verdict.ERROR),
        good=second,
        worse=changed(changed(later(second), Verdict.ERROR), Verdict.UNPROVISIONED, 1),
    )
    code, said, _ = merge(folder)
    assert code == 0, said
    assert f"{folder}/good/results.jsonl counts, and not {folder}/bad/" in said
    assert f"{folder}/good/results.jsonl counts, and not {folder}/worse/" in said


@pytest.mark.parametrize("whole", [True, False])
def test_no_verdict_is_tried_away(
    merge: Callable[..., Said], shards: Sequence[Run], tmp_path: Path, whole: bool
) -> None:
    first, second, third = shards
    failed = changed(second, Verdict.FAILED)
    earlier = failed if whole else cut(failed, 5)
    folder = write(tmp_path / "shards", first=first, a=earlier, b=later(second), third=third)
    code, _, told = merge(folder)
    assert code == 3
    assert "the parts disagree, and which is right can't be told" in told
    assert f"{second.records[0].check} in {second.records[0].cell}" in told
    assert not (tmp_path / "whole").exists()


def test_no_verdict_of_two_attempts_that_do_not_count_is_tried_away(
    merge: Callable[..., Said], shards: Sequence[Run], tmp_path: Path
) -> None:
    first, second, third = shards
    # The one that counts says nothing of the check of which the two others differ.
    attempts = {
        "a": cut(changed(second, Verdict.FAILED), 5),
        "b": cut(later(second), 5),
        "counts": changed(later(second), Verdict.ERROR),
    }
    folder = write(tmp_path / "shards", first=first, **attempts, third=third)
    code, _, told = merge(folder)
    assert code == 3
    assert "the parts disagree, and which is right can't be told" in told


def test_results_of_another_plan_are_refused(
    merge: Callable[..., Said], shards: Sequence[Run], default_run: Run, tmp_path: Path
) -> None:
    first, second, third = shards
    other = of_cells(default_run, list(third.header.planned)[:1])
    folder = write(tmp_path / "shards", first=first, second=second, other=other)
    code, _, told = merge(folder)
    assert code == 2
    assert f"{folder}/other/results.jsonl is of no shard of the plan: it has 1 cell on" in told


def test_nothing_that_was_begun_is_wrong_usage(merge: Callable[..., Said], tmp_path: Path) -> None:
    (tmp_path / "shards" / "matrix-0-abcde").mkdir(parents=True)
    code, _, told = merge(tmp_path / "shards")
    assert code == 2
    assert told == (
        f"error: there is nothing to merge: {tmp_path}/shards/matrix-0-abcde has no results: its "
        "run ended before TorchServe had started\n"
    )
    code, _, told = merge(tmp_path / "nowhere")
    assert code == 2
    assert f"{tmp_path}/nowhere can't be read" in told
