"""JUnit XML: what CI systems read of one run and of several."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import junitparser
import pytest
from kserve_conformance.results import junit
from kserve_conformance.results.record import Record, Run
from kserve_conformance.results.verdict import Verdict

from tests.conformance.tiny_run import AXES, CELL, HEADER

FAILED, ERROR = Verdict.FAILED, Verdict.ERROR
UNSUPPORTED, UNPROVISIONED = Verdict.UNSUPPORTED, Verdict.UNPROVISIONED
# What the schema of Jenkins' xUnit plugin (junit-10.xsd) allows, of what is written here.
ALLOWED: dict[str, set[str]] = {
    "testsuites": {"name", "time", "tests", "failures", "errors"},
    "testsuite": {
        *("name", "tests", "failures", "errors", "skipped", "time", "timestamp"),
    },
    "properties": set(),
    "property": {"name", "value"},
    "testcase": {"name", "time", "classname"},
    "failure": {"type", "message"},
    "error": {"type", "message"},
    "skipped": {"type", "message"},
}


def record(
    check: str,
    verdict: Verdict = Verdict.PASSED,
    expected: Verdict = Verdict.PASSED,
    attempt: int = 1,
) -> Record:
    message = "" if verdict is Verdict.PASSED else f"why {check} is {verdict}"
    return Record(
        CELL, AXES, check, verdict, expected, message, None, None, 0.5, {}, attempt=attempt
    )


def report(tmp_path: Path, *runs: Run) -> ElementTree.Element:
    junit.write(runs, tmp_path / "junit.xml")
    return ElementTree.parse(tmp_path / "junit.xml").getroot()


def run(records: Sequence[Record], repeat: int = 1) -> Run:
    return Run(replace(HEADER, repeat=repeat), records, None)


def second_case(root: ElementTree.Element) -> ElementTree.Element:
    return root[0].findall("testcase")[1]


def _id(value: object) -> str:
    if isinstance(value, Record):
        return f"{value.verdict} for {value.expected_verdict}"
    return str(value)


def test_a_cell_is_a_suite_with_every_planned_check(tmp_path: Path) -> None:
    suite = report(tmp_path, run([record("starts", FAILED)]))[0]
    assert suite.attrib["name"] == f"{CELL} on process"
    assert {key: suite.attrib[key] for key in ("tests", "failures", "errors")} == {
        "tests": "2",
        "failures": "1",
        "errors": "1",
    }
    assert suite.find("testcase[@name='starts']/failure") is not None
    assert suite.find("testcase[@name='v1-predict']/error[@type='missing']") is not None


def test_cases_are_counted_and_timed(tmp_path: Path) -> None:
    known = record("v1-predict", FAILED, expected=FAILED)
    starts = [record("starts"), record("starts", FAILED)]
    root = report(tmp_path, *(run([first, known]) for first in starts))
    suite, counts = root[0].attrib, ("tests", "failures", "errors", "skipped")
    assert [suite[name] for name in counts] == ["2", "0", "0", "1"]
    assert (suite["time"], suite["timestamp"]) == ("1.000", "2026-11-24T03:00:00")
    assert [root.attrib[name] for name in counts[:3]] == ["4", "1", "0"]
    assert root.attrib["time"] == "2.000"


def test_what_was_not_planned_is_a_case_too(tmp_path: Path) -> None:
    odd = [record("odd", FAILED), replace(record("starts", FAILED), cell="elsewhere")]
    root = report(tmp_path, run([record("starts"), record("v1-predict"), *odd]))
    assert [suite.attrib["name"] for suite in root] == [
        f"{CELL} on process",
        "elsewhere on process",
    ]
    assert (root.attrib["tests"], root.attrib["failures"]) == ("4", "2")


def test_what_was_not_planned_is_judged_by_the_attempt_that_was_made(tmp_path: Path) -> None:
    made = [record("starts"), record("v1-predict"), record("odd"), record("odder", FAILED)]
    suite = report(tmp_path, run(made))[0]
    odd, odder = suite.findall("testcase")[2:]
    assert list(odd) == []
    assert odder[0].attrib["message"] == "why odder is failed"


def test_a_server_at_its_address_has_no_runtime(tmp_path: Path) -> None:
    header = replace(HEADER, runtime=None, wrapper={**HEADER.wrapper, "name": None})
    root = report(tmp_path, Run(header, [record("starts")], None))
    assert (root.attrib["name"], root[0].attrib["name"]) == ("a server", CELL)
    assert "None" not in (tmp_path / "junit.xml").read_text()


@pytest.mark.parametrize(
    ("second", "element"),
    [
        (record("v1-predict"), None),
        (record("v1-predict", FAILED), "failure"),
        (record("v1-predict", FAILED, expected=FAILED), "skipped"),
        (record("v1-predict", expected=FAILED), "failure"),
        (record("v1-predict", UNSUPPORTED), "failure"),
        (record("v1-predict", UNSUPPORTED, expected=UNSUPPORTED), "skipped"),
        (record("v1-predict", ERROR), "error"),
        (record("v1-predict", UNPROVISIONED), "error"),
        (replace(record("v1-predict", FAILED), binding=False), "skipped"),
    ],
    ids=_id,
)
def test_each_verdict_has_its_element(second: Record, element: str | None, tmp_path: Path) -> None:
    case = second_case(report(tmp_path, run([record("starts"), second])))
    assert [child.tag for child in case] == ([element] if element else [])


def test_what_is_skipped_says_why(tmp_path: Path) -> None:
    known = record("starts", FAILED, expected=FAILED)
    lenient = replace(record("v1-predict", FAILED), binding=False)
    messages = [
        each.attrib["message"] for each in report(tmp_path, run([known, lenient])).iter("skipped")
    ]
    assert messages == [
        "known failure: why starts is failed",
        "not held against the subject: why v1-predict is failed",
    ]


def test_a_departure_says_what_it_is_from(tmp_path: Path) -> None:
    beside = replace(record("starts", FAILED), binding=False, family="http")
    deciding = replace(record("v1-predict", FAILED), family="v1")
    root = report(tmp_path, run([beside, deciding]))
    told = [each.text for each in (*root.iter("skipped"), *root.iter("failure"))]
    assert told == ["departs from HTTP (RFC 9110)", "departs from V1"]


def test_a_pass_that_is_not_expected_says_so(tmp_path: Path) -> None:
    odd = record("v1-predict", expected=FAILED)
    (failure,) = second_case(report(tmp_path, run([record("starts"), odd])))
    assert failure.attrib == {"type": "passed", "message": "passed, expected failed"}


@pytest.mark.parametrize(
    ("verdicts", "element", "message"),
    [
        (["passed", "passed", "passed"], None, ""),
        (["passed", "failed", "failed"], "failure", "2 of 3 attempts: why v1-predict is failed"),
        (["failed", "error", "passed"], "failure", "1 of 3 attempts: why v1-predict is failed"),
        (["passed", "passed"], "error", "1 of 3 attempts never ran"),
        ([], "error", "planned, and never ran"),
    ],
)
def test_attempts_at_a_check_are_one_case(
    verdicts: list[str], element: str | None, message: str, tmp_path: Path
) -> None:
    attempts = [
        record("v1-predict", Verdict(verdict), attempt=number)
        for number, verdict in enumerate(verdicts, start=1)
    ]
    root = report(tmp_path, run([record("starts"), *attempts], repeat=3))
    assert len(root[0].findall("testcase")) == 2
    case = second_case(root)
    assert case.attrib["time"] == f"{0.5 * len(attempts):.3f}"
    assert [child.tag for child in case] == ([element] if element else [])
    assert "".join(child.attrib["message"] for child in case) == message
    if element and attempts:
        for number, verdict in enumerate(verdicts, start=1):
            assert f"attempt {number}: {verdict}" in str(case[0].text)


def test_runs_on_both_backends_have_suites_of_their_own(tmp_path: Path) -> None:
    on_process = run([record("starts"), record("v1-predict")])
    on_containers = replace(
        on_process,
        header=replace(HEADER, runtime="container"),
        records=[
            replace(each, axes={**AXES, "runtime": "container"}) for each in on_process.records
        ],
    )
    root = report(tmp_path, on_process, on_containers)
    assert [suite.attrib["name"] for suite in root] == [
        f"{CELL} on process",
        f"{CELL} on container",
    ]
    cases = [(case.attrib["classname"], case.attrib["name"]) for case in root.iter("testcase")]
    assert len(set(cases)) == 4
    assert root.attrib["tests"] == "4"


def test_a_suite_has_the_axes_as_properties(tmp_path: Path) -> None:
    suite = report(tmp_path, run([record("starts")]))[0]
    properties = {each.attrib["name"]: each.attrib["value"] for each in suite.iter("property")}
    assert properties == {**AXES, "wrapper": "w", "run": "r"}


def test_a_log_may_hold_what_xml_cant(tmp_path: Path) -> None:
    log = replace(
        record("starts", FAILED),
        message="\x1b[31m <&\"'",
        evidence={"wrapper_log": "\x00\r\ud800\uffff ]]>"},
    )
    failure = report(tmp_path, run([log]))[0].find("testcase/failure")
    assert failure is not None
    assert failure.attrib["message"] == "\N{REPLACEMENT CHARACTER}[31m <&\"'"
    assert str(failure.text).endswith("moment:\n" + 4 * "\N{REPLACEMENT CHARACTER}" + " ]]>")


def test_the_report_keeps_to_the_schema_of_jenkins(tmp_path: Path) -> None:
    attempts = [record("starts", FAILED), record("starts", attempt=2), record("v1-predict", ERROR)]
    known = record("v1-predict", FAILED, expected=FAILED, attempt=2)
    root = report(tmp_path, run([*attempts, known], repeat=2), run([]))
    for element in root.iter():
        assert set(element.attrib) <= ALLOWED[element.tag]
    read = junitparser.JUnitXml.fromfile(str(tmp_path / "junit.xml"))
    assert (read.tests, read.failures, read.errors) == (4, 1, 3)
