"""Results that were edited by hand, or are of something else, are a sentence and exit code 2."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from kserve_conformance.results import results_file
from kserve_conformance.results.record import Run

from matrix.commands import cli, given_results
from tests.matrix.gate.gate_cases import CELL, one_cell, with_header

_COMMANDS = ("gate", "report", "summary")


@pytest.fixture(scope="module")
def cell(default_run: Run) -> Run:
    """Give the results of one cell."""
    return one_cell(default_run)


def _renamed(run: Run) -> Run:
    name = CELL.replace("0.9.0", "0..9")
    planned = {name: run.header.planned[CELL]}
    records = [replace(record, cell=name) for record in run.records]
    return replace(with_header(run, planned=planned), records=records)


def _unplanned(run: Run) -> Run:
    other = CELL.replace("0.9.0", "0.10.2")
    return replace(run, records=[replace(run.records[0], cell=other), *run.records[1:]])


def _of_other_axes(run: Run) -> Run:
    axes = {**run.records[0].axes, "kserve": "foo"}
    return replace(run, records=[replace(run.records[0], axes=axes), *run.records[1:]])


WRONG = {
    "an id of no cell": (_renamed, "line 1 plans what isn't of the matrix: 'kserve0..9-v1-"),
    "a cell that isn't planned": (_unplanned, "line 2 is of kserve0.10.2-v1-"),
    "other axes": (_of_other_axes, f"line 2 has other axes than its cell {CELL}"),
}


@pytest.mark.parametrize("command", _COMMANDS)
@pytest.mark.parametrize("wrong", WRONG)
def test_results_of_other_cells_than_they_say_are_refused(
    wrong: str, command: str, cell: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    change, said = WRONG[wrong]
    path = tmp_path / "results.jsonl"
    results_file.write(path, change(cell))
    assert cli.main([command, str(path)]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"error: {path}: ")
    assert said in error


@pytest.mark.parametrize("command", _COMMANDS)
def test_a_path_that_no_file_can_have_is_a_sentence(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main([command, "x" * 300]) == 2
    assert capsys.readouterr().err.endswith("can't be read: File name too long\n")


def test_a_server_that_was_judged_at_its_address_has_no_cell_to_replay(
    cell: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "results.jsonl"
    results_file.write(path, with_header(cell, runtime=None))
    out = f"--out={tmp_path / 'out'}"
    assert cli.main(["replay", "server", f"--results={path}", out]) == 2
    assert "of a server that was judged at its address" in capsys.readouterr().err


def test_what_nobody_thought_of_says_nothing_of_the_wrapper(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def breaks(path: Path) -> None:
        raise LookupError(path)

    monkeypatch.setattr(given_results, "of_matrix", breaks)
    # Python's own 1 would be a verdict against the wrapper.
    assert cli.main(["gate", "results.jsonl"]) == 3
    assert "LookupError: results.jsonl" in capsys.readouterr().err
