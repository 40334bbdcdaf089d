"""Cells told briefly: ``KServe 0.11.2-0.13.1 with unset, v1``."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from matrix.planning import ranges
from matrix.planning.cells import Cell

_MOST = 3
# Axes that are told only where they tell cells apart.
_ASIDE = ("envelope", "torchserve", "runtime")


def told(cells: Iterable[Cell], every: Sequence[Cell]) -> str:
    """Say which cells they are, as shortly as the runs that they are of let it be said.

    Args:
        every: all cells of the runs, in the order of their releases.
    """
    wanted = set(cells)
    chosen = [cell for cell in every if cell in wanted]
    if len(chosen) == len(every):
        return "everywhere"
    releases = _points(every, "kserve")
    protocols = _points(every, "protocol")
    by_protocols: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for release in _points(chosen, "kserve"):
        in_release = [cell for cell in chosen if cell.kserve == release]
        by_protocols[tuple(_points(in_release, "protocol"))].append(release)
    pieces = [
        f"{ranges.told_or_all(those, releases)} with {_all_or_each(found, protocols)}"
        for found, those in by_protocols.items()
    ]
    more = f"; and {len(pieces) - _MOST} more" if len(pieces) > _MOST else ""
    return "; ".join(pieces[:_MOST]) + more + _aside(chosen, every)


def _all_or_each(found: Sequence[str], every: Sequence[str]) -> str:
    return f"all {len(every)}" if len(found) == len(every) > 1 else ", ".join(found)


def _aside(chosen: Sequence[Cell], every: Sequence[Cell]) -> str:
    points = {(cell.kserve, cell.protocol) for cell in chosen}
    around = [cell for cell in every if (cell.kserve, cell.protocol) in points]
    told = [
        f"{axis} {', '.join(found)}"
        for axis in _ASIDE
        if (found := _points(chosen, axis)) != _points(around, axis)
    ]
    return f" ({'; '.join(told)})" if told else ""


def _points(cells: Iterable[Cell], axis: str) -> list[str]:
    return list(dict.fromkeys(getattr(cell, axis) for cell in cells))
