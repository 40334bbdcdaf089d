"""What a report says of runs that are judged together, whatever form it has."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass

from kserve_conformance.results.badge import Badge
from kserve_conformance.results.record import Run

from matrix.planning import policy as policies
from matrix.planning.cells import Cell
from matrix.planning.policy import Policy
from matrix.reports import (
    badge,
    by_control_plane,
    findings,
    flaky,
    grid,
    known_entries,
    original_bug,
    timings,
)
from matrix.reports.by_control_plane import Row
from matrix.reports.findings import Finding, Findings
from matrix.reports.flaky import Wavering
from matrix.reports.grid import Grid
from matrix.reports.known_entries import Listed
from matrix.reports.original_bug import Trace
from matrix.reports.timings import Spent
from matrix.results import cells_in_words, judging


@dataclass(frozen=True)
class Contents:
    """All that is told of runs, such as those of both backends.

    Attributes:
        change: how what is expected has changed since the runs, None where it hasn't.
        names: of the wrappers.
        cells: the planned ones, those of older KServe releases first.
        refusals: see `timings.refusals_by_release`.
        attempts: how often each check was made, or more.
    """

    runs: Sequence[Run]
    change: str | None
    names: str
    badge: Badge
    found: Findings
    cells: Sequence[Cell]
    grid: Grid
    by_control_plane: Sequence[Row]
    traces: Sequence[Trace]
    by_release: Sequence[Spent]
    by_check: Sequence[Spent]
    refusals: Sequence[Spent]
    listed: Sequence[Listed]
    attempts: int
    wavering: Sequence[Wavering]

    @classmethod
    def of(cls, runs: Sequence[Run], policy: Policy, today: datetime.date | None) -> Contents:
        """Collect them.

        Args:
            today: the day from which the age of known failures is counted.
        """
        judged = judging.by_today(runs)
        runs = judged.runs
        names = dict.fromkeys(run.header.wrapper["name"] or "a wrapper" for run in runs)
        return cls(
            runs=runs,
            change=judged.change,
            names=", ".join(names),
            badge=badge.of(runs),
            found=Findings.of(runs, policy),
            cells=findings.planned_cells(runs),
            grid=grid.of(runs),
            by_control_plane=by_control_plane.of(runs),
            traces=original_bug.of(runs),
            by_release=timings.by_release(runs),
            by_check=timings.by_check(runs),
            refusals=timings.refusals_by_release(runs),
            listed=known_entries.of(runs, policy, today or policies.today()),
            attempts=max((run.header.repeat for run in runs), default=1),
            wavering=flaky.wavering(runs, policy.confidence),
        )

    def where(self, finding: Finding) -> str:
        """Say in which of all cells a finding was."""
        return cells_in_words.of_cells(finding.cells, self.cells)

    @property
    def bug_protocols(self) -> list[str]:
        """List the values that the original bug is about, or that its words were said with."""
        told = {
            *original_bug.PROTOCOLS,
            *(each for trace in self.traces for each in trace.releases),
        }
        return [protocol for protocol in self.grid.protocols if protocol in told]

    def said_at(self, release: str, protocol: str) -> list[str]:
        """List the words of the original bug that were said at a point."""
        return [each.words for each in self.traces if release in each.releases.get(protocol, ())]
