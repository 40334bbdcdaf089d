"""Points of an axis told briefly: those that follow one another as a range."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Sequence

# Two that follow one another are no shorter as a range.
_SHORTEST = 3


def in_words(chosen: Iterable[str], order: Sequence[str], dash: str = "-") -> str:
    """Name points of an axis, such as ``0.8.0, 0.11.2-0.13.1``.

    Args:
        chosen: the points, in any order.
        order: all points that a range may stretch over, in the axis' order.
    """
    wanted = dict.fromkeys(chosen)
    strangers = [point for point in wanted if point not in order]
    return ", ".join([*(_range(each, dash) for each in _stretches(wanted, order)), *strangers])


def _stretches(wanted: Container[str], order: Sequence[str]) -> Iterator[list[str]]:
    stretch: list[str] = []
    for point in order:
        if point in wanted:
            stretch.append(point)
        elif stretch:
            yield stretch
            stretch = []
    if stretch:
        yield stretch


def _range(stretch: Sequence[str], dash: str) -> str:
    if len(stretch) < _SHORTEST:
        return ", ".join(stretch)
    return f"{stretch[0]}{dash}{stretch[-1]}"
