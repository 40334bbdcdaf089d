"""``python -m matrix report``: what it writes, and what it refuses."""

from __future__ import annotations

import os
import subprocess
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import junitparser
import pytest
from kserve_conformance.results.record import Run
from kserve_conformance.results.results_file import Writer

from matrix.commands import cli
from tests import processes
from tests.matrix import real_results
from tests.matrix.runs import REPOSITORY

ALL = {"report.html", "report.md", "junit.xml", "badge.svg", "badge.json"}


def small(folder: Path, name: str = "results.jsonl", lines: int = 300) -> Path:
    """Give the beginning of real results: those of a run that was cut short."""
    with real_results.path("unfixed").open(encoding="utf-8") as file:
        beginning = [next(file) for _ in range(lines)]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text("".join(beginning), encoding="utf-8")
    return folder / name


def test_all_reports_are_written_beside_the_results(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = small(tmp_path / "run")
    assert cli.main(["report", str(path)]) == 0
    assert {each.name for each in path.parent.iterdir()} == {"results.jsonl", *ALL}
    told = capsys.readouterr().out
    assert all(f"wrote {path.parent / name}" in told for name in ALL)
    assert "cut short, and the reports say so: the run started" in told


def test_a_folder_stands_for_its_results_and_out_for_another(tmp_path: Path) -> None:
    small(tmp_path / "run")
    out = tmp_path / "deep" / "out"
    assert cli.main(["report", str(tmp_path / "run"), f"--out={out}"]) == 0
    assert {each.name for each in out.iterdir()} == ALL
    assert [each.name for each in (tmp_path / "run").iterdir()] == ["results.jsonl"]


@pytest.mark.parametrize(
    ("formats", "written"),
    [
        (["html"], {"report.html"}),
        (["markdown", "junit"], {"report.md", "junit.xml"}),
        (["badge", "badge"], {"badge.svg", "badge.json"}),
    ],
)
def test_a_format_can_be_chosen(formats: list[str], written: set[str], tmp_path: Path) -> None:
    path = small(tmp_path / "run")
    chosen = [f"--format={each}" for each in formats]
    assert cli.main(["report", str(path), *chosen, f"--out={tmp_path / 'out'}"]) == 0
    assert {each.name for each in (tmp_path / "out").iterdir()} == written


def test_the_markdown_is_appended_to_a_summary(tmp_path: Path) -> None:
    path = small(tmp_path)
    summary = tmp_path / "summary"
    summary.write_text("before\n", encoding="utf-8")
    arguments = ["report", str(path), "--format=markdown", f"--summary={summary}"]
    assert cli.main(arguments) == 0
    written = (tmp_path / "report.md").read_text(encoding="utf-8")
    assert summary.read_text(encoding="utf-8") == f"before\n{written}"


def test_runs_on_both_backends_are_one_report(
    two: Run, two_at: Path, process_run: Run, tmp_path: Path
) -> None:
    paths = [str(two_at), str(real_results.path("process"))]
    assert cli.main(["report", *paths, "--format=junit", f"--out={tmp_path}"]) == 0
    read = junitparser.JUnitXml.fromfile(str(tmp_path / "junit.xml"))
    assert read.tests == len(two.records) + len(process_run.records)
    unexpected = [each for each in process_run.records if not each.as_expected]
    assert (read.failures, read.errors) == (len(unexpected), 0)
    root = ElementTree.parse(tmp_path / "junit.xml").getroot()
    cases = [(each.attrib["classname"], each.attrib["name"]) for each in root.iter("testcase")]
    assert len(set(cases)) == len(cases) == read.tests


def test_the_same_cells_twice_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one, other = small(tmp_path / "one"), small(tmp_path / "other")
    assert cli.main(["report", str(one), str(other)]) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"error: {one} and {other} both hold kserve")
    assert "`python -m matrix diff` compares them" in said


def test_results_of_a_server_at_its_address_are_refused(
    unfixed_run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "results.jsonl"
    Writer(path, replace(unfixed_run.header, runtime=None)).close()
    assert cli.main(["report", str(path)]) == 2
    assert "of a server that was judged at its address" in capsys.readouterr().err


def test_what_cant_be_read_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["report", str(tmp_path / "nowhere.jsonl")]) == 2
    assert "nowhere.jsonl can't be read: No such file" in capsys.readouterr().err
    path = small(tmp_path)
    assert cli.main(["report", str(path), f"--policy={tmp_path / 'nowhere.toml'}"]) == 2
    assert "nowhere.toml can't be read" in capsys.readouterr().err
    path.write_text("no results\n", encoding="utf-8")
    assert cli.main(["report", str(path)]) == 2
    assert "line 1 is no line of results" in capsys.readouterr().err
    assert {each.name for each in tmp_path.iterdir()} == {"results.jsonl"}


def test_a_folder_that_cant_be_written_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = small(tmp_path)
    assert cli.main(["report", str(path), f"--out={path}/out"]) == 2
    said = capsys.readouterr().err
    assert said == f"error: the reports can't be written: {path}/out: Not a directory\n"


# Has files end after so many blocks, as on a disk that is full by then. A shell does it, since what
# is forked from a process with gRPC's threads may not get as far as its command.
FULL_DISK = ("sh", "-c", 'ulimit -f 4 && exec "$@"', "sh")


@pytest.mark.parametrize("name", ["report.html", "report.md", "junit.xml"])
def test_a_full_disk_is_no_wrong_usage_and_leaves_what_was_there(name: str, tmp_path: Path) -> None:
    path = small(tmp_path)
    (tmp_path / name).write_text("of the run before", encoding="utf-8")
    written = {"report.html": "html", "report.md": "markdown", "junit.xml": "junit"}[name]
    ran = subprocess.run(
        [*FULL_DISK, *processes.command(["matrix", "report", path, f"--format={written}"])],
        cwd=REPOSITORY,
        # It would cut short the bytecode of modules that nobody imported before, and keep it.
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 3
    assert ran.stderr.startswith(f"error: the reports can't be written: {tmp_path / name}: File")
    assert "make room there, or name another folder with --out" in ran.stderr
    assert (tmp_path / name).read_text(encoding="utf-8") == "of the run before"
    assert {each.name for each in tmp_path.iterdir()} == {path.name, name}


def test_it_is_a_command_and_never_judges(tmp_path: Path) -> None:
    path = small(tmp_path)
    ran = processes.run(["matrix", "report", path, "--format=badge"])
    assert ran.returncode == 0, ran.stderr
    assert "broken, cut short" in (tmp_path / "badge.json").read_text(encoding="utf-8")


def test_results_that_nobody_named_and_that_are_not_there_are_told_how_to_make(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.main(["report"]) == 2
    said = "error: results/results.jsonl is not there: `python -m matrix run` writes it; "
    assert capsys.readouterr().err.startswith(said)
