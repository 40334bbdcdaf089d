"""What says the same, joined: the one place that does so, whatever it is that says it.

A cause is told once, with all the cells and checks that it was in: at the end of a run, by the
gate, on the page, in Markdown, and where two results or two releases are compared.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import Any, Protocol, TypeVar


class Item(Protocol):
    """What is joined, such as a record: of a check, in a place (the cell's id, the runtime)."""

    @property
    def check(self) -> str: ...

    @property
    def place(self) -> tuple[str, str]: ...


T = TypeVar("T")
AnItem = TypeVar("AnItem", bound=Item)


def gathered(items: Iterable[T], words: Callable[[T], Hashable]) -> list[list[T]]:
    """Gather what has the same words, in the order in which it came."""
    groups: dict[Hashable, list[T]] = {}
    for item in items:
        groups.setdefault(words(item), []).append(item)
    return list(groups.values())


def grouped(
    items: Iterable[AnItem],
    words: Callable[[AnItem], Hashable],
    order: Mapping[str, int],
    weight: Callable[[Sequence[AnItem]], tuple[Any, ...]],
    *,
    checks_apart: bool = False,
) -> list[list[AnItem]]:
    """Join items of the same words over their cells, then checks of the same cells; order them.

    Args:
        words: what must be the same: what an item came to, and how that was said.
        order: the place of each check. What is basic goes before what builds on it, in a group and
            among groups of the same weight, of which those of many cells go first.
        weight: what groups are ordered by before that.
        checks_apart: whether each check is a group of its own.
    """

    def place(group: Sequence[AnItem]) -> int:
        return order.get(group[0].check, len(order))

    groups = gathered(items, lambda item: (words(item), item.check))
    groups.sort(key=place)
    if not checks_apart:
        alike = gathered(groups, lambda group: (words(group[0]), frozenset(places(group))))
        groups = [[item for group in joined for item in group] for joined in alike]
    return sorted(groups, key=lambda group: (*weight(group), place(group), -len(places(group))))


def places(group: Iterable[Item]) -> dict[tuple[str, str], None]:
    """List the cells of a group, each once."""
    return dict.fromkeys(item.place for item in group)


def checks(group: Iterable[Item]) -> tuple[str, ...]:
    """List the checks of a group, each once."""
    return tuple(dict.fromkeys(item.check for item in group))
