"""JUnit XML from results, as CI systems read it: one test suite per cell and runtime."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

from kserve_conformance import catalogue
from kserve_conformance.results import whole_file
from kserve_conformance.results.record import Header, Record, Run
from kserve_conformance.results.verdict import Verdict
from kserve_conformance.text import messages

_NO_XML = re.compile("[\0-\x08\x0b-\x1f\ud800-\udfff\ufffe\uffff]")

FAILURE, ERROR, SKIPPED = "failure", "error", "skipped"
# Of several attempts at a check the worst says what its case is.
_WORST_FIRST = (FAILURE, ERROR, SKIPPED, None)


@dataclass(frozen=True)
class _Case:
    """One check in one cell: how many attempts at it were planned, and those that were made."""

    check: str
    planned: int
    attempts: list[Record] = field(default_factory=list)

    @property
    def told(self) -> list[Record]:
        """List the attempts that decide what the case is, none where it simply passed."""
        element = self.element
        return [each for each in self.attempts if element and _element(each) == element]

    @property
    def element(self) -> str | None:
        """Name the element that says what the case came to, None for passed."""
        elements = [_element(each) for each in self.attempts]
        if len(self.attempts) < self.planned:
            elements.append(ERROR)
        return min(elements, key=_WORST_FIRST.index)


def write(runs: Sequence[Run], path: Path) -> None:
    """Write the report of runs into one file; planned checks that never ran are errors in it.

    A check is one case however often it was repeated: what CI systems know a case by is its
    suite and its name, and the attempts stand in its text.
    """
    suites = [suite for run in runs for suite in _suites(run)]
    names = dict.fromkeys(run.header.wrapper["name"] or "a server" for run in runs)
    root = ElementTree.Element("testsuites", {"name": _xml(", ".join(names)), **_totals(suites)})
    root.extend(suites)
    ElementTree.indent(root)
    with whole_file.replacing(path) as unfinished:
        ElementTree.ElementTree(root).write(unfinished, encoding="utf-8", xml_declaration=True)


def _totals(suites: Sequence[ElementTree.Element]) -> dict[str, str]:
    # Jenkins' schema has no attribute for those skipped here, where it has one in a suite.
    numbers = ("tests", "failures", "errors")
    totals = {name: str(sum(int(each.attrib[name]) for each in suites)) for name in numbers}
    return {**totals, "time": f"{sum(float(each.attrib['time']) for each in suites):.3f}"}


def _suites(run: Run) -> list[ElementTree.Element]:
    header = run.header
    cases = {
        cell: {check: _Case(check, header.repeat) for check in checks}
        for cell, checks in header.planned.items()
    }
    for record in run.records:
        in_cell = cases.setdefault(record.cell, {})
        in_cell.setdefault(record.check, _Case(record.check, 1)).attempts.append(record)
    return [_suite(header, cell, list(in_cell.values())) for cell, in_cell in cases.items()]


def _suite(header: Header, cell: str, cases: Sequence[_Case]) -> ElementTree.Element:
    name = f"{cell} on {header.runtime}" if header.runtime else cell
    elements = [case.element for case in cases]
    records = [record for case in cases for record in case.attempts]
    suite = ElementTree.Element(
        "testsuite",
        name=_xml(name),
        tests=str(len(cases)),
        failures=str(elements.count(FAILURE)),
        errors=str(elements.count(ERROR)),
        skipped=str(elements.count(SKIPPED)),
        time=f"{sum(record.seconds for record in records):.3f}",
        # Always UTC; JUnit has no place for the offset.
        timestamp=header.started[:19],
    )
    suite.append(_properties(header, records))
    suite.extend(_case(name, case) for case in cases)
    return suite


def _properties(header: Header, records: Sequence[Record]) -> ElementTree.Element:
    properties = ElementTree.Element("properties")
    told = {
        "wrapper": header.wrapper["name"],
        "commit": header.commit,
        "run": header.run,
        **(records[0].axes if records else {}),
    }
    for name, value in told.items():
        if value is not None:
            ElementTree.SubElement(properties, "property", name=name, value=_xml(value))
    return properties


def _case(suite: str, case: _Case) -> ElementTree.Element:
    element = ElementTree.Element(
        "testcase",
        classname=_xml(suite),
        name=_xml(case.check),
        time=f"{sum(record.seconds for record in case.attempts):.3f}",
    )
    if case.element is not None:
        told = ElementTree.SubElement(element, case.element, message=_xml(_message(case)))
        told.set("type", str(case.told[0].verdict) if case.told else "missing")
        told.text = _xml("\n\n".join(_details(case))) or None
    return element


def _message(case: _Case) -> str:
    missing = case.planned - len(case.attempts)
    if not case.attempts:
        return "planned, and never ran"
    if not case.told:
        return f"{missing} of {case.planned} attempts never ran"
    message = _why(case.told[0])
    share = f"{len(case.told)} of {case.planned} attempts"
    return message if case.planned == 1 else f"{share}: {message}"


def _why(record: Record) -> str:
    message = (
        messages.cause(record.message) or f"{record.verdict}, expected {record.expected_verdict}"
    )
    if record.verdict is Verdict.FAILED and record.as_expected:
        return f"known failure: {message}"
    if record.binding or record.as_expected:
        return message
    return f"not held against the subject: {message}"


def _details(case: _Case) -> list[str]:
    details = []
    if case.planned > 1:
        verdicts = (f"attempt {each.attempt}: {each.verdict}" for each in case.attempts)
        details.append("\n".join(verdicts))
    families = catalogue.families()
    for record in case.told:
        family = families.get(record.family or "")
        if record.verdict is Verdict.FAILED and family:
            details.append(family.departure)
        of = "" if case.planned == 1 else f" of attempt {record.attempt}"
        if "\n" in record.message.strip():
            details.append(f"the whole message{of}:\n{record.message.strip()}")
        log = record.evidence.get("wrapper_log")
        if log:
            details.append(f"the wrapper's log at that moment{of}:\n{log}")
    return list(dict.fromkeys(details))


def _element(record: Record) -> str | None:
    if not record.verdict.is_about_subject:
        return ERROR
    if not record.as_expected:
        return FAILURE if record.binding else SKIPPED
    # JUnit has no word for what is expected to fail, or isn't offered; skipped comes nearest.
    return None if record.verdict is Verdict.PASSED else SKIPPED


def _xml(text: str) -> str:
    # XML 1.0 can't hold most control characters or halves of surrogate pairs, not even escaped.
    return _NO_XML.sub("\N{REPLACEMENT CHARACTER}", text)
