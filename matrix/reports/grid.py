"""The matrix at a glance: KServe releases down, PROTOCOL_VERSION values across."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from kserve_conformance.results.record import Run
from packaging.version import Version

from matrix.planning import axes
from matrix.planning.cells import Cell
from matrix.reports import findings
from matrix.results import judging, states
from matrix.results.states import State


@dataclass(frozen=True)
class Point:
    """What cells came to, such as those of one release with one PROTOCOL_VERSION.

    Attributes:
        counts: of the planned attempts at checks by state, the worst first.
        cells: as (id, runtime), those with the worst state first.
    """

    counts: Mapping[State, int]
    cells: Sequence[tuple[str, str]]

    @property
    def state(self) -> State:
        """Give the worst state."""
        return next(iter(self.counts))

    @property
    def checks(self) -> int:
        """Count the planned attempts at checks."""
        return sum(self.counts.values())

    @property
    def as_expected(self) -> int:
        """Count those that are as expected."""
        return self.counts.get(State.PASSED, 0)


@dataclass(frozen=True)
class Grid:
    """The points of runs that are judged together.

    Attributes:
        releases: of KServe, the oldest first.
        protocols: names of PROTOCOL_VERSION values, in the order of axes.toml.
        points: by release and protocol; where there is none, no cell was planned.
    """

    releases: Sequence[str]
    protocols: Sequence[str]
    points: Mapping[tuple[str, str], Point]

    def row(self, release: str) -> Iterator[Point | None]:
        """Give the points of a release, one for each protocol."""
        return (self.points.get((release, protocol)) for protocol in self.protocols)

    def checks(self, release: str) -> int:
        """Count the planned attempts at checks of a release."""
        return sum(point.checks for point in self.row(release) if point)


def of(runs: Iterable[Run]) -> Grid:
    """Lay runs out, such as those of both backends."""
    found = points(runs, lambda cell: (cell.kserve, cell.protocol))
    return Grid(
        releases=sorted({release for release, _ in found}, key=Version),
        protocols=axes.load().in_order("protocol", {protocol for _, protocol in found}),
        points=found,
    )


def points(
    runs: Iterable[Run], where: Callable[[Cell], tuple[str, str]]
) -> dict[tuple[str, str], Point]:
    """Gather what cells came to, by where they are shown."""
    cells: dict[tuple[str, str], dict[tuple[str, str], Counter[State]]] = defaultdict(dict)
    for run in runs:
        counts = _counts(run)
        for name, cell in judging.cells_of(run.header).items():
            cells[where(cell)][name, cell.runtime] = counts[name]
    return {place: _point(found) for place, found in cells.items()}


def _counts(run: Run) -> Mapping[str, Counter[State]]:
    counts: dict[str, Counter[State]] = defaultdict(Counter)
    for record in run.records:
        counts[record.cell][states.of(record)] += 1
    for _, cell, _, _ in findings.missing(run):
        counts[cell][State.MISSING] += 1
    return counts


def _point(cells: Mapping[tuple[str, str], Counter[State]]) -> Point:
    order = list(State)
    counts = sum(cells.values(), Counter[State]())
    return Point(
        counts={state: counts[state] for state in order if counts[state]},
        cells=sorted(cells, key=lambda cell: min(map(order.index, cells[cell]))),
    )
