"""What the rules ask of a tensor's elements, gathered from them part by part.

A tensor of millions of elements is judged by this: how its lists are nested, which types its
elements have, and the least and the greatest of its numbers.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Sequence
from typing import Any

from wrapper.openinference import datatypes, tensors


@dataclasses.dataclass
class Level:
    """The lists of one level of nesting, the data itself being the first.

    Attributes:
        shortest: elements of the shortest of them, None as long as none has ended.
        longest: elements of the longest.
        holds_lists: whether one has a list among its elements.
        holds_others: whether one has an element that is no list.
    """

    shortest: int | None = None
    longest: int = -1
    holds_lists: bool = False
    holds_others: bool = False

    def ended(self, lengths: Sequence[int]) -> None:
        """Take the lengths of lists that have ended."""
        if lengths:
            least = min(lengths)
            self.shortest = least if self.shortest is None else min(self.shortest, least)
            self.longest = max(self.longest, max(lengths))


class Seen:
    """What is known of a tensor's data so far.

    Attributes:
        levels: how its lists are nested.
        firsts: of each type among the elements that are no lists the first, in their order.
        extremes: the least and the greatest number but for NaN and infinities; nothing where none
            is there, or where not all elements are numbers.
        count: the elements that are no lists.
        beyond_json: whether a number is NaN or infinite.
    """

    def __init__(self) -> None:
        self.levels: list[Level] = []
        self.firsts: dict[type, Any] = {}
        self.extremes: tuple[Any, ...] = ()
        self.count = 0
        self.beyond_json = False
        # Elements so far of the lists that go on, the outermost first.
        self._open: list[int] = []

    def take(self, value: list[Any], continued: int = 0, goes_on: int = 0) -> None:
        """Take a part of the data, as `json_pieces.Fragment` has them."""
        lists = [value]
        still_open: list[int] = []
        depth = 0
        while lists:
            lengths = list(map(len, lists))
            if depth < continued:
                # But in the innermost, the first element is the list that was counted before.
                lengths[0] += self._open[depth] - (depth + 1 < continued)
            if depth < goes_on:
                still_open.append(lengths.pop())
            if depth == len(self.levels):
                self.levels.append(Level())
            self.levels[depth].ended(lengths)
            elements = lists[0] if len(lists) == 1 else list(itertools.chain.from_iterable(lists))
            lists = self._look_at(elements, self.levels[depth])
            depth += 1
        self._open = still_open

    def take_flat(self, elements: Sequence[Any]) -> None:
        """Take elements of a list that isn't nested, the only one there is."""
        if not self.levels:
            self.levels.append(Level())
        self._look_at(elements, self.levels[0])

    def _look_at(self, elements: Sequence[Any], level: Level) -> list[Any]:
        """Look at the elements of a level's lists; give those that are lists."""
        kinds = set(map(type, elements))
        if list not in kinds:
            inner: list[Any] = []
        elif len(kinds) == 1:
            level.holds_lists = True
            return list(elements)
        else:
            level.holds_lists = True
            inner = [each for each in elements if type(each) is list]
            elements = [each for each in elements if type(each) is not list]
            kinds.discard(list)
        if elements:
            level.holds_others = True
            self.count += len(elements)
            self._look_at_others(elements, kinds)
        return inner

    def _look_at_others(self, elements: Sequence[Any], kinds: set[type]) -> None:
        new = kinds - self.firsts.keys()
        if len(new) == 1:
            (kind,) = new
            self.firsts[kind] = next(each for each in elements if type(each) is kind)
        elif new:
            for each in elements:
                self.firsts.setdefault(type(each), each)
        if not self.firsts.keys() <= datatypes.NUMBER:
            self.extremes = ()
        else:
            found = datatypes.extremes(elements)
            if self.extremes and found:
                found = min(self.extremes[0], found[0]), max(self.extremes[1], found[1])
            self.extremes = tuple(found) or self.extremes
            if float in kinds and not self.beyond_json:
                self.beyond_json = tensors.has_numbers_beyond_json(elements)
