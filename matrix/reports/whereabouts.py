"""Cells told briefly: ``KServe 0.11.2-0.13.1 with unset, v1``."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from matrix.planning import ranges
from matrix.reports.findings import Place

_MOST = 3
# Axes that are told only where they tell cells apart.
_ASIDE = ("envelope", "torchserve", "runtime")


def told(places: Iterable[Place], every: Sequence[Place]) -> str:
    """Say where places are, as shortly as the runs that they are of let it be said.

    Args:
        every: all cells of the runs, in the order of their releases.
    """
    wanted = set(places)
    chosen = [place for place in every if place in wanted]
    if len(chosen) == len(every):
        return "everywhere"
    releases = _points(every, "kserve")
    protocols = _points(every, "protocol")
    by_protocols: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for release in _points(chosen, "kserve"):
        in_release = [place for place in chosen if place.kserve == release]
        by_protocols[tuple(_points(in_release, "protocol"))].append(release)
    pieces = [
        f"{ranges.told_or_all(those, releases)} with {_all_or_each(found, protocols)}"
        for found, those in by_protocols.items()
    ]
    more = f"; and {len(pieces) - _MOST} more" if len(pieces) > _MOST else ""
    return "; ".join(pieces[:_MOST]) + more + _aside(chosen, every)


def _all_or_each(found: Sequence[str], every: Sequence[str]) -> str:
    return f"all {len(every)}" if len(found) == len(every) > 1 else ", ".join(found)


def _aside(chosen: Sequence[Place], every: Sequence[Place]) -> str:
    points = {(place.kserve, place.protocol) for place in chosen}
    around = [place for place in every if (place.kserve, place.protocol) in points]
    told = [
        f"{axis} {', '.join(found)}"
        for axis in _ASIDE
        if (found := _points(chosen, axis)) != _points(around, axis)
    ]
    return f" ({'; '.join(told)})" if told else ""


def _points(places: Iterable[Place], axis: str) -> list[str]:
    return list(dict.fromkeys(getattr(place, axis) for place in places))
