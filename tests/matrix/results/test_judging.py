"""One judge for all: the end of a run, the gate, the page, Markdown and the badge agree."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import pytest
from kserve_conformance.results import results_file
from kserve_conformance.results.record import Record, Run
from kserve_conformance.results.verdict import Verdict
from rich.console import Console

from matrix.commands import cli, summary
from matrix.planning import policy
from matrix.reports import badge, markdown, page
from matrix.results import judging
from tests.matrix.gate.gate_cases import changed, decide, lenient, one_cell

PASSED, UNSUPPORTED = Verdict.PASSED, Verdict.UNSUPPORTED
SINCE = "expectations.toml has changed since the run"


def edited(run: Run, check: str, verdict: Verdict, expected: Verdict) -> Run:
    """Give a run in which a check came to a verdict and had been expected to come to another."""

    def change(record: Record) -> Record:
        if record.check != check:
            return record
        return replace(record, verdict=verdict, expected_verdict=expected, message="of this test")

    return changed(one_cell(run), change)


@pytest.mark.parametrize(
    ("check", "then", "is_good"),
    [
        # What was accepted then is no longer, and what wasn't is now.
        ("v1-predict", UNSUPPORTED, False),
        ("grpc-about", PASSED, True),
    ],
)
def test_all_judge_by_the_expectations_of_today_and_say_so(
    check: str,
    then: Verdict,
    is_good: bool,
    two: Run,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    run = edited(two, check, UNSUPPORTED, then)
    now = PASSED if then is UNSUPPORTED else UNSUPPORTED
    shown = io.StringIO()
    judged = judging.by_today([run])
    summary.show(judged, Console(width=1000, file=shown))
    path = tmp_path / "results.jsonl"
    results_file.write(path, run)
    cli.main(["gate", str(path)])
    told = {
        "end of the run": shown.getvalue(),
        "gate": capsys.readouterr().out,
        "Markdown": markdown.text([run], policy.load()),
        "page": page.html([run], policy.load()),
    }
    said = f"{check} is to be {now} and was to be {then} (records: 1)"
    for where, text in told.items():
        plain = text.replace("\\", "")
        assert SINCE in plain, where
        assert said in plain, where
    assert (summary.exit_code(judged) == 0) is is_good
    assert (decide(lenient(), run).exit_code == 0) is is_good
    assert badge.of([run]).is_green is is_good
    assert ("Everything that ran is as expected" in told["Markdown"]) is is_good
    assert ("Everything that ran is as expected" in told["page"]) is is_good


def test_where_nothing_changed_nothing_is_said(two: Run) -> None:
    assert judging.by_today([two]) == judging.JudgedRuns((two,), None)


def test_what_a_policy_knew_is_no_change(two: Run) -> None:
    run = edited(two, "v1-predict", Verdict.FAILED, Verdict.FAILED)
    assert judging.by_today([run]) == judging.JudgedRuns((run,), None)


@pytest.mark.parametrize(("number", "end"), [(3, " (records: 1)"), (4, "; and 1 more")])
def test_three_changes_are_told_and_how_many_more_there_are(
    number: int, end: str, two: Run
) -> None:
    checks = ("starts", "constructor", "v1-predict", "v1-explain")[:number]

    def change(record: Record) -> Record:
        return replace(record, expected_verdict=UNSUPPORTED) if record.check in checks else record

    told = judging.by_today([changed(one_cell(two), change)]).change
    assert told is not None
    assert told.startswith(f"{SINCE}, and what it says today is what counts: starts is to be ")
    assert told.count(" was to be ") == 3
    assert told.endswith(end)
