"""What results say of each check in each cell, however many attempts were made at it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from kserve_conformance.results.record import Record
from kserve_conformance.results.results_file import Given
from kserve_conformance.results.verdict import Verdict

from matrix.planning.cells import Cell
from matrix.planning.expectations import Expectations


@dataclass(frozen=True)
class Standing:
    """All attempts at one check in one cell.

    Attributes:
        planned: how many attempts were planned, 0 where the run left the check out.
        expected: the verdict that is right by expectations.toml, whatever the results say that
            was expected when they were made.
    """

    check: str
    planned: int
    records: tuple[Record, ...]
    expected: Verdict

    @cached_property
    def right(self) -> list[Record]:
        """List the attempts that came to the right verdict."""
        return [record for record in self.records if record.verdict is self.expected]

    @cached_property
    def wrong(self) -> list[Record]:
        """List the attempts that say something against the wrapper."""
        return [
            record
            for record in self.records
            if record.verdict.is_about_subject and record.verdict is not self.expected
        ]

    @cached_property
    def unjudged(self) -> list[Record]:
        """List the attempts that say nothing of the wrapper: errors, and what could not run."""
        return [record for record in self.records if not record.verdict.is_about_subject]

    @property
    def is_judged(self) -> bool:
        """Tell whether an attempt says something of the wrapper."""
        return len(self.unjudged) < len(self.records)

    @property
    def is_missing(self) -> bool:
        """Tell whether an attempt that was planned never ran."""
        return len(self.records) < self.planned


@dataclass(frozen=True, eq=False)
class JudgedCell:
    """A cell on one backend, the same only as itself.

    Attributes:
        axes: its points by axis.
        source: the results file that holds it.
        standings: those of all checks that it has or should have, by the check's id.
    """

    id: str
    axes: Mapping[str, str]
    source: Path
    standings: Mapping[str, Standing]

    @property
    def name(self) -> str:
        """Name it apart from the same cell on the other backend."""
        return f"{self.id} on {self.axes['runtime']}"

    @property
    def is_judged(self) -> bool:
        """Tell whether anything is known of the wrapper in it."""
        return any(standing.is_judged for standing in self.standings.values())


def cells(given: Iterable[Given], expected: Expectations) -> list[JudgedCell]:
    """List the cells of results with all checks that expectations.toml wants of them."""
    return [cell for each in given for cell in _cells_of(each, expected)]


def _cells_of(given: Given, expected: Expectations) -> list[JudgedCell]:
    header = given.run.header
    records: dict[str, dict[str, list[Record]]] = {}
    for record in given.run.records:
        records.setdefault(record.cell, {}).setdefault(record.check, []).append(record)
    found = []
    for cell, planned in header.planned.items():
        axes = Cell.named(cell, header.runtime or "").axes()
        point = expected.point(axes, header.wrapper["constructor"] is not None)
        attempts = dict.fromkeys(expected.checks_at(point), 0)
        attempts |= dict.fromkeys(planned, header.repeat)
        of_cell = records.get(cell, {})
        # What nobody planned is judged, too: it may have failed.
        attempts = {**dict.fromkeys(of_cell, 0), **attempts}
        standings = {
            check: Standing(
                check, number, tuple(of_cell.get(check, ())), _right(expected, check, point)
            )
            for check, number in attempts.items()
        }
        found.append(JudgedCell(cell, axes, given.path, standings))
    return found


def _right(expected: Expectations, check: str, point: Mapping[str, str]) -> Verdict:
    exception = expected.exception_at(check, point)
    return exception.verdict if exception else Verdict.PASSED
