"""The report as Markdown: what it says first, what it leaves out, and what doesn't break it."""

from __future__ import annotations

import datetime
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import pytest
from kserve_conformance.results.record import Record, Run
from kserve_conformance.results.verdict import Verdict
from markdown_it import MarkdownIt

from matrix.planning import policy
from matrix.planning.conditions import AnyOf
from matrix.planning.policy import Known, Policy
from matrix.reports import findings, markdown, surroundings

TODAY = datetime.date(2026, 11, 25)
# What GitHub takes for the summary of a step, in bytes.
LIMIT = 1024 * 1024


def report(*runs: Run, known: Policy | None = None) -> str:
    return markdown.text(runs, known or policy.load(), TODAY)


@pytest.fixture(scope="module")
def of_default(default_run: Run) -> str:
    """Give the report of the default run, which several tests read."""
    return report(default_run)


def section(text: str, title: str) -> str:
    """Give what stands under a heading that begins with a title."""
    _, found, rest = text.partition(f"\n## {title}")
    assert found, text
    return rest.partition("\n## ")[0]


def rows(part: str) -> list[list[str]]:
    """Give the cells of a table's rows, its head left out."""
    lines = [line for line in part.splitlines() if line.startswith("|")][2:]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


def test_a_run_as_expected_says_so_first(of_default: str) -> None:
    lines = of_default.splitlines()
    assert lines[0] == "# wrapper: 14 of 14 releases as expected (KServe 0.8\N{EN DASH}0.21)"
    assert "ended after 244 of 244 cells, 36369 of 36369 checks" in lines[2]
    assert "Everything that ran is as expected." in of_default
    assert "## Not as expected" not in of_default
    assert "None" not in section(of_default, "Environment")


def test_the_grid_has_a_letter_for_each_point(of_default: str, unfixed_run: Run) -> None:
    grid = section(of_default, "PROTOCOL_VERSION by KServe release")
    releases = {row[0]: row[1:] for row in rows(grid)}
    assert list(releases)[:2] == ["0.8.0.2", "0.9.0"]
    assert {mark for marks in releases.values() for mark in marks} == {"ok"}
    assert "| unset | empty | v1" in " ".join(grid.split())
    broken = rows(section(report(unfixed_run), "PROTOCOL_VERSION by KServe release"))
    assert broken[0] == ["0.10.2", "**F**", "**F**", "**F**"]


def test_the_bug_is_told_with_where_it_is(unfixed_run: Run) -> None:
    text = report(unfixed_run)
    assert text.startswith("# unfixed: 4 of 4 releases broken (KServe 0.10, 0.11, 0.13, 0.14)\n")
    found = section(text, "Not as expected")
    predictions = [row for row in rows(found) if "`v1-predict`" in row[1]]
    assert [(row[0], row[2], row[4].partition(", answered ")[2]) for row in predictions] == [
        (
            "failed",
            "KServe 0.11.2, 0.13.1 with PROTOCOL_VERSION unset and envelope kserve, none",
            '`{"error":"ValueError : None is not a valid PredictorProtocol"}`',
        ),
        (
            "failed",
            "KServe 0.14.1 with PROTOCOL_VERSION unset and envelope kserve, none",
            '`{"error":"Unsupported protocol None."}`',
        ),
    ]
    assert predictions[0][4].startswith("`status: expected 200, got 500`, answered")
    assert text.index("## Not as expected") < text.index("## PROTOCOL_VERSION by KServe release")
    bug = section(text, "The footprint of the original bug")
    assert (
        "`None is not a valid PredictorProtocol`: said with unset on KServe 0.11.2, 0.13.1" in bug
    )
    assert "`Unsupported protocol None.`: said with unset on KServe 0.14.1" in bug


def test_the_footprint_is_nowhere_with_our_wrapper(of_default: str) -> None:
    bug = section(of_default, "The footprint of the original bug")
    assert bug.count("said nowhere, on 14 releases") == 2


def test_what_is_left_out_is_counted(unfixed_run: Run) -> None:
    faulty = replace(unfixed_run.records[-1], verdict=Verdict.ERROR, message="a fault")
    records = [*unfixed_run.records[:-1], faulty]
    run = replace(unfixed_run, records=records)
    found = section(report(run), "Not as expected")
    shown = rows(found)
    assert len(shown) == 40 + 1
    hidden = len(findings.of([run])) - len(shown)
    assert f"... and {hidden} more findings, all of them in the HTML report." in found
    # What couldn't be judged is never what is left out.
    assert any(row[0] == "error" for row in shown)


def test_a_pass_that_is_not_expected_says_so(process_run: Run) -> None:
    first, *others = process_run.records
    run = replace(process_run, records=[replace(first, expected_verdict=Verdict.FAILED), *others])
    ((verdict, *_),) = rows(section(report(run), "Not as expected"))
    assert verdict == "passed, expected failed"


def test_a_run_that_was_cut_short_says_so(two: Run) -> None:
    half = replace(two, records=two.records[:1000], footer=None)
    text = report(half)
    assert text.startswith("# wrapper: cut short, ")
    assert "- **Cut short.** TorchServe in containers: the run started" in text
    missing = len(two.records) - 1000
    assert f"{missing} missing" in section(text, "Not as expected").splitlines()[0]


def known(
    reason: str = "it can't", until: datetime.date = TODAY, issue: str | None = None
) -> Known:
    since = datetime.date(2026, 11, 1)
    return Known(("v1-predict",), AnyOf.parse({"kserve": "<0.10"}), reason, since, until, issue)


def with_known(*, failing: Sequence[Known] = (), flaky: Sequence[Known] = ()) -> Policy:
    return replace(policy.load(), known_failing=tuple(failing), known_flaky=tuple(flaky))


def test_known_failures_have_reason_age_and_end(two: Run) -> None:
    records = [
        replace(record, verdict=Verdict.FAILED, expected_verdict=Verdict.FAILED)
        if record.check == "v1-predict" and record.axes["kserve"] == "0.9.0"
        else record
        for record in two.records
    ]
    entries = with_known(
        failing=[known(until=TODAY + datetime.timedelta(days=9), issue="https://example.org/7")],
        flaky=[replace(known(until=datetime.date(2026, 11, 24)), least_pass_rate=0.9)],
    )
    failing, flaky = rows(
        section(report(replace(two, records=records), known=entries), "Known failing")
    )
    assert failing == [
        *("failing", "`v1-predict`", "6 of 6 failed", "24 days", "2026-12-04, 9 days left"),
        "it can't https://example.org/7",
    ]
    assert flaky[0] == "flaky, 90% must pass"
    assert flaky[4] == "2026-11-24, **expired**"


@pytest.mark.parametrize(
    ("issue", "shown"),
    [
        ("https://x/a|b<img src=x>", r"it can't https:\//x/a\|b&lt;img src=x&gt;"),
        ("https://x/![a](http://evil)", r"it can't https:\//x/!\[a\](http:\//evil)"),
        ("http://x/a?b=c#d-1_2", "it can't http://x/a?b=c#d-1_2"),
        ("javascript:alert(1)", "it can't javascript:alert(1)"),
    ],
)
def test_an_issue_is_a_link_only_where_it_is_plain(issue: str, shown: str, mutant_run: Run) -> None:
    entries = with_known(failing=[known(issue=issue)])
    assert f"| {shown} |" in section(report(mutant_run, known=entries), "Known failing")


def repeated(run: Run, repeat: int) -> Run:
    """Give one cell of a run with every check tried some times, always with the same outcome."""
    passed = Counter(each.cell for each in run.records if each.verdict is Verdict.PASSED)
    ((cell, _),) = passed.most_common(1)
    records = [
        replace(record, attempt=attempt)
        for attempt in range(1, repeat + 1)
        for record in run.records
        if record.cell == cell
    ]
    header = replace(run.header, planned={cell: run.header.planned[cell]}, repeat=repeat)
    return replace(run, header=header, records=records)


def test_what_wavers_is_told_with_its_rate(unfixed_run: Run) -> None:
    assert "attempts" not in report(repeated(unfixed_run, 1))
    steady = repeated(unfixed_run, 4)
    title = "Not the same in each of 4 attempts"
    assert "every check came to the same" in section(report(steady), title)
    first = next(record for record in steady.records if record.verdict is Verdict.PASSED)
    failed = replace(first, verdict=Verdict.FAILED, message="no answer")
    records = [failed if record is first else record for record in steady.records]
    (row,) = rows(section(report(replace(steady, records=records)), title))
    assert row[:3] == [f"`{first.check}`", f"`{first.cell}`", "container"]
    assert row[3].startswith("3 of 4 attempts passed, 95% interval ")


def test_what_is_known_to_fail_did_not_pass_and_an_error_is_no_attempt(unfixed_run: Run) -> None:
    steady = repeated(unfixed_run, 5)
    first = next(record for record in steady.records if record.verdict is Verdict.PASSED)
    ended = {1: Verdict.PASSED, 5: Verdict.ERROR}

    def change(record: Record) -> Record:
        if record.key != first.key:
            return record
        verdict = ended.get(record.attempt, Verdict.FAILED)
        return replace(record, verdict=verdict, expected_verdict=Verdict.FAILED)

    run = replace(steady, records=[change(record) for record in steady.records])
    (row,) = rows(section(report(run), "Not the same in each of 5 attempts"))
    assert row[3].startswith("1 of 4 attempts passed, 95% interval ")


@pytest.mark.parametrize(
    ("number", "left_out"),
    [(40, []), (45, ["... and 5 more checks, all of them in the HTML report."])],
)
def test_of_what_wavers_the_worst_is_told_and_the_rest_counted(
    number: int, left_out: list[str], unfixed_run: Run
) -> None:
    steady = repeated(unfixed_run, 3)
    passed = [record for record in steady.records if record.verdict is Verdict.PASSED]
    failures = dict.fromkeys((record.key for record in passed[:number]), 1)
    worst = passed[number - 1]
    failures[worst.key] = 2
    records = [
        replace(record, verdict=Verdict.FAILED)
        if record.attempt <= failures.get(record.key, 0)
        else record
        for record in steady.records
    ]
    told = section(report(replace(steady, records=records)), "Not the same in each of 3 attempts")
    assert len(rows(told)) == 40
    assert rows(told)[0][:2] == [f"`{worst.check}`", f"`{worst.cell}`"]
    assert rows(told)[0][3].startswith("1 of 3 attempts passed")
    assert [line for line in told.splitlines() if line.startswith("...")] == left_out


def test_what_isnt_offered_is_told_with_the_reason(of_default: str) -> None:
    reasons = {row[0]: row for row in rows(section(of_default, "Not offered"))}
    grpc = reasons["`KServe \N{HORIZONTAL ELLIPSIS} has no gRPC server; its gRPC port is closed`"]
    assert grpc[1].startswith("KServe 0.8.0.2, 0.9.0 with PROTOCOL_VERSION ")


def test_the_environment_can_be_made_again_from_it(default_run: Run, of_default: str) -> None:
    told = section(of_default, "Environment")
    header = default_run.header
    assert f"`{header.commit}`" in told
    assert header.torchserve[0]["identity"] in told
    assert all(str(digest)[:12] in told for digest in header.locks.values())
    assert header.engine is not None
    assert header.engine["version"] in told


HOSTILE = "a|b `c` ``d`` <script>alert(1)</script> \u202e\x1b[31m \ud800 *x* [y](z) " + "w" * 4000


def test_hostile_messages_break_nothing_and_stay_small(unfixed_run: Run) -> None:
    records = [
        replace(record, message=f"{number} {HOSTILE}")
        # Far more of each kind than are told.
        for number, record in enumerate(unfixed_run.records[::4])
    ]
    header = replace(unfixed_run.header, wrapper={**unfixed_run.header.wrapper, "name": HOSTILE})
    runs = [replace(unfixed_run, header=header, records=records)]
    entries = with_known(failing=[known(reason=HOSTILE)] * 100)
    text = markdown.text(runs, entries, TODAY)
    assert len(text.encode()) < LIMIT / 2
    # What is not judged, such as what is missing, has ten rows of its own.
    assert len(rows(section(text, "Not as expected"))) == 40 + 10
    assert " more findings, all of them" in section(text, "Not as expected")
    assert len(rows(section(text, "Known failing"))) == 40
    assert "... and 60 more entries, all of them" in section(text, "Known failing")
    assert len(rows(section(text, "Not offered"))) == 40
    assert " more reasons, all of them" in section(text, "Not offered")
    html = MarkdownIt("commonmark").enable("table").render(text)
    assert "<script" not in html
    assert "<em>" not in html
    assert "<a " not in html
    widths = {line.count("<td") for line in html.split("<tr>") if "<td" in line}
    assert widths <= {2, 3, 4, 5, 6, 1 + len({each.axes["protocol"] for each in records})}


def test_the_environment_is_that_of_the_page(two: Run) -> None:
    wrapper = {**two.header.wrapper, "constructor": "mine.Model"}
    header = replace(two.header, wrapper=wrapper, repeat=3)
    told = section(report(replace(two, header=header)), "Environment")
    names = [row[0] for row in rows(told)]
    assert names == list(surroundings.of(header))
    assert {"constructor", "attempts"} <= set(names)


def test_runs_of_different_commits_are_told_as_such(two: Run, mutant_run: Run) -> None:
    one, other = (
        replace(run, header=replace(run.header, commit=commit))
        for run, commit in ((two, "a" * 40), (mutant_run, "b" * 40 + "-dirty"))
    )
    assert f"- **Different commits.** These runs are of {'a' * 12} and {'b' * 12}" in report(
        one, other
    )
    changed = replace(other, header=replace(other.header, commit="a" * 40 + "-dirty"))
    assert "Different commits" not in report(one, changed)


def test_several_runs_are_told_together(two: Run, process_run: Run) -> None:
    text = report(two, process_run)
    assert text.count("- TorchServe in containers:") == 1
    assert text.count("- TorchServe as a process:") == 1
    assert section(text, "Environment").count("| run `") == 2
