"""How long cells will take: from earlier results where there are any, else as they did once."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from kserve_conformance.results.record import Run

from matrix.planning.cells import Cell
from matrix.planning.expectations import SERVES, Expectations

# Seconds on a machine of two cores that runs six cells side by side, as medians over the default
# profile. A value that refuses to start is done at once; one that serves gets a wrapper, all
# checks and the conformance suite.
_SERVES, _REFUSES = 6.0, 0.25
# To make the environment of a KServe release, once per machine.
_ENVIRONMENT = 6.0
# From the start of a run to its first check: TorchServe starts, from an image that is there.
START = 13.0

# What is the same wherever it runs: a cell's id and runtime, and a release's name and runtime.
_Place = tuple[str, str]
# Cells that are alike: the PROTOCOL_VERSION, the envelope and the runtime.
Kind = tuple[str, str, str]


@dataclass(frozen=True)
class Timings:
    """What cells and releases took, as far as it is known.

    Attributes:
        cells: seconds of one attempt, by the cell's id and runtime.
        kinds: the median of the cells that are alike.
        environments: seconds that went by before the first cell of a release could be run, by
            the release and the runtime.
    """

    expectations: Expectations
    cells: Mapping[_Place, float] = field(default_factory=dict)
    kinds: Mapping[Kind, float] = field(default_factory=dict)
    environments: Mapping[_Place, float] = field(default_factory=dict)

    def of_cell(self, cell: Cell) -> float:
        """Give the seconds that one attempt at a cell takes."""
        default = _SERVES if self.expectations.outcome(cell.protocol) == SERVES else _REFUSES
        alike = self.kinds.get(kind(cell), default)
        return self.cells.get((cell.id, cell.runtime), alike)

    def of_environment(self, kserve: str, runtime: str) -> float:
        """Give the seconds until the first cell of a release can be run, once per machine."""
        usual = statistics.median(self.environments.values() or (_ENVIRONMENT,))
        return self.environments.get((kserve, runtime), usual)


def learn(runs: Iterable[Run], expectations: Expectations) -> Timings:
    """Take timings out of earlier results; where two know the same cell, the later given counts."""
    by_run = [_of_run(run, expectations) for run in runs]
    kinds = _kinds({cell: seconds for took in by_run for cell, seconds in took.items()})
    environments = {}
    for took in by_run:
        first: dict[_Place, Cell] = {}
        for cell in took:
            first.setdefault((cell.kserve, cell.runtime), cell)
        for place, cell in first.items():
            # Making the environment is a part of the first check that needs it.
            waited = max(0.0, took[cell] - kinds[kind(cell)])
            environments[place] = round(waited, 3)
            took[cell] = round(took[cell] - waited, 3)
    cells = {(cell.id, cell.runtime): seconds for took in by_run for cell, seconds in took.items()}
    return Timings(expectations, cells, kinds, environments)


def _kinds(known: Mapping[Cell, float]) -> dict[Kind, float]:
    by_kind: defaultdict[Kind, list[float]] = defaultdict(list)
    for cell, seconds in known.items():
        by_kind[kind(cell)].append(seconds)
    return {alike: statistics.median(every) for alike, every in by_kind.items()}


def _of_run(run: Run, expectations: Expectations) -> dict[Cell, float]:
    """Give what one attempt at each cell took, in the run's order, where all of it was run."""
    complete = set(run.complete_cells())
    took: defaultdict[_Place, list[float]] = defaultdict(list)
    for record in run.records:
        # The check that judges the suite's statements has their seconds in its own.
        if record.cell in complete and record.check not in expectations.statements:
            took[record.cell, record.axes["runtime"]].append(record.seconds)
    return {
        Cell.named(*place): round(sum(each) / run.header.repeat, 3) for place, each in took.items()
    }


def kind(cell: Cell) -> Kind:
    """Name what cells of about the same cost have alike."""
    return cell.protocol, cell.envelope, cell.runtime
