"""The report as Markdown: for the summary of a CI job, a comment on a change, and a terminal."""

from __future__ import annotations

import datetime
import re
import statistics
from collections.abc import Iterable, Sequence

from kserve_conformance.results.record import Run
from kserve_conformance.results.verdict import Verdict
from kserve_conformance.text import gfm

from matrix.planning.control_planes import DECLARED
from matrix.planning.policy import Policy
from matrix.reports import by_control_plane, findings, surroundings, timings
from matrix.reports.by_control_plane import Row
from matrix.reports.contents import Contents
from matrix.reports.findings import Finding
from matrix.reports.grid import Grid, Point
from matrix.reports.known_entries import Listed
from matrix.reports.timings import Spent, duration
from matrix.results import states
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


def text(runs: Sequence[Run], policy: Policy, today: datetime.date | None = None) -> str:
    """Give the report of runs that are judged together, what is not as expected first."""
    contents = Contents.of(runs, policy, today)
    sections = [
        _head(contents),
        _unexpected(contents),
        _grid(contents.grid),
        _by_control_plane(contents.by_control_plane),
        _known_failures(contents),
        _known(contents.listed),
        _attempts(contents),
        _not_offered(contents),
        _footprint(contents),
        _timings(contents),
        _environment(contents.runs),
    ]
    return "\n\n".join("\n".join(section) for section in sections if section) + "\n"


def _head(contents: Contents) -> list[str]:
    made = contents.badge
    said = f"{made.message} as expected" if made.is_green else made.message
    title = f"# {gfm.text(contents.names)}: {gfm.text(said)} ({gfm.text(made.label)})"
    commits = surroundings.different_commits(contents.runs)
    warnings = {"Different commits": commits, "Other expectations": contents.change}
    told = [f"- **{what}.** {gfm.text(words)}" for what, words in warnings.items() if words]
    return [title, "", *told, *map(_run, contents.runs)]


def _run(run: Run) -> str:
    counts = states.counts(run.records)
    told = f"TorchServe {surroundings.how(run.header)}: {run.sentence()}: {counts}."
    return f"- **Cut short.** {gfm.text(told)}" if run.cut_short else f"- {gfm.text(told)}"


def _unexpected(contents: Contents) -> list[str]:
    found = contents.found.unexpected
    if not found:
        return [contents.found.all_expected]
    against = [each for each in found if each.is_about_subject]
    others = [each for each in found if not each.is_about_subject]
    shown = [*against[:_MOST_FINDINGS], *others[:_MOST_NOT_JUDGED]]
    return _findings("Not as expected", found, shown, "findings", contents)


def _known_failures(contents: Contents) -> list[str]:
    found = contents.found.known
    if not found:
        return []
    shown = found[:_MOST_FINDINGS]
    return _findings("Known failures", found, shown, "known failures", contents)


def _findings(
    title: str, found: Sequence[Finding], shown: Iterable[Finding], what: str, contents: Contents
) -> list[str]:
    counts = ", ".join(f"{count} {verdict}" for verdict, count in findings.counts(found).items())
    rows = [
        (
            _verdict(each),
            _names(each.checks),
            gfm.text(contents.where(each)),
            str(each.records),
            _why(each),
        )
        for each in shown
    ]
    columns = ("verdict", "checks", "where", "times", "why")
    return _table(f"{title}: {counts}", columns, rows, len(found), what, "lllrl")


def _why(finding: Finding) -> str:
    said = gfm.code(finding.message, _LONGEST)
    return f"{said}, answered {gfm.code(finding.answer, _LONGEST)}" if finding.answer else said


def _verdict(finding: Finding) -> str:
    expected = f", expected {finding.expected}" if finding.verdict == Verdict.PASSED else ""
    known = f" ({finding.known_as})" if finding.known_as else ""
    return f"{finding.verdict}{expected}{known}"


def _grid(shown: Grid) -> list[str]:
    rows = [
        (gfm.text(release), *(_mark(point) for point in shown.row(release)))
        for release in shown.releases
    ]
    head = ("KServe", *map(gfm.text, shown.protocols))
    title = "PROTOCOL_VERSION by KServe release"
    told = _table(title, head, rows, len(rows), align="l" + "c" * len(shown.protocols))
    legend = ", ".join(f"{state.letter} {state.meaning}" for state in State)
    return [*told, "", f"The worst of each point: {legend}."]


def _by_control_plane(shown: Sequence[Row]) -> list[str]:
    if not shown:
        return []
    rows = [
        (
            gfm.text(row.control_plane),
            *(each.in_a_word or _mark(each.point) for each in row.arrivals.values()),
        )
        for row in shown
    ]
    align = "l" + "c" * len(DECLARED)
    told = _table(
        by_control_plane.TITLE, ("control plane", *DECLARED), rows, len(rows), align=align
    )
    return [*told, "", by_control_plane.LEGEND]


def _mark(point: Point | None) -> str:
    if point is None:
        return ""
    letter = point.state.letter
    return letter if point.state is State.PASSED else f"**{letter}**"


def _known(entries: Sequence[Listed]) -> list[str]:
    title = "Known failing and flaky"
    if not entries:
        return [f"## {title}", "", "None."]
    rows = [
        (
            _kind(each),
            _names(each.known.checks),
            f"{each.failed} of {each.seen} failed" if each.seen else "in none of these results",
            f"{each.days} days",
            _until(each),
            f"{gfm.text(each.known.reason)} {_issue(each.known.issue or '')}".rstrip(),
        )
        for each in entries[:_MOST_ROWS]
    ]
    columns = ("known", "checks", "in these results", "age", "until", "why")
    return _table(title, columns, rows, len(entries), "entries", "lllrll")


def _kind(each: Listed) -> str:
    least = each.known.least_pass_rate
    return each.kind if least is None else f"{each.kind}, {percent(least)} must pass"


def _until(each: Listed) -> str:
    left = "**expired**" if each.has_expired else f"{each.left} days left"
    return f"{each.known.until}, {left}"


def _issue(issue: str) -> str:
    # A plain address is made a link of by whatever shows it.
    return issue if _PLAIN_ADDRESS.fullmatch(issue) else gfm.text(issue)


def _attempts(contents: Contents) -> list[str]:
    if contents.attempts == 1:
        return []
    title = f"Not the same in each of {contents.attempts} attempts"
    found = contents.wavering
    if not found:
        return [f"## {title}", "", "Nothing: every check came to the same in all of them."]
    rows = [
        [*map(gfm.code, (each.check, each.cell)), *map(gfm.text, (each.runtime, str(each.rate)))]
        for each in found[:_MOST_ROWS]
    ]
    return _table(title, ("check", "cell", "TorchServe", "as expected"), rows, len(found), "checks")


def _not_offered(contents: Contents) -> list[str]:
    found = contents.found.not_offered
    if not found:
        return []
    title = f"Not offered, as expected: {findings.counts(found).total()} times"
    rows = [
        (
            gfm.code(each.message, _LONGEST),
            gfm.text(contents.where(each)),
            _names(each.checks),
        )
        for each in found[:_MOST_ROWS]
    ]
    return _table(title, ("why", "where", "checks"), rows, len(found), "reasons")


def _footprint(contents: Contents) -> list[str]:
    told = [
        f"- {gfm.code(trace.words)}: said {gfm.text(trace.in_words(contents.grid.releases))}"
        for trace in contents.traces
    ]
    return ["## The footprint of the original bug", "", *told]


def _timings(contents: Contents) -> list[str]:
    told = [
        f"- The run with TorchServe {surroundings.how(run.header)} took "
        f"{duration(run.footer.seconds)}."
        for run in contents.runs
        if run.footer is not None
    ]
    refusals = timings.refusals(record for run in contents.runs for record in run.records)
    if refusals:
        told.append(
            "- An invalid PROTOCOL_VERSION ended the process after "
            f"{duration(statistics.median(refusals))} "
            f"(median of {len(refusals)} cells, at most {duration(max(refusals))})."
        )
    releases, checks = _slowest("KServe", contents.by_release), _slowest("check", contents.by_check)
    return ["## Timings", "", *told, "", *releases, "", *checks]


def _slowest(what: str, spent: Sequence[Spent]) -> list[str]:
    rows = [
        (
            gfm.code(each.name),
            duration(each.total),
            str(each.records),
            duration(each.median),
            duration(each.longest),
        )
        for each in spent[:_SLOWEST]
    ]
    return gfm.table((f"slowest {what}", "in all", "records", "median", "longest"), rows, "lrrrr")


def _environment(runs: Sequence[Run]) -> list[str]:
    lines = ["## Environment"]
    for run in runs:
        rows = [
            (gfm.text(name), ", ".join(gfm.code(line, _LONGEST_LINE) for line in told if line))
            for name, told in surroundings.of(run.header, _DIGEST).items()
        ]
        lines += ["", *gfm.table((f"run {gfm.code(run.header.run)}", ""), rows)]
    return lines


def _names(names: Sequence[str]) -> str:
    shown = ", ".join(gfm.code(name) for name in names[:_MOST_NAMES])
    hidden = len(names) - _MOST_NAMES
    return f"{shown} and {hidden} more" if hidden > 0 else shown


def _table(
    title: str,
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    all_rows: int,
    what: str = "rows",
    align: str = "",
) -> list[str]:
    """Give a section that is one table; of what it leaves out it says how much of what."""
    hidden = all_rows - len(rows)
    more = ["", f"... and {hidden} more {what}, all of them in the HTML report."] if hidden else []
    return [f"## {title}", "", *gfm.table(columns, rows, align), *more]
