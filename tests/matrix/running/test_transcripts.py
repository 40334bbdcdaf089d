"""From what a cell's wrapper answered to the table of differences by SDK release."""

from __future__ import annotations

from pathlib import Path

from kserve_conformance.asking import transcript
from kserve_conformance.asking.http_client import Answer
from kserve_conformance.asking.transcript import Seen

from matrix.planning.cells import Cell
from matrix.running.transcripts import DIFFERENCES, Transcripts

ID = "V2-META-001"
CELLS = [
    Cell(release, "v2", "kservev2", "0.12.0", "process")
    for release in ("0.9.0", "0.10.0", "0.21.0")
]


def _seen(status: int) -> list[Seen]:
    return [transcript.of_answer(ID, 1, Answer("GET /v2", status, {}, b"{}"))]


def test_what_was_answered_is_a_file_of_its_cell(tmp_path: Path) -> None:
    Transcripts(tmp_path, CELLS).take(CELLS[0], _seen(200))
    assert transcript.read(tmp_path / "transcripts" / f"{CELLS[0].id}.jsonl") == _seen(200)


def test_releases_that_differ_are_told_in_their_order(tmp_path: Path) -> None:
    made = Transcripts(tmp_path, CELLS)
    # As they are done, which isn't as they are planned.
    for cell, status in ((CELLS[2], 200), (CELLS[1], 404), (CELLS[0], 200)):
        made.take(cell, _seen(status))
    told = made.finish()
    assert told is not None
    assert told.startswith("1 requests of the conformance suite are answered differently")
    page = " ".join((tmp_path / DIFFERENCES).read_text().split())
    assert "1 requests on 0.9.0, 0.10.0, 0.21.0: 1 answered differently." in page
    assert "| 0.9.0, 0.21.0 | 200 |" in page
    assert "| 0.10.0 | 404 |" in page


def test_one_release_has_nothing_to_differ_from(tmp_path: Path) -> None:
    made = Transcripts(tmp_path, CELLS)
    assert made.finish() is None
    made.take(CELLS[0], _seen(200))
    assert made.finish() is None
