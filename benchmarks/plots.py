"""Plots as SVG, of standard library alone: points and lines, or bars, over axes from zero on."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape, quoteattr

_WIDTH, _HEIGHT = 720, 400
_LEFT, _RIGHT, _TOP, _BOTTOM = 80, 40, 60, 60
_INK, _GRID = "#1d2b36", "#d5dde3"
_COLOURS = (
    "#1f6f8b", "#b5542a", "#7a9a3c", "#8a6d9e", "#c9a227", "#7d8a94",
)  # fmt: skip
_MOST_TICKS = 6


@dataclass(frozen=True)
class Series:
    """Points with a line through them.

    Attributes:
        points: as (x, y), by x; neither is below zero.
        made_up: whether they were not measured as they are: their points are hollow.
    """

    name: str
    points: Sequence[tuple[float, float]]
    made_up: bool = False


@dataclass(frozen=True)
class Plot:
    """Series over the same axes, whose names tell their units."""

    title: str
    x: str
    y: str
    series: Sequence[Series]

    def svg(self) -> str:
        """Give the image.

        Raises:
            ValueError: when there is nothing to show.
        """
        points = [point for series in self.series for point in series.points]
        if not points:
            raise ValueError(f"{self.title}: there are no points")
        x_ticks, y_ticks = (ticks(max(point[axis] for point in points)) for axis in (0, 1))
        scale = _Scale(x_ticks[-1], y_ticks[-1])
        lines = [
            *_begun(self.title),
            *_grid(scale, x_ticks, y_ticks),
            _text((_LEFT + _WIDTH - _RIGHT) / 2, _HEIGHT - 14, self.x, "middle"),
            _text(_LEFT, _TOP - 14, self.y),
        ]
        for index, series in enumerate(self.series):
            lines += _drawn(series, scale, _COLOURS[index % len(_COLOURS)])
            if len(self.series) > 1:
                colour = _COLOURS[index % len(_COLOURS)]
                lines.append(_text(_LEFT + 10, _TOP + 18 * (index + 1), series.name, fill=colour))
        return "\n".join([*lines, "</svg>"]) + "\n"


@dataclass(frozen=True)
class Bars:
    """Groups of bars, one for each name that the group has, with their values written above.

    Attributes:
        y: the values' name, with their unit.
        groups: by the group's name, values by theirs; none is below zero.
        most: where bars are cut that are longer, so that short ones are seen beside them.
        limit: where a dashed line is drawn.
    """

    title: str
    y: str
    groups: Mapping[str, Mapping[str, float]]
    most: float | None = None
    limit: float | None = None

    def svg(self) -> str:
        """Give the image.

        Raises:
            ValueError: when there is nothing to show.
        """
        values = [value for group in self.groups.values() for value in group.values()]
        if not values:
            raise ValueError(f"{self.title}: there are no bars")
        y_ticks = ticks(min(max(*values, self.limit or 0), self.most or math.inf))
        names = list(dict.fromkeys(name for group in self.groups.values() for name in group))
        scale = _Scale(len(self.groups), y_ticks[-1])
        lines = [*_begun(self.title), *_grid(scale, (), y_ticks), *self._legend(names)]
        for place, (group, told) in enumerate(self.groups.items()):
            left, right = scale.x(place + 0.08), scale.x(place + 0.92)
            lines.append(_text((left + right) / 2, _HEIGHT - _BOTTOM + 18, group, "middle"))
            width = round((right - left) / len(names), 1)
            for index, (name, colour) in enumerate(zip(names, _COLOURS, strict=False)):
                if name in told:
                    x = round(left + index * width, 1)
                    lines += self._bar(scale, x, width, told[name], colour)
        if self.limit is not None:
            y = scale.y(self.limit)
            lines.append(
                f'<line x1="{_LEFT}" y1="{y}" x2="{_WIDTH - _RIGHT}" y2="{y}" stroke="{_INK}" '
                'stroke-dasharray="5 4"/>'
            )
        return "\n".join([*lines, "</svg>"]) + "\n"

    def _legend(self, names: Sequence[str]) -> Iterator[str]:
        yield _text(_LEFT, _TOP - 18, self.y)
        letters, x = sum(len(name) + 4 for name in names), float(_LEFT)
        for name, colour in zip(names, _COLOURS, strict=False):
            yield _text(round(x, 1), _HEIGHT - 14, f"■ {name}", fill=colour)
            x += (len(name) + 4) / letters * (_WIDTH - _LEFT)

    def _bar(
        self, scale: _Scale, x: float, width: float, value: float, colour: str
    ) -> Iterator[str]:
        y = scale.y(min(value, scale.y_end))
        height = round(_HEIGHT - _BOTTOM - y, 1)
        yield f'<rect x="{x}" y="{y}" width="{width}" height="{height}" fill="{colour}"/>'
        told = f"{value:.0f}" if value >= 10 else f"{value:.2f}"
        yield _text(x + width / 2, y - 3, told, "middle", size=9)


@dataclass(frozen=True)
class _Scale:
    """Where values are in the image, up to the largest of each axis."""

    x_end: float
    y_end: float

    def x(self, value: float) -> float:
        return round(_LEFT + value / self.x_end * (_WIDTH - _LEFT - _RIGHT), 1)

    def y(self, value: float) -> float:
        return round(_HEIGHT - _BOTTOM - value / self.y_end * (_HEIGHT - _TOP - _BOTTOM), 1)


def ticks(largest: float) -> list[float]:
    """Give round values from zero on, evenly spaced, the last of them not below the largest."""
    if largest <= 0:
        return [0.0, 1.0]
    rough = largest / (_MOST_TICKS - 1)
    unit = 10.0 ** math.floor(math.log10(rough))
    step = next(unit * each for each in (1, 2, 5, 10) if unit * each >= rough * (1 - 1e-9))
    return [round(step * each, 9) for each in range(math.ceil(largest / step - 1e-9) + 1)]


def _begun(title: str) -> Iterator[str]:
    yield f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}"'
    yield f'     role="img" aria-label={quoteattr(title)}'
    yield '     font-family="sans-serif" font-size="13">'
    yield f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#ffffff"/>'
    yield _text(_LEFT, 24, title, weight="bold")


def _grid(scale: _Scale, x_ticks: Sequence[float], y_ticks: Sequence[float]) -> Iterator[str]:
    yield f'<g stroke="{_GRID}">'
    for value in y_ticks:
        y = scale.y(value)
        yield f'<line x1="{_LEFT}" y1="{y}" x2="{_WIDTH - _RIGHT}" y2="{y}"/>'
    yield "</g>"
    for value in y_ticks:
        yield _text(_LEFT - 8, scale.y(value) + 4, f"{value:,g}", "end")
    for value in x_ticks:
        yield _text(scale.x(value), _HEIGHT - _BOTTOM + 18, f"{value:,g}", "middle")


def _drawn(series: Series, scale: _Scale, colour: str) -> Iterator[str]:
    places = [(scale.x(x), scale.y(y)) for x, y in series.points]
    line = " ".join(f"{x},{y}" for x, y in places)
    dashes = ' stroke-dasharray="5 4"' if series.made_up else ""
    yield f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"{dashes}/>'
    fill = "#ffffff" if series.made_up else colour
    for x, y in places:
        yield f'<circle cx="{x}" cy="{y}" r="4" fill="{fill}" stroke="{colour}" stroke-width="2"/>'


def _text(
    x: float,
    y: float,
    text: str,
    anchor: str = "start",
    weight: str = "normal",
    fill: str = _INK,
    size: int | None = None,
) -> str:
    sized = "" if size is None else f' font-size="{size}"'
    return (
        f'<text x="{x}" y="{y}" text-anchor="{anchor}" font-weight="{weight}" fill="{fill}"{sized}>'
        f"{escape(text)}</text>"
    )
