"""How much of the axes' interplay some cells show, and the fewest cells that show all of it.

What breaks in one cell breaks, most often, for one point of an axis or for two points that meet
(a release and a PROTOCOL_VERSION). A covering array has each such pair, or each triple, in one cell
at least. covertable makes it; what it covers is counted here, and not taken from its word.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from operator import itemgetter
from typing import Any, Literal

import covertable

from matrix.planning.axis_table import NAMES
from matrix.planning.cells import Cell

Coverage = Literal["full", "pairs", "triples"]
COVERAGES: tuple[Coverage, ...] = ("full", "pairs", "triples")
# How many axes must meet, by the word for it.
STRENGTHS: Mapping[str, int] = {"pairs": 2, "triples": 3}

# Points of some axes that meet in a cell: the axes' names, and a point of each.
_Meeting = tuple[tuple[str, ...], tuple[str, ...]]


@dataclass(frozen=True)
class Share:
    """How many of the meetings of axis points that there are some cells have."""

    covered: int
    total: int

    @property
    def whole(self) -> bool:
        """Tell whether none is lacking."""
        return self.covered == self.total

    def __str__(self) -> str:
        # Rounded down: 100% is said of nothing that lacks one.
        return f"{100 * self.covered // self.total}% ({self.covered} of {self.total})"


def share(chosen: Iterable[Cell], whole: Sequence[Cell], strength: int) -> Share:
    """Count the meetings of axis points of all cells, and those that the chosen ones have.

    Axes of which all cells have the same point meet nothing, and don't count.

    Args:
        whole: all cells there are, the chosen ones among them.
        strength: how many points meet: 2 for pairs, 3 for triples.
    """
    axes = _varying(whole)
    there = set(_meetings(whole, axes, strength))
    return Share(len(there & set(_meetings(chosen, axes, strength))), len(there))


def sentence(chosen: Sequence[Cell], whole: Sequence[Cell]) -> str:
    """Say how much of all cells the chosen ones are, and what they have of pairs and triples."""
    pairs, triples = (share(chosen, whole, strength) for strength in STRENGTHS.values())
    return (
        f"{len(chosen)} of {len(whole)} cells; pairs of axis points covered: {pairs}, "
        f"triples: {triples}"
    )


def reduced(cells: Sequence[Cell], coverage: Coverage) -> list[Cell]:
    """Give few of the cells that have all of their pairs, or triples, of axis points, in order.

    The same cells give the same ones, on every machine.
    """
    axes = _varying(cells)
    # Two axes have no triples: all that they have is their pairs.
    strength = min(STRENGTHS.get(coverage, 0), len(axes))
    if strength < 2:
        return list(cells)
    by_points = {_points(cell, axes): cell for cell in cells}
    rows = covertable.make(
        {axis: list(dict.fromkeys(getattr(cell, axis) for cell in cells)) for axis in axes},
        strength=strength,
        constraints=_constraints(by_points, axes),
    )
    chosen = {tuple(row[axis] for axis in axes) for row in rows}
    return [cell for points, cell in by_points.items() if points in chosen]


def _varying(cells: Iterable[Cell]) -> list[str]:
    cells = list(cells)
    return [axis for axis in NAMES if len({getattr(cell, axis) for cell in cells}) > 1]


def _points(cell: Cell, axes: Iterable[str]) -> tuple[str, ...]:
    return tuple(getattr(cell, axis) for axis in axes)


def _meetings(cells: Iterable[Cell], axes: Sequence[str], strength: int) -> Iterator[_Meeting]:
    groups = list(combinations(axes, min(strength, len(axes))))
    for cell in cells:
        for group in groups:
            yield group, _points(cell, group)


def _constraints(
    by_points: Mapping[tuple[str, ...], Cell], axes: Sequence[str]
) -> list[dict[str, Any]]:
    """Say to covertable which points may meet, for each two axes and for all together.

    It asks half a million times where triples are wanted, so that nothing is said of axes of which
    all points meet.
    """
    groups = [*combinations(range(len(axes)), 2), tuple(range(len(axes)))]
    counts = [len(set(points)) for points in zip(*by_points, strict=True)]
    constraints = []
    for group in dict.fromkeys(groups):
        names = [axes[index] for index in group]
        met = set(map(itemgetter(*group), by_points))
        if len(met) < math.prod(counts[index] for index in group):
            constraints.append(
                {
                    "operator": "fn",
                    "requires": names,
                    "evaluate": lambda row, at=itemgetter(*names), met=met: at(row) in met,
                }
            )
    return constraints
