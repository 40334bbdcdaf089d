"""From what a cell's wrapper answered to the table of differences by SDK release."""

from __future__ import annotations

from pathlib import Path

import pytest
from kserve_conformance import catalogue
from kserve_conformance.asking import transcript
from kserve_conformance.asking.http_client import Answer
from kserve_conformance.outcome import Outcome
from kserve_conformance.results.exhibit import Exhibit
from kserve_conformance.results.judgement import PASSED, Judgement
from kserve_conformance.results.verdict import Verdict

from matrix.planning.cells import Cell
from matrix.running import statements
from matrix.running.statements import DIFFERENCES, Observed, Statements
from matrix.running.timing import Moment

ID = "V2-META-001"
CELLS = [
    Cell(release, "v2", "kservev2", "0.12.0", "process")
    for release in ("0.9.0", "0.10.0", "0.21.0")
]


def _report(status: int, judgement: Judgement = PASSED) -> pytest.TestReport:
    seen = transcript.of_answer(ID, 1, Answer("GET /v2", status, {}, b"{}"))
    exhibit = Exhibit()
    exhibit.exchange("curl", "200")
    outcome = Outcome(catalogue.load()[ID], judgement, exhibit, 0.1, [seen])
    observed = Observed(outcome, Moment(1.0, 2.0, "a line of the wrapper's log"))
    report = pytest.TestReport(f"test[{status}]", ("", 0, ""), {}, "passed", None, "call")
    report.matrix_statements = statements.packed([observed], lambda _: Verdict.PASSED)  # type: ignore[attr-defined]
    return report


def test_each_statement_becomes_a_record_of_its_cell(tmp_path: Path) -> None:
    taken = Statements(tmp_path, CELLS).take(CELLS[0], _report(200))
    assert [(each["check"], each["verdict"]) for each in taken] == [(ID, "passed")]
    assert len(transcript.read(tmp_path / "transcripts" / f"{CELLS[0].id}.jsonl")) == 1


def test_what_was_said_and_logged_is_kept_where_it_did_not_pass(tmp_path: Path) -> None:
    made = Statements(tmp_path, CELLS)
    (passed,) = made.take(CELLS[0], _report(200))
    (failed,) = made.take(CELLS[1], _report(200, Judgement(Verdict.FAILED, "so")))
    assert passed["evidence"] == {}
    assert failed["evidence"] == {
        "exchanges": [{"request": "curl", "response": "200"}],
        "wrapper_log": "a line of the wrapper's log",
    }
    assert failed["moment"] == [1.0, 2.0]


def test_a_report_of_another_check_has_none(tmp_path: Path) -> None:
    report = pytest.TestReport("test", ("", 0, ""), {}, "passed", None, "call")
    assert Statements(tmp_path, CELLS).take(CELLS[0], report) == []


def test_releases_that_differ_are_told_in_their_order(tmp_path: Path) -> None:
    made = Statements(tmp_path, CELLS)
    # As they are done, which isn't as they are planned.
    for cell, status in ((CELLS[2], 200), (CELLS[1], 404), (CELLS[0], 200)):
        made.take(cell, _report(status))
    told = made.finish()
    assert told is not None
    assert told.startswith("1 requests of the conformance suite are answered differently")
    page = " ".join((tmp_path / DIFFERENCES).read_text().split())
    assert "1 requests on 0.9.0, 0.10.0, 0.21.0: 1 answered differently." in page
    assert "| 0.9.0, 0.21.0 | 200 |" in page
    assert "| 0.10.0 | 404 |" in page


def test_one_release_has_nothing_to_differ_from(tmp_path: Path) -> None:
    made = Statements(tmp_path, CELLS)
    assert made.finish() is None
    made.take(CELLS[0], _report(200))
    assert made.finish() is None
