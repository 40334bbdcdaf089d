"""The results file: what is written, what a reader refuses, and how a run is judged."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

import pytest
from rich.console import Console

from conformance.outcomes import junit
from conformance.outcomes.results import Header, Record, Run
from conformance.outcomes.results_file import ResultsError, Writer, read
from conformance.outcomes.verdicts import Verdict
from matrix.commands import summary

CELL = "kserve0.9.0-unset-kserve-torchserve0.12.0"
AXES = {
    "kserve": "0.9.0",
    "protocol": "unset",
    "envelope": "kserve",
    "torchserve": "0.12.0",
    "runtime": "process",
}
HEADER = Header(
    run="r",
    started="2026-11-24T03:00:00+00:00",
    machine={"system": "Linux", "architecture": "x86_64", "cpus": 2, "python": "3.11.4"},
    commit=None,
    runtime="process",
    torchserve=[{"release": "0.12.0", "envelope": "kserve", "identity": "x"}],
    locks={"0.9.0": None},
    wrapper={"name": "w", "command": "c", "constructor": None},
    planned={CELL: ["starts", "v1-predict"]},
)


def record(
    check: str, verdict: Verdict = Verdict.PASSED, expected: Verdict = Verdict.PASSED
) -> Record:
    message = "" if verdict is Verdict.PASSED else f"why {check} is {verdict}"
    return Record(CELL, AXES, check, verdict, expected, message, None, {"é": 1}, 0.5, {})


def write(path: Path, records: Sequence[Record]) -> Run:
    writer = Writer(path, HEADER)
    for each in records:
        writer.record(each)
    return writer.finish("2026-11-24T03:01:00+00:00", 60.0)


def _id(value: object) -> str:
    if isinstance(value, Record):
        return f"{value.verdict} for {value.expected_verdict}"
    return str(value)


BOTH = [record("starts"), record("v1-predict")]


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "results.jsonl"
    assert write(path, BOTH) == read(path)
    assert not read(path).cut_short
    assert [json.loads(line)["kind"] for line in path.read_text().splitlines()] == [
        *("header", "check", "check", "footer")
    ]


def test_each_line_is_there_as_soon_as_it_is_written(tmp_path: Path) -> None:
    writer = Writer(tmp_path / "results.jsonl", HEADER)
    writer.record(record("starts"))
    assert len(read(tmp_path / "results.jsonl").records) == 1


@pytest.mark.parametrize("end", ["", '{"kind": "che'], ids=["whole lines", "half a line"])
def test_a_run_that_was_cut_short_is_seen_as_such(end: str, tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    writer = Writer(path, HEADER)
    writer.record(record("starts"))
    writer.close()
    path.write_text(path.read_text() + end)
    run = read(path)
    assert run.cut_short
    assert run.missing() == [(CELL, "v1-predict")]
    assert run.sentence().endswith("was cut short after 0 of 1 cells, 1 of 2 checks")
    assert summary.exit_code(run) == 3


def test_a_run_that_lacks_only_its_footer_is_cut_short_too(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    write(path, BOTH)
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-1]))
    assert summary.exit_code(read(path)) == 3


FAILED, ERROR = Verdict.FAILED, Verdict.ERROR
UNPROVISIONED, UNSUPPORTED = Verdict.UNPROVISIONED, Verdict.UNSUPPORTED


@pytest.mark.parametrize(
    ("second", "exit_code"),
    [
        (record("v1-predict"), 0),
        (record("v1-predict", FAILED), 1),
        (record("v1-predict", ERROR), 3),
        (record("v1-predict", UNPROVISIONED), 3),
        (record("v1-predict", UNSUPPORTED, expected=UNSUPPORTED), 0),
        # It says that it doesn't offer what it should.
        (record("v1-predict", UNSUPPORTED), 1),
        (record("v1-predict", FAILED, expected=FAILED), 0),
        # The list of known failures is out of date.
        (record("v1-predict", expected=FAILED), 1),
        (None, 3),
    ],
    ids=_id,
)
def test_a_run_is_judged(second: Record | None, exit_code: int, tmp_path: Path) -> None:
    run = write(tmp_path / "results.jsonl", [record("starts"), *([second] if second else [])])
    assert run.exit_code() == exit_code
    assert run.footer is not None
    assert run.footer.exit_code == exit_code


def test_a_verdict_against_the_subject_stands_in_an_incomplete_run(tmp_path: Path) -> None:
    assert write(tmp_path / "results.jsonl", [record("starts", FAILED)]).exit_code() == 1


WRONG_FILES = {
    "no header": (0, None, "line 1 must be a header"),
    "no JSON": (1, "{", "line 2 is no line of results"),
    "unknown verdict": (1, {"verdict": "fine"}, r"line 2 breaks results\.schema\.json: .*fine"),
    "unknown member": (1, {"colour": "red"}, r"line 2 breaks results\.schema\.json: .*colour"),
    "unknown kind": (1, {"kind": "note"}, "line 2 is of no known kind: 'note'"),
    "another schema": (
        0,
        {"schema": 1},
        "line 1: results of schema 1, and this release reads schema 2",
    ),
    "footer in the middle": (1, "footer", "line 2 is a footer before the end"),
}


@pytest.mark.parametrize("wrong", WRONG_FILES)
def test_a_file_that_breaks_the_schema_is_refused_with_its_line(wrong: str, tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    write(path, BOTH)
    lines = path.read_text().splitlines()
    at, change, said = WRONG_FILES[wrong]
    if change is None:
        del lines[at]
    elif change == "footer":
        lines.insert(at, lines[-1])
    elif isinstance(change, str):
        lines[at] = change
    else:
        lines[at] = json.dumps({**json.loads(lines[at]), **change})
    path.write_text("\n".join(lines) + "\n")
    with pytest.raises(ResultsError, match=said):
        read(path)


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(ResultsError, match=r"nowhere\.jsonl can't be read: No such file"):
        read(tmp_path / "nowhere.jsonl")


def _junit(tmp_path: Path, records: Sequence[Record]) -> ElementTree.Element:
    junit.write(write(tmp_path / "results.jsonl", records), tmp_path / "junit.xml")
    return ElementTree.parse(tmp_path / "junit.xml").getroot()


def test_junit_has_a_suite_per_cell_and_every_planned_check(tmp_path: Path) -> None:
    root = _junit(tmp_path, [record("starts", FAILED)])
    suite = root[0]
    assert suite.attrib["name"] == CELL
    assert {key: suite.attrib[key] for key in ("tests", "failures", "errors")} == {
        "tests": "2",
        "failures": "1",
        "errors": "1",
    }
    assert suite.find("testcase[@name='starts']/failure") is not None
    assert suite.find("testcase[@name='v1-predict']/error[@type='missing']") is not None


@pytest.mark.parametrize(
    ("second", "element"),
    [
        (record("v1-predict"), None),
        (record("v1-predict", FAILED, expected=FAILED), None),
        (record("v1-predict", expected=FAILED), "failure"),
        (record("v1-predict", UNSUPPORTED), "failure"),
        (record("v1-predict", UNSUPPORTED, expected=UNSUPPORTED), "skipped"),
        (record("v1-predict", ERROR), "error"),
        (record("v1-predict", UNPROVISIONED), "error"),
    ],
    ids=_id,
)
def test_junit_tells_each_verdict(second: Record, element: str | None, tmp_path: Path) -> None:
    case = _junit(tmp_path, [record("starts"), second])[0][1]
    assert [child.tag for child in case] == ([element] if element else [])


def test_junit_holds_control_characters_of_a_log(tmp_path: Path) -> None:
    log = Record(CELL, AXES, "starts", FAILED, Verdict.PASSED, "\x1b[31m", None, None, 0.1,
                 {"wrapper_log": "\x00"})  # fmt: skip
    failure = _junit(tmp_path, [log])[0].find("testcase/failure")
    assert failure is not None
    assert failure.attrib["message"] == "\N{REPLACEMENT CHARACTER}[31m"


@pytest.mark.parametrize(
    ("second", "mark"),
    [
        (record("v1-predict"), "ok"),
        (record("v1-predict", FAILED), "F"),
        (record("v1-predict", ERROR), "E"),
        (record("v1-predict", UNPROVISIONED), "U"),
        (record("v1-predict", FAILED, expected=FAILED), "k"),
        (None, "-"),
    ],
    ids=_id,
)
def test_the_table_marks_the_worst_of_a_cell(
    second: Record | None, mark: str, tmp_path: Path
) -> None:
    run = write(tmp_path / "results.jsonl", [record("starts"), *([second] if second else [])])
    shown = io.StringIO()
    summary.show(run, Console(width=120, file=shown))
    row = next(line for line in shown.getvalue().splitlines() if line.startswith("  0.9.0"))
    assert row.split()[1] == mark


def test_findings_are_told_once_with_the_number_of_cells(tmp_path: Path) -> None:
    run = write(tmp_path / "results.jsonl", [record("starts", FAILED)])
    twice = Run(run.header, [*run.records, *run.records], None)
    assert summary.findings(twice) == [f"failed: starts in {CELL} and 1 more: why starts is failed"]


def test_what_is_not_offered_is_told_with_its_reason(tmp_path: Path) -> None:
    absent = [record(each, Verdict.UNSUPPORTED, Verdict.UNSUPPORTED) for each in ("a", "b")]
    run = write(tmp_path / "results.jsonl", [*absent, record("c")])
    reasons = summary.differences(run)
    assert reasons == [
        "differs: why a is unsupported (a)",
        "differs: why b is unsupported (b)",
    ]
