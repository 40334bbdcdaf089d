"""Cells told briefly: ``KServe 0.10.2-0.13.1 (4 releases) with PROTOCOL_VERSION unset``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from packaging.version import Version

from matrix.planning import ranges
from matrix.planning.axis_table import BY_NAME, RELEASE_AXES
from matrix.planning.cells import Cell
from matrix.results import grouping

Point = Mapping[str, str]
# The words for some cells, by axis.
_Piece = dict[str, str]
# All points of an axis, in the order in which they are told.
_Orders = Mapping[str, Sequence[str]]

EVERYWHERE = "everywhere"
# So many pieces are told; what has more has no shape that words could give.
_MOST_PIECES = 4


def of(cells: Iterable[Point], among: Iterable[Point]) -> str:
    """Say which cells of some they are, naming only the axes that tell them apart.

    It is exact, unless it ends in how many more there are: the words stand for these cells and for
    no others of ``among``.

    Args:
        cells: their axes; what is not in ``among`` counts as if it were.
        among: the axes of all cells that there are.
    """
    chosen, every = _distinct(cells), _distinct(among)
    every = _distinct([*every, *chosen])
    if not chosen:
        return "nowhere"
    if len(chosen) == len(every):
        return EVERYWHERE
    axes = list(every[0])
    orders = {axis: _in_order(every, axis) for axis in axes}
    # The axis that tells them apart best goes first: the one with which the words are fewest.
    starts = ([axis, *(other for other in axes if other != axis)] for axis in axes)
    return min((_told(_pieces(chosen, every, start, orders), axes) for start in starts), key=len)


def of_cells(cells: Iterable[Cell], among: Iterable[Cell]) -> str:
    """Say which cells they are, as `of` does."""
    return of((cell.axes() for cell in cells), (cell.axes() for cell in among))


def _told(pieces: Sequence[_Piece], axes: Sequence[str]) -> str:
    hidden = len(pieces) - _MOST_PIECES
    more = [f"and {hidden} more"] if hidden > 0 else []
    return "; ".join([*(_sentence(each, axes) for each in pieces[:_MOST_PIECES]), *more])


def _sentence(piece: _Piece, axes: Sequence[str]) -> str:
    first, *others = (piece[axis] for axis in axes if axis in piece)
    return f"{first} with {' and '.join(others)}" if others else first


def _pieces(
    chosen: Sequence[Point], every: Sequence[Point], axes: Sequence[str], orders: _Orders
) -> list[_Piece]:
    """Give the words for cells by axis, for each part of them that the same words stand for.

    An axis all of whose points are meant isn't named.
    """
    if len(chosen) == len(every):
        return [{}]
    axis, *rest = axes
    order = _points(every, axis, orders)
    parts = [
        (point, _pieces(_at(chosen, axis, point), _at(every, axis, point), rest, orders))
        for point in _points(chosen, axis, orders)
    ]
    return [
        {**_named(axis, [point for point, _ in alike], order), **piece}
        for alike in grouping.gathered(parts, lambda part: repr(part[1]))
        for piece in alike[0][1]
    ]


def _named(axis: str, points: Sequence[str], order: Sequence[str]) -> _Piece:
    """Name points of an axis, unless they are all that there are."""
    if len(points) == len(order):
        return {}
    told = ranges.in_words(points, order) if axis in RELEASE_AXES else ", ".join(points)
    is_range = told != ", ".join(points)
    many = f" ({len(points)} releases)" if is_range else ""
    # Cells of a server judged at its address have axes of their own.
    title = BY_NAME[axis].title if axis in BY_NAME else axis
    return {axis: f"{title} {told}{many}"}


def _at(cells: Iterable[Point], axis: str, point: str) -> list[Point]:
    return [cell for cell in cells if cell[axis] == point]


def _points(cells: Iterable[Point], axis: str, orders: _Orders) -> list[str]:
    found = {cell[axis] for cell in cells}
    return [point for point in orders[axis] if point in found]


def _in_order(cells: Iterable[Point], axis: str) -> list[str]:
    found = list(dict.fromkeys(cell[axis] for cell in cells))
    return sorted(found, key=Version) if axis in RELEASE_AXES else found


def _distinct(cells: Iterable[Point]) -> list[Point]:
    return list({tuple(sorted(cell.items())): cell for cell in cells}.values())
