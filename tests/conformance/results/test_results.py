"""The results file: what is written, what a reader refuses, and how a run is judged."""

from __future__ import annotations

import hashlib
import json
import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from kserve_conformance.results import results_file
from kserve_conformance.results.record import Evidence, Footer, Record, Run
from kserve_conformance.results.results_file import ResultsError, Writer, given, read
from kserve_conformance.results.verdict import Verdict

from matrix.commands import summary
from matrix.results import judging
from tests.conformance.tiny_run import AXES, CELL, HEADER

REPOSITORY = Path(__file__).parents[3]


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


def told_id(value: object) -> str:
    if isinstance(value, Record):
        return f"{value.verdict} for {value.expected_verdict}"
    return str(value)


BOTH = [record("starts"), record("v1-predict")]


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "results.jsonl"
    write(path, BOTH[:1])  # An earlier run, of which nothing is left.
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
    assert summary.exit_code(judging.by_today([run])) == 3


def test_a_run_that_lacks_only_its_footer_is_cut_short_too(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    write(path, BOTH)
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-1]))
    assert summary.exit_code(judging.by_today([read(path)])) == 3


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
        # A SHOULD, or a check that is known to be flaky.
        (replace(record("v1-predict", FAILED), binding=False), 0),
        (None, 3),
    ],
    ids=told_id,
)
def test_a_run_is_judged(second: Record | None, exit_code: int, tmp_path: Path) -> None:
    run = write(tmp_path / "results.jsonl", [record("starts"), *([second] if second else [])])
    assert run.exit_code() == exit_code
    assert run.footer is not None
    assert run.footer.exit_code == exit_code


def test_the_footer_counts_what_the_run_came_to(tmp_path: Path) -> None:
    run = write(tmp_path / "results.jsonl", [record("starts", FAILED)])
    assert run.footer == Footer("2026-11-24T03:01:00+00:00", 60.0, 0, 1, {"failed": 1}, 1)


def test_a_verdict_against_the_subject_stands_in_an_incomplete_run(tmp_path: Path) -> None:
    assert write(tmp_path / "results.jsonl", [record("starts", FAILED)]).exit_code() == 1


Lines = list[dict[str, Any]]


def _without_header(lines: Lines) -> None:
    del lines[0]


def _footer_too_early(lines: Lines) -> None:
    lines.insert(1, lines[-1])


def _two_footers(lines: Lines) -> None:
    lines.append(lines[-1])


def _two_headers(lines: Lines) -> None:
    lines.insert(1, lines[0])


def _repeated(lines: Lines) -> None:
    lines.insert(3, lines[1])


def _lost(lines: Lines) -> None:
    del lines[2]


def _added(lines: Lines) -> None:
    lines.insert(3, {**lines[2], "check": "another"})


def _change(line: int, **members: Any) -> Callable[[Lines], None]:
    return lambda lines: lines[line - 1].update(members)


def _lack(line: int, member: str) -> Callable[[Lines], None]:
    return lambda lines: lines[line - 1].pop(member)


_BREAKS = r"breaks results\.schema\.json"
WRONG_LINES: dict[str, tuple[Callable[[Lines], None], str]] = {
    "no header": (_without_header, "line 1 must be a header, and the only one"),
    "two headers": (_two_headers, "line 1 must be a header, and the only one"),
    "footer in the middle": (_footer_too_early, "line 2 is a footer before the end"),
    "two footers": (_two_footers, "line 4 is a footer before the end"),
    "unknown kind": (_change(2, kind="note"), "line 2 is of an unknown kind: 'note'"),
    "no kind": (_lack(2, "kind"), "line 2 is no line of results: KeyError"),
    "unknown verdict": (_change(2, verdict="fine"), f"line 2 {_BREAKS}: verdict: .*fine"),
    "long nonsense": (_change(2, verdict="x" * 999), f"line 2 {_BREAKS}: verdict: .{{200}}$"),
    "unknown member": (_change(3, colour="red"), f"line 3 {_BREAKS}: the line: .*colour"),
    "no member": (_lack(3, "message"), f"line 3 {_BREAKS}: the line: .*message"),
    "wrong type": (_change(2, seconds="1"), f"line 2 {_BREAKS}: seconds: .*number"),
    "no such attempt": (_change(2, attempt=0), f"line 2 {_BREAKS}: attempt: "),
    "deep inside": (
        _change(2, evidence={"exchanges": [{"request": "GET /"}]}),
        rf"line 2 {_BREAKS}: evidence\.exchanges\.0: .*response",
    ),
    "no date": (_change(1, started="yesterday"), f"line 1 {_BREAKS}: started: .*date-time"),
    "no time of Python's": (
        _change(1, started="0001-01-01T00:00:00+05:00"),
        "line 1: started: .* is not a usable time",
    ),
    "a leap second": (
        _change(4, ended="2026-12-31T23:59:60Z"),
        "line 4: ended: .* is not a usable time",
    ),
    "no offset": (_change(4, ended="2026-11-24T03:01:00"), f"line 4 {_BREAKS}: ended: .*date-time"),
    "another schema": (
        _change(1, schema=1),
        "line 1: results of schema 1, and this release reads schema 2: run again",
    ),
    "a schema to come": (_change(1, schema=3), "line 1: results of schema 3, and this release"),
    "a repeated record": (
        _repeated,
        f"line 4 is one more record of attempt 1 at starts in {CELL}",
    ),
    "a lost record": (_lost, "line 3: the footer counts 2 checks, and the file has 1"),
    "an added record": (_added, "line 5: the footer counts 2 checks, and the file has 3"),
}


@pytest.mark.parametrize("wrong", WRONG_LINES)
def test_lines_that_break_the_rules_are_refused_with_their_number(
    wrong: str, tmp_path: Path
) -> None:
    path = tmp_path / "results.jsonl"
    write(path, BOTH)
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    change, said = WRONG_LINES[wrong]
    change(lines)
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    with pytest.raises(ResultsError, match=said) as raised:
        read(path)
    assert str(raised.value).startswith(f"{path}: ")


WRONG_BYTES = {
    "half a line": (b'{"kind": "check", "cell', "line 3 is no line of results: JSONDecodeError"),
    "an empty line": (b"", "line 3 is no line of results: JSONDecodeError"),
    "no object": (b"[]", "line 3 is no line of results: TypeError"),
    "no UTF-8": (b'{"kind": "\xff"}', "line 3 is no line of results: UnicodeDecodeError"),
    "too deep": (b"[" * 100_000, "line 3 is no line of results: RecursionError"),
}


@pytest.mark.parametrize("wrong", WRONG_BYTES)
def test_bytes_that_are_no_line_are_refused_with_its_number(wrong: str, tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    write(path, BOTH)
    lines = path.read_bytes().splitlines()
    lines[2], said = WRONG_BYTES[wrong]
    path.write_bytes(b"\n".join(lines) + b"\n")
    with pytest.raises(ResultsError, match=said):
        read(path)


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"", "is empty: the run ended before"), (b'{"kind": "head', "line 1 is cut off: the run")],
)
def test_a_file_without_a_line_is_refused(content: bytes, said: str, tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    path.write_bytes(content)
    with pytest.raises(ResultsError, match=said):
        read(path)


def test_what_is_hashed_is_what_is_read(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    write(path, BOTH)
    found = given(path)
    assert found.run == read(path)
    assert found.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize("kept", ["whole lines", "half of the last"])
def test_a_file_cut_anywhere_reads_as_the_whole_lines_before(kept: str, tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    write(path, BOTH)
    lines = path.read_bytes().splitlines(keepends=True)
    half = b"" if kept == "whole lines" else lines[2][:-1]
    path.write_bytes(lines[0] + lines[1] + half)
    run = read(path)
    assert run.records == BOTH[:1]
    assert run.cut_short


_ENDLESS = """
import itertools, pathlib, sys
from kserve_conformance.results.results_file import Writer
from tests.conformance.results.test_results import HEADER, record
writer = Writer(pathlib.Path(sys.argv[1]), HEADER)
for number in itertools.count():
    writer.record(record(f"check-{number}"))
"""


def test_a_run_that_is_killed_while_it_writes_leaves_whole_lines(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    with subprocess.Popen([sys.executable, "-c", _ENDLESS, str(path)], cwd=REPOSITORY) as writing:
        while writing.poll() is None and not (path.exists() and path.stat().st_size > 100_000):
            time.sleep(0.01)
        writing.kill()
    assert writing.returncode == -signal.SIGKILL
    run = read(path)
    assert run.cut_short
    assert len(run.records) > 100
    assert [each.check for each in run.records] == [
        f"check-{number}" for number in range(len(run.records))
    ]
    assert path.read_bytes().endswith(b"}\n")


def test_a_line_that_the_system_takes_in_pieces_is_written_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_all = os.write
    monkeypatch.setattr(os, "write", lambda file, data: write_all(file, data[:50]))
    assert write(tmp_path / "results.jsonl", BOTH) == read(tmp_path / "results.jsonl")


def test_half_of_a_surrogate_pair_is_written_and_read(tmp_path: Path) -> None:
    odd = replace(record("starts"), observed="\ud800", expected={"a": ("x", 1)})
    write(tmp_path / "results.jsonl", [odd])
    (again,) = read(tmp_path / "results.jsonl").records
    assert (again.observed, again.expected) == ("\ud800", {"a": ["x", 1]})


def test_numbers_that_json_does_not_have_are_written_as_text(tmp_path: Path) -> None:
    odd = {"b": [math.nan, 1.5], "a": (math.inf, -math.inf)}
    path = tmp_path / "results.jsonl"
    run = write(path, [replace(record("starts"), observed=odd, expected=math.nan)])
    # Strictly: JavaScript's JSON.parse, jq and others take no NaN.
    for line in path.read_text().splitlines():
        json.loads(line, parse_constant=pytest.fail)
    assert read(path) == run
    assert run.records[0].expected == "NaN"
    assert run.records[0].observed == {"b": ["NaN", 1.5], "a": ["Infinity", "-Infinity"]}
    assert list(run.records[0].observed) == ["b", "a"]


def test_a_record_that_breaks_the_schema_is_not_written(tmp_path: Path) -> None:
    writer = Writer(tmp_path / "results.jsonl", HEADER)
    with pytest.raises(ValueError, match="minimum"):
        writer.record(replace(record("starts"), seconds=-1.0))
    writer.close()
    assert read(tmp_path / "results.jsonl").records == []


def test_secrets_are_not_written(tmp_path: Path) -> None:
    header = "authorization: Bearer of-the-client"
    evidence: Evidence = {
        "exchanges": [{"request": header, "response": header}],
        "wrapper_log": header,
    }
    holding = replace(
        record("starts", FAILED),
        message=header,
        expected={"header": header},
        observed=[header],
        evidence=evidence,
    )
    path = tmp_path / "results.jsonl"
    run = write(path, [holding])
    assert "of-the-client" not in path.read_text()
    assert path.read_text().count("authorization: ***") == 6
    # What other reports are made of is what was written.
    assert run == read(path)


def test_secrets_of_the_wrappers_command_are_not_written(tmp_path: Path) -> None:
    given = {"name": "w", "command": "env HF_TOKEN=s3cret {python} -m w", "constructor": None}
    path = tmp_path / "results.jsonl"
    writer = Writer(path, replace(HEADER, wrapper=given))
    run = writer.finish("2026-11-24T03:01:00+00:00", 60.0)
    assert "s3cret" not in path.read_text()
    assert run == read(path)
    assert run.header.wrapper == {**given, "command": "env HF_TOKEN=*** {python} -m w"}


def test_a_command_keeps_its_folders(tmp_path: Path) -> None:
    """It is run again from results, without a shell that would know what ~ is."""
    command = f"{{python}} {Path.home()}/mine.py"
    writer = Writer(
        tmp_path / "r.jsonl",
        replace(HEADER, wrapper={"name": "w", "command": command, "constructor": None}),
    )
    assert writer.finish("2026-11-24T03:01:00+00:00", 60.0).header.wrapper["command"] == command


def test_a_whole_run_takes_the_place_of_an_earlier_one(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "results.jsonl"
    run = write(path, BOTH)
    other = replace(run, header=replace(HEADER, run="other"))
    assert results_file.write(path, other) == read(path) == other
    cut = replace(run, footer=None)
    assert results_file.write(path, cut) == read(path) == cut
    assert list(path.parent.iterdir()) == [path]


def test_a_run_that_cant_be_written_leaves_the_earlier_one(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    run = write(path, BOTH)
    broken = replace(run, records=[BOTH[0], replace(BOTH[1], seconds=-1.0)])
    with pytest.raises(ValueError, match="minimum"):
        results_file.write(path, broken)
    assert read(path) == run
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(("attempts", "exit_code"), [((1, 2), 0), ((1,), 3), ((2,), 3)])
def test_each_check_needs_all_its_attempts(
    attempts: tuple[int, ...], exit_code: int, tmp_path: Path
) -> None:
    writer = Writer(tmp_path / "results.jsonl", replace(HEADER, repeat=2))
    for attempt in (1, 2):
        writer.record(replace(record("starts"), attempt=attempt))
    for attempt in attempts:
        writer.record(replace(record("v1-predict"), attempt=attempt))
    writer.finish("2026-11-24T03:01:00+00:00", 60.0)
    run = read(tmp_path / "results.jsonl")
    assert run.exit_code() == exit_code
    assert run.missing() == ([] if exit_code == 0 else [(CELL, "v1-predict")])
    assert run.sentence().endswith(f"{2 + len(attempts)} of 4 checks")


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(ResultsError, match=r"nowhere\.jsonl can't be read: No such file"):
        read(tmp_path / "nowhere.jsonl")
