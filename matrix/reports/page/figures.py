"""The numbers at the head of the page."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from matrix.reports import findings
from matrix.reports.contents import Contents
from matrix.reports.page import links


@dataclass(frozen=True)
class Figure:
    """A number at the head of the page; ``link`` shows what it counts."""

    name: str
    value: int
    note: str = ""
    tone: str = ""
    link: str = ""


def of(contents: Contents) -> Iterator[Figure]:
    """Count what the runs came to, and how much of what was planned was done."""
    found, runs = contents.found, contents.runs
    unexpected = findings.counts(found.unexpected)
    yield Figure(
        "not as expected",
        unexpected.total(),
        ", ".join(f"{count:,} {verdict}" for verdict, count in unexpected.items()),
        "bad" if unexpected else "good",
        links.to("results", outcome="unexpected"),
    )
    known = findings.counts(found.known).total()
    link = links.to("results", outcome="known")
    yield Figure("known failures", known, tone="known" if known else "", link=link)
    planned = sum(run.header.planned_checks for run in runs)
    ran = planned - unexpected[findings.MISSING]
    yield _share("checks made", ran, planned, links.to("results"))
    complete = sum(len(run.complete_cells()) for run in runs)
    yield _share("cells complete", complete, sum(len(run.header.planned) for run in runs))
    yield Figure(
        "not offered",
        findings.counts(found.not_offered).total(),
        "said to be unsupported, as expected",
        link=links.to("results", verdict="unsupported", outcome="expected"),
    )


def _share(name: str, done: int, planned: int, link: str = "") -> Figure:
    if done == planned:
        return Figure(name, done, "all that were planned", link=link)
    return Figure(name, done, f"of {planned:,} planned", "bad", link)
