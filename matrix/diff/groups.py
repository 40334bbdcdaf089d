"""Checks that went the same way between two results, told in a few lines."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from kserve_conformance.text import gfm

from matrix.diff.comparison import Change, Group
from matrix.planning.counted import many, some
from matrix.planning.expectations import Expectations
from matrix.results import cells_in_words, steady_text
from matrix.results.attempts import Attempts

ARROW = "\N{RIGHTWARDS ARROW}"
_MOST_CHECKS = 6
_LONGEST = 320
# What needs both sides told, since it is the words that differ.
_BOTH_TOLD = frozenset({Change.WORDS, Change.STILL_FAILING, Change.ENVIRONMENT})
# What is over, so that only what it was can be told.
_OF_THE_PAST = frozenset({Change.FIXED, Change.GONE})
# Details in the words of checks, where every sign counts.
_QUOTED = frozenset({"was", "now", "answered"})


@dataclass(frozen=True)
class Teller:
    """Tells of groups, and in which of all cells that are compared they are."""

    every_cell: Sequence[Mapping[str, str]]
    expected: Expectations

    def where(self, group: Group) -> str:
        """Say in which cells something is so."""
        return (
            f"{cells_in_words.of(group.cells, self.every_cell)} ({many(len(group.cells), 'cell')})"
        )

    def text(self, group: Group) -> Iterator[str]:
        """Give lines for a terminal."""
        yield f"{group.first.change.value}: {_title(group)}"
        yield f"    where: {self.where(group)}"
        yield from (f"    {name}: {words}" for name, words in self._details(group))

    def markdown(self, group: Group) -> Iterator[str]:
        """Give lines of a list in GitHub-flavoured Markdown."""
        yield f"- **{gfm.text(_title(group))}**: {gfm.text(self.where(group))}"
        for name, words in self._details(group):
            yield f"  - {name}: {gfm.code(words) if name in _QUOTED else gfm.text(words)}"

    def _details(self, group: Group) -> Iterator[tuple[str, str]]:
        statement = self.expected.statement_of(group.checks[0])
        if group.first.change is Change.REGRESSED and statement:
            yield "must", statement
        rates = group.attempts()
        if rates is not None:
            yield "attempts as they should be", f"{rates[0]} {ARROW} {rates[1]}"
        yield from _words(group)


def _title(group: Group) -> str:
    aside = "" if group.first.is_binding else " (not held against the wrapper)"
    return f"{some(group.checks, _MOST_CHECKS)}: {group.in_words}{aside}"


def _words(group: Group) -> Iterator[tuple[str, str]]:
    old, new, change = group.first.old, group.first.new, group.first.change
    if change in _BOTH_TOLD and old and new:
        if not old.says_the_same(new):
            yield from _said("was", old, with_seen=True)
        yield from _said("now", new, with_seen=True)
    elif change in _OF_THE_PAST:
        yield from _said("was", old)
    else:
        yield from _said("now", new)
    if new is not None and (answer := steady_text.answer(new.spokesman)):
        yield "answered", steady_text.first_line(answer, _LONGEST)


def _said(name: str, side: Attempts | None, with_seen: bool = False) -> Iterator[tuple[str, str]]:
    if side is None:
        return
    record = side.spokesman
    if record.message:
        yield name, steady_text.cause(record.message, _LONGEST)
    elif with_seen and record.observed is not None:
        # A check that passed says nothing but what it saw.
        yield (
            name,
            steady_text.first_line(json.dumps(record.observed, ensure_ascii=False), _LONGEST),
        )
