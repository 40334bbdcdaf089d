"""The table of a run, and the findings and differences that are told at its end."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import pytest
from kserve_conformance.results.record import Record, Run
from kserve_conformance.results.verdict import Verdict
from rich.console import Console

from matrix.commands import summary
from matrix.results import judging
from tests.conformance.results.test_results import (
    ERROR,
    FAILED,
    UNPROVISIONED,
    record,
    told_id,
    write,
)
from tests.conformance.tiny_run import CELL


@pytest.mark.parametrize(
    ("second", "mark"),
    [
        (record("v1-predict"), "ok"),
        (record("v1-predict", FAILED), "F"),
        (record("v1-predict", ERROR), "E"),
        (record("v1-predict", UNPROVISIONED), "U"),
        (record("v1-predict", FAILED, expected=FAILED), "k"),
        (None, "-"),
    ],
    ids=told_id,
)
def test_the_table_marks_the_worst_of_a_cell(
    second: Record | None, mark: str, tmp_path: Path
) -> None:
    run = write(tmp_path / "results.jsonl", [record("starts"), *([second] if second else [])])
    shown = io.StringIO()
    summary.show(judging.by_today([run]), Console(width=120, file=shown))
    row = next(line for line in shown.getvalue().splitlines() if line.startswith("  0.9.0"))
    assert row.split()[1] == mark


def test_findings_are_told_once_with_the_number_of_cells(tmp_path: Path) -> None:
    run = write(tmp_path / "results.jsonl", [record("starts", FAILED)])
    twice = Run(run.header, [*run.records, *run.records], None)
    assert summary.findings(twice) == [f"failed: starts in {CELL} and 1 more: why starts is failed"]


FLAKE = replace(record("v1-predict", FAILED), binding=False)


def test_a_known_failure_is_never_called_failed_at_the_end_of_a_run(tmp_path: Path) -> None:
    known = record("starts", FAILED, expected=FAILED)
    run = write(tmp_path / "results.jsonl", [FLAKE, known, record("drains", FAILED)])
    assert summary.findings(run) == [
        f"failed: drains in {CELL}: why drains is failed",
        f"known flaky: v1-predict in {CELL}: why v1-predict is failed",
        f"known failing: starts in {CELL}: why starts is failed",
    ]
    shown = io.StringIO()
    summary.show(judging.by_today([run]), Console(width=200, file=shown))
    assert "3 of 2 checks: 1 failed, 1 known failing, 1 known flaky" in shown.getvalue()


def test_what_is_not_offered_is_told_with_its_reason(tmp_path: Path) -> None:
    absent = [record(each, Verdict.UNSUPPORTED, Verdict.UNSUPPORTED) for each in ("a", "b")]
    run = write(tmp_path / "results.jsonl", [*absent, record("c")])
    reasons = summary.differences(run)
    assert reasons == [
        "differs: why a is unsupported (a)",
        "differs: why b is unsupported (b)",
    ]
