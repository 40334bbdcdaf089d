"""The report as Markdown: for the summary of a CI job, a comment on a change, and a terminal."""

from __future__ import annotations

import datetime
import re
import statistics
from collections.abc import Iterable, Sequence

from kserve_conformance.results.record import Header, Run
from kserve_conformance.results.verdict import Verdict
from kserve_conformance.text import gfm

from matrix.planning import policy as policies
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
from matrix.reports.findings import Finding, Findings
from matrix.reports.grid import Point
from matrix.reports.known_entries import Listed
from matrix.reports.timings import Spent
from matrix.results import cells_in_words, judging, states
from matrix.results.pass_rate import percent
from matrix.results.states import State

# GitHub takes 1 MiB for the summary of a step. What is left out is said, and is on the page.
_MOST_FINDINGS = 40
_MOST_NOT_JUDGED = 10
_MOST_ROWS = 40
_MOST_NAMES = 4
_SLOWEST = 5
_LONGEST = 160
_LONGEST_LINE = 300
_DIGEST = 12
# No sign of Markdown is in it, but for underscores, which are none in a link.
_PLAIN_ADDRESS = re.compile(r"https?://[A-Za-z0-9._~:/?#&=%+,;-]+")
_WHERE = "where"


def text(runs: Sequence[Run], policy: Policy, today: datetime.date | None = None) -> str:
    """Give the report of runs that are judged together, what is not as expected first."""
    judged = judging.by_today(runs)
    runs = judged.runs
    found = Findings.of(runs, policy)
    sections = [
        _head(runs, judged.change),
        _unexpected(found, runs),
        _grid(runs),
        _known_failures(found.known, runs),
        _known(runs, policy, today or policies.today()),
        _attempts(runs, policy),
        _not_offered(found.not_offered, runs),
        _footprint(runs),
        _timings(runs),
        _environment(runs),
    ]
    return "\n\n".join("\n".join(section) for section in sections if section) + "\n"


def _head(runs: Sequence[Run], change: str | None) -> list[str]:
    made = badge.of(runs)
    names = dict.fromkeys(run.header.wrapper["name"] or "a wrapper" for run in runs)
    said = f"{made.message} as expected" if made.is_green else made.message
    title = f"# {gfm.text(', '.join(names))}: {gfm.text(said)} ({gfm.text(made.label)})"
    commits = surroundings.different_commits(runs)
    warnings = {"Different commits": commits, "Other expectations": change}
    told = [f"- **{what}.** {gfm.text(words)}" for what, words in warnings.items() if words]
    return [title, "", *told, *(_run(run) for run in runs)]


def _run(run: Run) -> str:
    counts = states.counts(run.records)
    told = f"TorchServe {surroundings.how(run.header)}: {run.sentence()}: {counts}."
    return f"- **Cut short.** {gfm.text(told)}" if run.cut_short else f"- {gfm.text(told)}"


def _unexpected(found: Findings, runs: Sequence[Run]) -> list[str]:
    if not found.unexpected:
        return [found.all_expected]
    against = [each for each in found.unexpected if each.is_about_subject]
    others = [each for each in found.unexpected if not each.is_about_subject]
    shown = [*against[:_MOST_FINDINGS], *others[:_MOST_NOT_JUDGED]]
    return [
        f"## Not as expected: {_counts(found.unexpected)}",
        "",
        *_told(shown, runs),
        *_left_out(len(found.unexpected) - len(shown), "findings"),
    ]


def _known_failures(found: Sequence[Finding], runs: Sequence[Run]) -> list[str]:
    if not found:
        return []
    return [
        f"## Known failures: {_counts(found)}",
        "",
        *_told(found[:_MOST_FINDINGS], runs),
        *_left_out(len(found) - _MOST_FINDINGS, "known failures"),
    ]


def _told(shown: Iterable[Finding], runs: Sequence[Run]) -> list[str]:
    every = findings.planned_cells(runs)
    rows = [
        (
            _verdict(each),
            _names(each.checks),
            gfm.text(cells_in_words.of_cells(each.cells, every)),
            str(each.records),
            _why(each),
        )
        for each in shown
    ]
    return gfm.table(("verdict", "checks", _WHERE, "times", "why"), rows, "lllrl")


def _why(finding: Finding) -> str:
    said = gfm.code(finding.message, _LONGEST)
    return f"{said}, answered {gfm.code(finding.answer, _LONGEST)}" if finding.answer else said


def _counts(found: Iterable[Finding]) -> str:
    return ", ".join(f"{count} {verdict}" for verdict, count in findings.counts(found).items())


def _verdict(finding: Finding) -> str:
    expected = f", expected {finding.expected}" if finding.verdict == Verdict.PASSED else ""
    known = f" ({finding.known_as})" if finding.known_as else ""
    return f"{finding.verdict}{expected}{known}"


def _grid(runs: Sequence[Run]) -> list[str]:
    shown = grid.of(runs)
    rows = [
        (gfm.text(release), *(_mark(point) for point in shown.row(release)))
        for release in shown.releases
    ]
    head = ("KServe", *(gfm.text(protocol) for protocol in shown.protocols))
    legend = ", ".join(f"{state.letter} {state.meaning}" for state in State)
    return [
        "## PROTOCOL_VERSION by KServe release",
        "",
        *gfm.table(head, rows, "l" + "c" * len(shown.protocols)),
        "",
        f"The worst of each point: {legend}.",
    ]


def _mark(point: Point | None) -> str:
    if point is None:
        return ""
    letter = point.state.letter
    return letter if point.state is State.PASSED else f"**{letter}**"


def _known(runs: Sequence[Run], policy: Policy, today: datetime.date) -> list[str]:
    entries = known_entries.of(runs, policy, today)
    if not entries:
        return ["## Known failing and flaky", "", "None."]
    rows = [
        (
            _kind(each),
            _names(each.known.checks),
            f"{each.failed} of {each.seen} failed" if each.seen else "in none of these results",
            f"{each.days} days",
            _until(each),
            " ".join([gfm.text(each.known.reason), *_issue(each)]),
        )
        for each in entries[:_MOST_ROWS]
    ]
    return [
        "## Known failing and flaky",
        "",
        *gfm.table(("known", "checks", "in these results", "age", "until", "why"), rows, "lllrll"),
        *_left_out(len(entries) - _MOST_ROWS, "entries"),
    ]


def _kind(each: Listed) -> str:
    least = each.known.least_pass_rate
    return each.kind if least is None else f"{each.kind}, {percent(least)} must pass"


def _until(each: Listed) -> str:
    left = "**expired**" if each.has_expired else f"{each.left} days left"
    return f"{each.known.until}, {left}"


def _issue(each: Listed) -> list[str]:
    issue = each.known.issue
    if not issue:
        return []
    # A plain address is made a link of by whatever shows it.
    return [issue if _PLAIN_ADDRESS.fullmatch(issue) else gfm.text(issue)]


def _attempts(runs: Sequence[Run], policy: Policy) -> list[str]:
    repeat = max((run.header.repeat for run in runs), default=1)
    if repeat == 1:
        return []
    title = f"## Not the same in each of {repeat} attempts"
    found = flaky.wavering(runs, policy.confidence)
    if not found:
        return [title, "", "Nothing: every check came to the same in all of them."]
    rows = [
        (
            gfm.code(each.check),
            gfm.code(each.cell),
            gfm.text(each.runtime),
            gfm.text(f"{each.rate}"),
        )
        for each in found[:_MOST_ROWS]
    ]
    return [
        title,
        "",
        *gfm.table(("check", "cell", "TorchServe", "as expected"), rows),
        *_left_out(len(found) - _MOST_ROWS, "checks"),
    ]


def _not_offered(reasons: Sequence[Finding], runs: Sequence[Run]) -> list[str]:
    if not reasons:
        return []
    every = findings.planned_cells(runs)
    rows = [
        (
            gfm.code(each.message, _LONGEST),
            gfm.text(cells_in_words.of_cells(each.cells, every)),
            _names(each.checks),
        )
        for each in reasons[:_MOST_ROWS]
    ]
    return [
        f"## Not offered, as expected: {findings.counts(reasons).total()} times",
        "",
        *gfm.table(("why", _WHERE, "checks"), rows),
        *_left_out(len(reasons) - _MOST_ROWS, "reasons"),
    ]


def _footprint(runs: Sequence[Run]) -> list[str]:
    every = findings.planned_cells(runs)
    releases = list(dict.fromkeys(cell.kserve for cell in every))
    told = [
        f"- {gfm.code(trace.words)}: said {gfm.text(trace.in_words(releases))}"
        for trace in original_bug.of(runs)
    ]
    return ["## The footprint of the original bug", "", *told]


def _timings(runs: Sequence[Run]) -> list[str]:
    told = [
        f"- The run with TorchServe {surroundings.how(run.header)} took "
        f"{timings.duration(run.footer.seconds)}."
        for run in runs
        if run.footer is not None
    ]
    refusals = timings.refusals(record for run in runs for record in run.records)
    if refusals:
        told.append(
            "- An invalid PROTOCOL_VERSION ended the process after "
            f"{timings.duration(statistics.median(refusals))} "
            f"(median of {len(refusals)} cells, at most {timings.duration(max(refusals))})."
        )
    return [
        "## Timings",
        "",
        *told,
        "",
        *_slowest("KServe", timings.by_release(runs)),
        "",
        *_slowest("check", timings.by_check(runs)),
    ]


def _slowest(what: str, spent: Sequence[Spent]) -> list[str]:
    rows = [
        (
            gfm.code(each.name),
            timings.duration(each.total),
            str(each.records),
            timings.duration(each.median),
            timings.duration(each.longest),
        )
        for each in spent[:_SLOWEST]
    ]
    return gfm.table((f"slowest {what}", "in all", "records", "median", "longest"), rows, "lrrrr")


def _environment(runs: Sequence[Run]) -> list[str]:
    lines = ["## Environment"]
    for run in runs:
        lines += [
            "",
            *gfm.table((f"run {gfm.code(run.header.run)}", ""), _surroundings(run.header)),
        ]
    return lines


def _surroundings(header: Header) -> list[tuple[str, str]]:
    return [
        (gfm.text(name), ", ".join(gfm.code(line, _LONGEST_LINE) for line in lines if line))
        for name, lines in surroundings.of(header, _DIGEST).items()
    ]


def _names(names: Sequence[str]) -> str:
    shown = ", ".join(gfm.code(name) for name in names[:_MOST_NAMES])
    hidden = len(names) - _MOST_NAMES
    return f"{shown} and {hidden} more" if hidden > 0 else shown


def _left_out(count: int, what: str) -> list[str]:
    return (
        ["", f"... and {count} more {what}, all of them in the HTML report."] if count > 0 else []
    )
