"""A badge that says on how many KServe releases a wrapper holds: SVG, and JSON for shields.io."""

from __future__ import annotations

import enum
import json
import string
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape

from kserve_conformance.results import whole_file
from kserve_conformance.results.record import Run
from packaging.version import Version

from matrix.planning import axes, ranges
from matrix.reports import findings
from matrix.reports.findings import Finding
from matrix.results import judging

_TEMPLATE = Path(__file__).with_name("badge.svg.template")
_QUOTES = {'"': "&quot;"}

# White text keeps a contrast of 4.5 to 1 (WCAG 2.2, 1.4.3) on each of them.
_LABEL_COLOR = "#444c56"
GREEN, OLIVE, AMBER, RED = "#2f7d32", "#6b6b00", "#a85300", "#c62828"

_DASH = "\N{EN DASH}"
_PADDING = 6
# Widths in Verdana at 11 pixels, near enough: the text is fitted to what is reckoned here.
_NARROW, _SLIM, _USUAL, _ROUND, _WIDE = 4.0, 4.8, 6.4, 7.1, 10.0
_WIDTHS = {
    **dict.fromkeys(" .,:;'|!ijlI", _NARROW),
    **dict.fromkeys("frt-()/", _SLIM),
    **dict.fromkeys("0123456789ABCDEFGHKNOPQRSTUVXYZ", _ROUND),
    **dict.fromkeys("mwMW%", _WIDE),
}


@dataclass(frozen=True)
class Badge:
    """What a badge says, on its left and on its right."""

    label: str
    message: str
    color: str

    @property
    def is_green(self) -> bool:
        """Tell whether every release did all that is expected of it."""
        return self.color == GREEN

    def endpoint(self) -> dict[str, object]:
        """Give it in the schema of shields.io's endpoint badge.

        One that isn't green is an error there, so that no address of a badge can paint it green.
        """
        return {
            "schemaVersion": 1,
            "label": self.label,
            "message": self.message,
            "color": self.color,
            "labelColor": _LABEL_COLOR,
            "isError": not self.is_green,
        }

    def svg(self) -> str:
        """Give it as an image that says in words what it shows."""
        label, message = _width(self.label), _width(self.message)
        left, right = label + 2 * _PADDING, message + 2 * _PADDING
        return string.Template(_TEMPLATE.read_text(encoding="utf-8")).substitute(
            width=left + right,
            title=escape(f"{self.label}: {self.message}", _QUOTES),
            left=left,
            # Rounded corners take 3 pixels of either end.
            straight_left=left - 3,
            straight_right=right - 3,
            label=escape(self.label),
            label_x=_PADDING,
            label_length=label,
            label_color=_LABEL_COLOR,
            message=escape(self.message),
            message_x=left + _PADDING,
            message_length=message,
            color=self.color,
        )


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
    badge = of(runs)
    svg, endpoint = folder / "badge.svg", folder / "badge.json"
    told = {svg: badge.svg(), endpoint: json.dumps(badge.endpoint(), indent=2) + "\n"}
    for path, text in told.items():
        with whole_file.replacing(path) as unfinished:
            unfinished.write_text(text, encoding="utf-8")
    return [svg, endpoint]


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


def _width(text: str) -> int:
    return round(sum(_WIDTHS.get(character, _USUAL) for character in text))
