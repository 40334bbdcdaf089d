"""What the page says without its script: the decision, the grid, the findings, and so on."""

from __future__ import annotations

import datetime
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from conformance.outcomes.results import Header, Run
from conformance.outcomes.verdicts import Verdict
from matrix.decisions import extent
from matrix.planning import ranges
from matrix.planning.policy import Policy
from matrix.reports import attempts, badge, findings, footprint, grid, listed, timings
from matrix.reports.attempts import Wavering
from matrix.reports.badge import Badge
from matrix.reports.findings import Finding
from matrix.reports.grid import Grid
from matrix.reports.listed import Listed
from matrix.reports.page import links
from matrix.reports.states import UNEXPECTED, State
from matrix.reports.timings import Spent

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
    """A finding with where it was, and links to an example and to all of it."""

    finding: Finding
    where: str
    example: str
    all: str


@dataclass(frozen=True)
class Footprint:
    """On which points words of the original bug were said."""

    words: Sequence[str]
    releases: Sequence[str]
    protocols: Sequence[str]
    said: Mapping[tuple[str, str], Sequence[str]]
    run: frozenset[tuple[str, str]]

    def is_said(self, words: str) -> bool:
        """Tell whether words were said anywhere."""
        return any(words in said for said in self.said.values())

    def told(self, words: str) -> str:
        """Say where words were said, in releases that follow one another."""
        points = []
        for protocol in self.protocols:
            found = [each for each in self.releases if words in self.said.get((each, protocol), ())]
            if found:
                points.append(f"with {protocol} on KServe {ranges.told(found, self.releases)}")
        return "; ".join(points) or f"nowhere, on {len(self.releases)} releases"


@dataclass(frozen=True)
class Page:
    """All that the template shows."""

    names: str
    badge: Badge
    runs: Sequence[Run]
    figures: Sequence[Figure]
    grid: Grid
    findings: Sequence[Told]
    not_offered: Sequence[Told]
    footprint: Footprint
    by_release: Sequence[Spent]
    by_check: Sequence[Spent]
    refusals: Sequence[Spent]
    listed: Sequence[Listed]
    attempts: int
    wavering: Sequence[Wavering]
    surroundings: Sequence[Mapping[str, str]]


def of(runs: Sequence[Run], policy: Policy, today: datetime.date) -> Page:
    """Collect what the page says of runs that are judged together."""
    laid_out = grid.of(runs)
    return Page(
        names=", ".join(dict.fromkeys(run.header.wrapper["name"] or "a wrapper" for run in runs)),
        badge=badge.of(runs),
        runs=runs,
        figures=_figures(runs, laid_out),
        grid=laid_out,
        findings=_told(findings.of(runs), runs, "unexpected"),
        not_offered=_told(findings.by_reason(findings.not_offered(runs)), runs, "expected"),
        footprint=_footprint(runs, laid_out),
        by_release=timings.by_release(runs),
        by_check=timings.by_check(runs),
        refusals=_refusals(runs, laid_out.releases),
        listed=listed.of(runs, policy, today),
        attempts=max(run.header.repeat for run in runs),
        wavering=attempts.wavering(runs),
        surroundings=[_surroundings(run.header) for run in runs],
    )


def _figures(runs: Sequence[Run], laid_out: Grid) -> list[Figure]:
    counts: Counter[State] = Counter()
    for point in laid_out.points.values():
        counts.update(point.counts)
    planned = sum(run.header.planned_checks for run in runs)
    ran = planned - counts[State.MISSING]
    cells = sum(len(run.header.planned) for run in runs)
    complete = sum(len(run.complete_cells()) for run in runs)
    verdicts = Counter(str(record.verdict) for run in runs for record in run.records)
    unexpected = sum(counts[state] for state in UNEXPECTED)
    return [
        Figure(
            "not as expected",
            f"{unexpected:,}",
            ", ".join(
                f"{counts[each]:,} {each}" for each in State if each in UNEXPECTED and counts[each]
            ),
            "bad" if unexpected else "good",
            links.to("results", outcome="unexpected"),
        ),
        Figure(
            "known failures",
            f"{counts[State.KNOWN]:,}",
            tone="known" if counts[State.KNOWN] else "",
            link=links.to("results", outcome=["known-failing", "known-flaky"]),
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
            f"{verdicts[Verdict.UNSUPPORTED]:,}",
            "said to be unsupported",
            link=links.to("results", verdict="unsupported"),
        ),
    ]


def _told(found: Iterable[Finding], runs: Sequence[Run], outcome: str) -> list[Told]:
    every = findings.planned_cells(runs)
    return [
        Told(
            finding=each,
            where=extent.of_cells(each.cells, every),
            example=links.to("overview", cell=links.of_cell(each.cells[0]), at=each.checks[0]),
            all=links.to(
                "results",
                outcome=outcome,
                verdict=each.verdict,
                check=" ".join(each.checks),
            ),
        )
        for each in found
    ]


def _footprint(runs: Sequence[Run], laid_out: Grid) -> Footprint:
    said: dict[tuple[str, str], list[str]] = defaultdict(list)
    for trace in footprint.of(runs):
        for protocol, releases in trace.releases.items():
            for release in releases:
                said[release, protocol].append(trace.words)
    heard = {protocol for _, protocol in said}
    return Footprint(
        words=footprint.WORDS,
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


def _surroundings(header: Header) -> dict[str, str]:
    machine, engine = header.machine, header.engine
    images: dict[str, list[str]] = defaultdict(list)
    for each in header.torchserve:
        images[f"TorchServe {each['release']}: {each['identity'] or 'did not start'}"].append(
            each["envelope"]
        )
    told = {
        "run": header.run,
        "wrapper": header.wrapper["command"] or "",
        "constructor": header.wrapper["constructor"] or "",
        "started": header.started,
        "commit": header.commit or "unknown",
        "conformance suite": header.suite or "not part of the run",
        "machine": f"{machine['system']}, {machine['architecture']}, {machine['cpus']} processors, "
        f"Python {machine['python']}",
        "engine": f"{engine['name']} {engine['version']}" if engine else "none",
        "images" if header.runtime == "container" else "TorchServe": "\n".join(
            f"{identity} ({', '.join(envelopes)})" for identity, envelopes in images.items()
        ),
        "locks": "\n".join(
            f"KServe {release}: {digest or 'none'}" for release, digest in header.locks.items()
        ),
        "attempts": f"{header.repeat} at each check" if header.repeat > 1 else "",
        "joined of": "\n".join(
            f"{shard['run']}, started {shard['started']}" for shard in header.shards
        ),
    }
    return {name: value for name, value in told.items() if value}
