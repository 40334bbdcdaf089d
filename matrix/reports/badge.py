"""A badge that says on how many KServe releases a wrapper holds: SVG, and JSON for shields.io."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from kserve_conformance.results import badge
from kserve_conformance.results.badge import AMBER, GREEN, OLIVE, RED, Badge
from kserve_conformance.results.record import Run
from packaging.version import Version

from matrix.planning import axes, ranges
from matrix.reports import findings
from matrix.reports.findings import Finding
from matrix.results import judging

_DASH = "\N{EN DASH}"


def of(runs: Sequence[Run]) -> Badge:
    """Make the badge of runs that are judged together, such as those of both backends.

    It is green where every release did all that is expected, and no run was cut short.
    """
    runs = judging.by_today(runs).runs
    standings = _standings(runs)
    message, color = _said(list(standings.values()), any(run.cut_short for run in runs))
    return Badge(_label(standings), message, color)


def write(runs: Sequence[Run], folder: Path) -> list[Path]:
    """Write ``badge.svg`` and ``badge.json``, and say where they are."""
    return badge.write(of(runs), folder)


class _Standing(enum.IntEnum):
    """What is known of a release, the worst last."""

    HOLDS = 0
    KNOWN = 1
    NOT_JUDGED = 2
    BROKEN = 3


def _standings(runs: Sequence[Run]) -> Mapping[str, _Standing]:
    standings = {cell.kserve: _Standing.HOLDS for cell in findings.planned_cells(runs)}
    for finding in (*findings.of(runs), *findings.known(runs)):
        for cell in finding.cells:
            standings[cell.kserve] = max(standings[cell.kserve], _standing(finding))
    return standings


def _standing(finding: Finding) -> _Standing:
    if not finding.is_about_subject:
        return _Standing.NOT_JUDGED
    return _Standing.KNOWN if finding.known_as else _Standing.BROKEN


def _said(standings: Sequence[_Standing], cut_short: bool) -> tuple[str, str]:
    releases = f"{len(standings)} release{'s' * (len(standings) != 1)}"
    _, known, not_judged, broken = map(standings.count, _Standing)
    if broken:
        return f"{broken} of {releases} broken" + ", cut short" * cut_short, RED
    if cut_short:
        return f"cut short, {len(standings) - not_judged} of {releases} judged", AMBER
    if not_judged:
        return f"{not_judged} of {releases} not judged", AMBER
    if not standings:
        return "nothing was run", AMBER
    if known:
        return f"{known} of {releases} with known failures", OLIVE
    return f"{len(standings)} of {releases}", GREEN


def _label(releases: Iterable[str]) -> str:
    """Name the minor releases; a range only where none in between was left out."""
    run = sorted(releases, key=Version)
    minors = list(dict.fromkeys(_minor(release) for release in run))
    every = sorted({*map(_minor, axes.load().kserve), *minors}, key=Version)
    return f"KServe {ranges.in_words(minors, every, dash=_DASH)}".rstrip()


def _minor(release: str) -> str:
    return ".".join(release.split(".")[:2])
