"""What the page says without its script: the decision, the grid, the findings, and so on."""

from __future__ import annotations

import datetime
import itertools
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from kserve_conformance.results.record import Run

from matrix.planning.policy import Policy
from matrix.reports import (
    badge,
    findings,
    flaky,
    grid,
    known_entries,
    original_bug,
    surroundings,
    timings,
)
from matrix.reports.badge import Badge
from matrix.reports.findings import Finding, Findings
from matrix.reports.flaky import Wavering
from matrix.reports.grid import Grid
from matrix.reports.known_entries import Listed
from matrix.reports.original_bug import Trace
from matrix.reports.page import links
from matrix.reports.timings import Spent
from matrix.results import cells_in_words

# The values that the original bug is about; others are shown where its words were said.
_BUG_PROTOCOLS = ("unset", "v1")


@dataclass(frozen=True)
class Figure:
    """A number at the head of the page; ``link`` shows what it counts."""

    name: str
    value: str
    note: str = ""
    tone: str = ""
    link: str = ""


@dataclass(frozen=True)
class Told:
    """A finding with its number, where it was, and links to an example and to all of it."""

    number: int
    finding: Finding
    where: str
    example: str
    all: str


@dataclass(frozen=True)
class Footprint:
    """On which points words of the original bug were said."""

    traces: Sequence[Trace]
    releases: Sequence[str]
    protocols: Sequence[str]
    said: Mapping[tuple[str, str], Sequence[str]]
    run: frozenset[tuple[str, str]]


@dataclass(frozen=True)
class Page:
    """All that the template shows."""

    names: str
    badge: Badge
    runs: Sequence[Run]
    figures: Sequence[Figure]
    grid: Grid
    all_expected: str
    unexpected: Sequence[Told]
    known: Sequence[Told]
    not_offered: Sequence[Told]
    footprint: Footprint
    by_release: Sequence[Spent]
    by_check: Sequence[Spent]
    refusals: Sequence[Spent]
    listed: Sequence[Listed]
    attempts: int
    wavering: Sequence[Wavering]
    surroundings: Sequence[Mapping[str, Sequence[str]]]


def of(runs: Sequence[Run], policy: Policy, found: Findings, today: datetime.date) -> Page:
    """Collect what the page says of runs that are judged together, and of all their findings."""
    laid_out = grid.of(runs)
    told = _told(found, runs)
    return Page(
        names=", ".join(dict.fromkeys(run.header.wrapper["name"] or "a wrapper" for run in runs)),
        badge=badge.of(runs),
        runs=runs,
        figures=_figures(runs, found),
        grid=laid_out,
        all_expected=found.all_expected,
        unexpected=list(itertools.islice(told, len(found.unexpected))),
        known=list(itertools.islice(told, len(found.known))),
        not_offered=list(told),
        footprint=_footprint(runs, laid_out),
        by_release=timings.by_release(runs),
        by_check=timings.by_check(runs),
        refusals=_refusals(runs, laid_out.releases),
        listed=known_entries.of(runs, policy, today),
        attempts=max(run.header.repeat for run in runs),
        wavering=flaky.wavering(runs, policy.confidence),
        surroundings=[{"run": [run.header.run], **surroundings.of(run.header)} for run in runs],
    )


def _figures(runs: Sequence[Run], found: Findings) -> list[Figure]:
    unexpected, known, not_offered = map(
        findings.counts, (found.unexpected, found.known, found.not_offered)
    )
    planned = sum(run.header.planned_checks for run in runs)
    ran = planned - unexpected[findings.MISSING]
    cells = sum(len(run.header.planned) for run in runs)
    complete = sum(len(run.complete_cells()) for run in runs)
    return [
        Figure(
            "not as expected",
            f"{unexpected.total():,}",
            ", ".join(f"{count:,} {verdict}" for verdict, count in unexpected.items()),
            "bad" if unexpected else "good",
            links.to("results", outcome="unexpected"),
        ),
        Figure(
            "known failures",
            f"{known.total():,}",
            tone="known" if known else "",
            link=links.to("results", outcome="known"),
        ),
        Figure(
            "checks made",
            f"{ran:,}",
            "all that were planned" if ran == planned else f"of {planned:,} planned",
            "" if ran == planned else "bad",
            links.to("results"),
        ),
        Figure(
            "cells complete",
            f"{complete:,}",
            "all that were planned" if complete == cells else f"of {cells:,} planned",
            "" if complete == cells else "bad",
        ),
        Figure(
            "not offered",
            f"{not_offered.total():,}",
            "said to be unsupported, as expected",
            link=links.to("results", verdict="unsupported", outcome="expected"),
        ),
    ]


def _told(found: Iterable[Finding], runs: Sequence[Run]) -> Iterator[Told]:
    every = findings.planned_cells(runs)
    for number, each in enumerate(found, start=1):
        runtime, cell, check, attempt = each.keys[0]
        yield Told(
            number=number,
            finding=each,
            where=cells_in_words.of_cells(each.cells, every),
            example=links.to(
                "overview",
                cell=links.cell(cell, runtime),
                at=check,
                attempt=str(attempt) if attempt > 1 else "",
            ),
            all=links.to("results", finding=str(number)),
        )


def _footprint(runs: Sequence[Run], laid_out: Grid) -> Footprint:
    said: dict[tuple[str, str], list[str]] = defaultdict(list)
    traces = original_bug.of(runs)
    for trace in traces:
        for protocol, releases in trace.releases.items():
            for release in releases:
                said[release, protocol].append(trace.words)
    heard = {protocol for _, protocol in said}
    return Footprint(
        traces=traces,
        releases=laid_out.releases,
        protocols=[each for each in laid_out.protocols if each in _BUG_PROTOCOLS or each in heard],
        said=said,
        run=frozenset(laid_out.points),
    )


def _refusals(runs: Sequence[Run], releases: Iterable[str]) -> list[Spent]:
    found = []
    for release in releases:
        seconds = timings.refusals(
            each for run in runs for each in run.records if each.axes["kserve"] == release
        )
        if seconds:
            found.append(timings.spent(release, seconds))
    return found
