"""``python -m matrix merge`` on parts of a real run: what it writes, says and refuses."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from kserve_conformance.results import results_file
from kserve_conformance.results.record import Record, Run
from kserve_conformance.results.results_file import read
from kserve_conformance.results.verdict import Verdict

from matrix.commands import cli
from tests.matrix import variants

RELEASES = ("0.9.0", "0.13.1", "0.21.0")


@dataclass(frozen=True)
class Said:
    """What came of the command."""

    exit_code: int
    output: str
    errors: str


Merge = Callable[..., Said]


@pytest.fixture
def merge(capsys: pytest.CaptureFixture[str]) -> Merge:
    """Give the command, as a person calls it."""

    def called(*arguments: str | Path) -> Said:
        try:
            code = cli.main(["merge", *map(str, arguments)])
        except SystemExit as exit_by_parser:
            code = int(exit_by_parser.code or 0)
        told = capsys.readouterr()
        return Said(code, told.out, told.err)

    return called


def _of(whole: Run, chosen: Callable[[Record], bool], **members: Any) -> Run:
    """Give what a run of some of the cells would have written."""
    records = [record for record in whole.records if chosen(record)]
    cells = {record.cell for record in records}
    releases = {record.axes["kserve"] for record in records}
    header = replace(
        whole.header,
        locks={each: lock for each, lock in whole.header.locks.items() if each in releases},
        planned={cell: checks for cell, checks in whole.header.planned.items() if cell in cells},
        **members,
    )
    return Run(header, records, whole.footer)


def _shard(run: Run, release: str) -> Run:
    """Give what a machine that ran one release would have written."""
    return _of(run, lambda record: record.axes["kserve"] == release, run=f"of {release}")


@pytest.fixture(scope="module")
def real(default_run: Run) -> Run:
    """Give a part of a real run that is small enough to be joined many times."""
    return _of(
        default_run,
        lambda record: (
            record.axes["kserve"] in RELEASES and record.axes["protocol"] in ("unset", "v3")
        ),
    )


@pytest.fixture(scope="module")
def written(real: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder of the folders of its releases, which stay as they are."""
    folder = tmp_path_factory.mktemp("parts")
    for release in RELEASES:
        results_file.write(folder / f"part-{release}" / "results.jsonl", _shard(real, release))
    return folder


@pytest.fixture
def shards(written: Path, tmp_path: Path) -> list[Path]:
    """Give the folders of its releases, not in their order."""
    shutil.copytree(written, tmp_path, dirs_exist_ok=True)
    return [tmp_path / f"part-{release}" for release in reversed(RELEASES)]


def _change(folder: Path, change: Callable[[Run], Run]) -> None:
    file = folder / "results.jsonl"
    results_file.write(file, change(read(file)))


def _without_footer(run: Run) -> Run:
    return replace(run, footer=None)


def _on_process(run: Run) -> Run:
    records = [replace(each, axes={**each.axes, "runtime": "process"}) for each in run.records]
    return replace(run, header=replace(run.header, runtime="process"), records=records)


def _by_question(records: Sequence[Record]) -> list[Record]:
    return sorted(records, key=lambda record: (record.cell, record.check))


def test_parts_come_to_the_run_that_they_were_cut_from(
    merge: Merge, shards: list[Path], real: Run, tmp_path: Path
) -> None:
    said = merge(*shards, "--out", tmp_path / "whole", "--parts=3")
    assert said.exit_code == 0, said.errors
    whole = read(tmp_path / "whole" / "results.jsonl")
    assert _by_question(whole.records) == _by_question(real.records)
    assert whole.header.planned == real.header.planned
    assert list(whole.header.locks) == list(RELEASES)
    assert whole.header.torchserve == real.header.torchserve
    assert whole.footer is not None
    assert whole.footer.counts == real.counts()
    assert len(whole.header.shards) == 3
    cells = len(whole.header.planned)
    assert f"{cells} of {cells} cells" in said.output
    assert f"{len(whole.records)} records of 3 files" in said.output
    junit = ElementTree.parse(tmp_path / "whole" / "junit.xml").getroot()
    assert len(junit) == cells


def test_it_writes_where_other_commands_look(
    merge: Merge, shards: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    said = merge(*(folder / "results.jsonl" for folder in shards))
    assert said.exit_code == 0, said.errors
    assert len(read(tmp_path / "results" / "results.jsonl").header.shards) == 3


def test_a_results_file_may_have_a_name_of_its_own(
    merge: Merge, shards: list[Path], tmp_path: Path
) -> None:
    said = merge(*shards, "--out", tmp_path / "all.jsonl")
    assert said.exit_code == 0, said.errors
    assert len(read(tmp_path / "all.jsonl").header.shards) == 3
    assert (tmp_path / "junit.xml").exists()


def test_verdicts_against_the_wrapper_are_1(merge: Merge, mutant_run: Run, tmp_path: Path) -> None:
    unset = variants.with_one_protocol(mutant_run, "unset")
    for release in ("0.9.0", "0.13.1"):
        file = tmp_path / release / "results.jsonl"
        results_file.write(file, _shard(unset, release))
    said = merge(tmp_path / "0.9.0", tmp_path / "0.13.1", "--out", tmp_path / "whole")
    assert said.exit_code == 1, said.errors
    assert "failed: effective-protocol in " in said.output


def test_a_part_that_was_cut_short_is_told_and_is_3(
    merge: Merge, shards: list[Path], tmp_path: Path
) -> None:
    _change(shards[1], lambda run: replace(_without_footer(run), records=run.records[:-5]))
    said = merge(*shards, "--out", tmp_path)
    assert said.exit_code == 3, said.output
    whole = read(tmp_path / "results.jsonl")
    assert whole.cut_short
    assert len(whole.missing()) == 5
    told = next(line for line in said.output.splitlines() if line.startswith(str(shards[1])))
    assert "was cut short after" in told
    assert "was cut short after" in said.output.replace(told, "")


def test_a_part_that_lacks_its_footer_only_is_3_too(
    merge: Merge, shards: list[Path], tmp_path: Path
) -> None:
    _change(shards[0], _without_footer)
    assert merge(*shards, "--out", tmp_path).exit_code == 3


def test_a_part_that_never_came_is_told_and_is_3(
    merge: Merge, shards: list[Path], tmp_path: Path
) -> None:
    said = merge(*shards[:2], "--parts=3", "--out", tmp_path)
    assert said.exit_code == 3, said.output
    assert "1 of 3 parts are absent: the run counts as cut short" in said.output
    assert read(tmp_path / "results.jsonl").cut_short
    # Joined before, they still count for two.
    again = merge(tmp_path, "--parts=3", "--out", tmp_path / "again")
    assert "1 of 3 parts are absent" in again.output


def test_what_is_there_twice_is_counted(merge: Merge, shards: list[Path], tmp_path: Path) -> None:
    doubled = len(read(shards[0] / "results.jsonl").records)
    said = merge(*shards, shards[0], "--out", tmp_path)
    assert said.exit_code == 0, said.errors
    assert f"{doubled} records were in several parts, with the same verdict" in said.output
    assert "records of 4 files" in said.output


def test_two_verdicts_for_one_check_are_3_and_leave_the_earlier_results(
    merge: Merge, shards: list[Path], tmp_path: Path
) -> None:
    out = tmp_path / "results.jsonl"
    assert merge(*shards, "--out", tmp_path).exit_code == 0
    before = out.read_bytes()
    other = tmp_path / "again"
    changed = read(shards[0] / "results.jsonl")
    failing = replace(changed.records[4], verdict=Verdict.FAILED)
    records = [*changed.records[:4], failing, *changed.records[5:]]
    header = replace(changed.header, run="again")
    results_file.write(other / "results.jsonl", replace(changed, header=header, records=records))
    said = merge(*shards, other, "--out", tmp_path)
    assert said.exit_code == 3
    assert said.errors == (
        "error: the parts disagree, and which is right can't be told:\n"
        f"  {failing.check} in {failing.cell}, attempt 1: passed as expected in "
        f"{shards[0]}/results.jsonl, line 6 and failed where passed is expected in "
        f"{other}/results.jsonl, line 6\n"
    )
    assert out.read_bytes() == before


def test_parts_of_both_backends_are_no_run(
    merge: Merge, shards: list[Path], tmp_path: Path
) -> None:
    _change(shards[2], _on_process)
    said = merge(*shards, "--out", tmp_path)
    assert said.exit_code == 2
    assert "these are not parts of one run: the runtime is container in " in said.errors
    assert not (tmp_path / "results.jsonl").exists()


@pytest.mark.parametrize("out", ["part/results.jsonl", "part", "link"])
def test_a_part_is_never_overwritten(
    merge: Merge, out: str, shards: list[Path], tmp_path: Path
) -> None:
    shards[1] = shards[1].rename(tmp_path / "part")
    (tmp_path / "link").symlink_to("part")
    file = shards[1] / "results.jsonl"
    before = file.read_bytes()
    said = merge(*shards, "--out", tmp_path / out)
    assert said.exit_code == 2
    assert f"{file} is one of the parts" in said.errors
    assert file.read_bytes() == before


def test_a_part_that_breaks_the_schema_is_refused_with_its_line(
    merge: Merge, shards: list[Path], tmp_path: Path
) -> None:
    file = shards[1] / "results.jsonl"
    lines = file.read_text().splitlines(keepends=True)
    file.write_text("".join([*lines[:6], lines[6][10:], *lines[7:]]))
    said = merge(*shards, "--out", tmp_path)
    assert said.exit_code == 2
    assert said.errors.startswith(f"error: {file}: line 7 is no line of results")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "required: PART"),
        (["nowhere"], "error: nowhere can't be read: No such file or directory"),
        (["nowhere", "--parts=0"], "--parts: must be 1 or larger"),
    ],
)
def test_wrong_usage_is_2(
    merge: Merge, arguments: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    told = merge(*arguments)
    assert told.exit_code == 2
    assert said in told.errors


def test_a_folder_that_cant_be_written_is_wrong_usage(
    merge: Merge, shards: list[Path], tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    said = merge(*shards, "--out", tmp_path / "file" / "out")
    assert said.exit_code == 2
    assert f"error: --out {tmp_path}/file/out can't be written: Not a directory" in said.errors


def test_more_parts_than_planned_are_refused(
    merge: Merge, shards: list[Path], tmp_path: Path
) -> None:
    said = merge(*shards, "--parts=2", "--out", tmp_path)
    assert said.exit_code == 2
    assert "2 parts were planned, and 3 are given" in said.errors
