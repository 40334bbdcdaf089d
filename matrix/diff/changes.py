"""A comparison of two results told: as text, as Markdown and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

from kserve_conformance.results.results_file import Given
from kserve_conformance.text import gfm

from matrix.diff import run_differences
from matrix.diff.comparison import Change, Comparison, Group
from matrix.diff.groups import ARROW, Teller
from matrix.diff.run_differences import RunDifference
from matrix.planning.counted import many
from matrix.planning.expectations import Expectations
from matrix.results import cells_in_words
from matrix.results.attempts import Attempts

SCHEMA_VERSION = 1
_MOST_GROUPS = {Change.REGRESSED: 25}
_MOST_GROUPS_OF_OTHERS = 8


@dataclass(frozen=True)
class Compared:
    """Two results, and what they come to beside one another."""

    old: Given
    new: Given
    comparison: Comparison
    expected: Expectations

    @cached_property
    def groups(self) -> list[Group]:
        """List what changed, what matters most first."""
        return self.comparison.groups(self.expected.order())

    @cached_property
    def differences(self) -> list[RunDifference]:
        """List what the two runs stood on and don't have in common."""
        return run_differences.differences(self.old.run, self.new.run)

    @cached_property
    def teller(self) -> Teller:
        """Give what tells of the groups."""
        every = {tuple(pair.axes.items()): pair.axes for pair in self.comparison.pairs}
        return Teller(list(every.values()), self.expected)


def headline(compared: Compared) -> str:
    """Say in one line what came of it."""
    comparison = compared.comparison
    regressions = comparison.regressions()
    lost = comparison.lost()
    lacking = f"{many(len(lost), 'check')} that OLD judged {'is' if len(lost) == 1 else 'are'} not"
    if regressions:
        cells = len({(pair.cell, pair.axes.get("runtime")) for pair in regressions})
        more = f"; {lacking} judged in NEW" if lost else ""
        return f"regressed: {many(len(regressions), 'check')} in {many(cells, 'cell')}{more}"
    if compared.new.run.cut_short:
        return f"not known: NEW was cut short: {compared.new.run.sentence()}"
    if lost:
        return f"not known: {lacking} judged in NEW"
    if comparison.is_incomplete:
        missing = len(compared.new.run.missing())
        return f"not known: {many(missing, 'planned check')} of NEW lack an attempt"
    if any(pair.change not in _UNMOVED for pair in comparison.pairs):
        return "nothing regressed"
    if compared.differences:
        return "nothing changed; its environment is another one"
    # Such as where a file is compared with itself, most often by mistake.
    is_same_run = compared.old.run.header.run == compared.new.run.header.run
    return "nothing changed: OLD and NEW are the same run" if is_same_run else "nothing changed"


_UNMOVED = frozenset({Change.SAME, Change.STILL_FAILING})


def text(compared: Compared, every_group: bool = False) -> Iterator[str]:
    """Tell it line by line for a terminal.

    Args:
        every_group: whether to tell all of it, however much it is.
    """
    yield headline(compared)
    yield f"OLD: {_described(compared.old)}"
    yield f"NEW: {_described(compared.new)}"
    for each in compared.differences:
        yield f"{_kind(each)}: {each.what}: {each.old} {ARROW} {each.new}"
    counts = compared.comparison.counts().items()
    yield ", ".join(f"{count} {change.value}" for change, count in counts)
    for change, shown, hidden in _chosen(compared.groups, every_group):
        for group in shown:
            yield from compared.teller.text(group)
        if hidden:
            yield f"... and {hidden} more of what is {change.value}: --all tells them"


def markdown(compared: Compared, every_group: bool = False) -> Iterator[str]:
    """Tell it line by line as GitHub-flavoured Markdown; see `text`."""
    yield f"## {gfm.text(headline(compared))}"
    yield ""
    yield f"- OLD: {gfm.text(_described(compared.old))}"
    yield f"- NEW: {gfm.text(_described(compared.new))}"
    for each in compared.differences:
        was, now = gfm.code(each.old), gfm.code(each.new)
        yield f"- {_kind(each)}: {gfm.text(each.what)}: {was} {ARROW} {now}"
    yield ""
    counts = compared.comparison.counts()
    yield from gfm.table(
        [change.value for change in counts],
        [[str(count) for count in counts.values()]],
        "r" * len(counts),
    )
    for change, shown, hidden in _chosen(compared.groups, every_group):
        yield from ("", f"### {change.value.capitalize()}", "")
        for group in shown:
            yield from compared.teller.markdown(group)
        if hidden:
            yield f"- ... and {hidden} more"


def document(compared: Compared) -> dict[str, Any]:
    """Tell all of it as data, in the form of changes.schema.json."""
    counts = compared.comparison.counts()
    return {
        "schema": SCHEMA_VERSION,
        "headline": headline(compared),
        "exit_code": compared.comparison.exit_code(),
        "old": _side_document(compared.old),
        "new": _side_document(compared.new),
        "counts": {change.value: count for change, count in counts.items()},
        "circumstances": [asdict(each) for each in compared.differences],
        "groups": [_group_document(group, compared) for group in compared.groups],
    }


def _chosen(
    groups: Sequence[Group], every_group: bool
) -> Iterator[tuple[Change, Sequence[Group], int]]:
    for change in Change:
        alike = [group for group in groups if group.first.change is change]
        most = len(alike) if every_group else _MOST_GROUPS.get(change, _MOST_GROUPS_OF_OTHERS)
        if alike:
            yield change, alike[:most], max(0, len(alike) - most)


def _described(given: Given) -> str:
    header = given.run.header
    on = f" on {header.runtime}" if header.runtime else ""
    return f"{given.path}: {header.wrapper['name']}{on}: {given.run.sentence()}"


def _kind(difference: RunDifference) -> str:
    return "differs" if difference.of_subject else "environment"


def _side_document(given: Given) -> dict[str, Any]:
    header = given.run.header
    return {
        "file": str(given.path),
        "run": header.run,
        "started": header.started,
        "wrapper": header.wrapper["name"],
        "runtime": header.runtime,
        "cut_short": given.run.cut_short,
    }


def _group_document(group: Group, compared: Compared) -> dict[str, Any]:
    return {
        "change": group.first.change.value,
        "binding": group.first.is_binding,
        "checks": list(group.checks),
        "where": cells_in_words.of(group.cells, compared.teller.every_cell),
        "cells": list(dict.fromkeys(pair.cell for pair in group.pairs)),
        "old": _outcome_document(group.first.old),
        "new": _outcome_document(group.first.new),
        "attempts": group.attempts(),
    }


def _outcome_document(side: Attempts | None) -> dict[str, Any] | None:
    if side is None:
        return None
    record = side.spokesman
    return {"outcome": str(side), "message": record.message, "observed": record.observed}
