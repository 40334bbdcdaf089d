"""The conformance suite's statements as checks of the matrix: from a cell's process to files."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pytest
from kserve_conformance import differences
from kserve_conformance.asking import transcript
from kserve_conformance.asking.transcript import Seen
from kserve_conformance.outcome import Outcome
from kserve_conformance.results.verdict import Verdict

from matrix.planning.cells import Cell
from matrix.running.timing import Moment

TRANSCRIPTS = "transcripts"
DIFFERENCES = "differences.md"


@dataclass(frozen=True)
class Observed:
    """What a statement came to, and when."""

    outcome: Outcome
    moment: Moment


def packed(outcomes: Sequence[Observed], expected: Callable[[str], Verdict]) -> str:
    """Write what statements came to, for the controller.

    Args:
        expected: gives the verdict that is expected of a statement.
    """
    return json.dumps(
        {
            "records": [_members(each, expected(each.outcome.statement.id)) for each in outcomes],
            "seen": [asdict(seen) for each in outcomes for seen in each.outcome.seen],
        }
    )


class Statements:
    """Takes what `packed` wrote, and keeps what each cell's wrapper answered.

    Args:
        out: the folder of the run.
        cells: those of the run, in their order.
    """

    def __init__(self, out: Path, cells: Sequence[Cell]) -> None:
        self._out = out
        self._cells = cells
        self._by_cell: dict[Cell, list[Seen]] = {}
        shutil.rmtree(out / TRANSCRIPTS, ignore_errors=True)

    def take(self, cell: Cell, report: pytest.TestReport) -> list[Mapping[str, Any]]:
        """Give the members of the records that a report has of statements, most often none."""
        told = json.loads(getattr(report, "matrix_statements", "null"))
        if told is None:
            return []
        seen = [Seen(**each) for each in told["seen"]]
        self._by_cell[cell] = seen
        folder = self._out / TRANSCRIPTS
        folder.mkdir(exist_ok=True)
        transcript.write(folder / f"{cell.visit}.jsonl", seen)
        records: list[Mapping[str, Any]] = told["records"]
        return records

    def finish(self) -> str | None:
        """Write the table of what a client could tell one release from another by.

        Returns:
            How much that is, in a sentence; None where nothing was asked of two releases.
        """
        groups: dict[str, dict[str, list[Seen]]] = {}
        # Releases end in the order in which they happen to be done.
        for cell in self._cells:
            if cell in self._by_cell:
                name = f"PROTOCOL_VERSION {cell.protocol}, envelope {cell.envelope}"
                groups.setdefault(name, {})[cell.kserve] = self._by_cell[cell]
        if not groups:
            return None
        text = differences.page(groups, "KServe SDK")
        (self._out / DIFFERENCES).write_text(text, encoding="utf-8")
        if all(len(releases) < 2 for releases in groups.values()):
            return None
        found = sum(len(differences.between(releases)) for releases in groups.values())
        return (
            f"{found} requests of the conformance suite are answered differently by SDK release: "
            f"{self._out / DIFFERENCES}"
        )


def _members(observed: Observed, expected: Verdict) -> dict[str, Any]:
    outcome, moment = observed.outcome, observed.moment
    # As for other checks: what is as expected needs no log.
    as_expected = outcome.judgement.verdict is expected
    log = {"wrapper_log": moment.told} if moment.told and not as_expected else {}
    return {
        "check": outcome.statement.id,
        "verdict": outcome.judgement.verdict,
        "message": outcome.judgement.message,
        "expected": outcome.exhibit.expected,
        "observed": outcome.exhibit.observed,
        "seconds": outcome.seconds,
        "evidence": {**outcome.evidence, **log},
        "moment": [moment.began, moment.ended],
    }
