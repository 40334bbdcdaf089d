"""A badge: words on two grounds, as SVG, and as JSON for shields.io."""

from __future__ import annotations

import json
import string
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape

from kserve_conformance.results import whole_file

FILES = SVG, ENDPOINT = "badge.svg", "badge.json"

_TEMPLATE = Path(__file__).with_name("badge.svg.template")
_QUOTES = {'"': "&quot;"}

# White text keeps a contrast of 4.5 to 1 (WCAG 2.2, 1.4.3) on each of them.
_LABEL_COLOR = "#444c56"
GREEN, OLIVE, AMBER, RED = "#2f7d32", "#6b6b00", "#a85300", "#c62828"

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
        """Tell whether all is well."""
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


def write(badge: Badge, folder: Path) -> list[Path]:
    """Write ``badge.svg`` and ``badge.json``, and say where they are."""
    svg, endpoint = folder / SVG, folder / ENDPOINT
    told = {svg: badge.svg(), endpoint: json.dumps(badge.endpoint(), indent=2) + "\n"}
    for path, text in told.items():
        with whole_file.replacing(path) as unfinished:
            unfinished.write_text(text, encoding="utf-8")
    return [svg, endpoint]


def _width(text: str) -> int:
    return round(sum(_WIDTHS.get(character, _USUAL) for character in text))
