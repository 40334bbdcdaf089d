"""JUnit XML from results, as CI systems read it: one test suite per cell."""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path
from xml.etree import ElementTree

from conformance.outcomes.results import Record, Run
from conformance.outcomes.verdicts import Verdict

_NO_XML = re.compile("[\0-\x08\x0b-\x1f\ud800-\udfff\ufffe\uffff]")


def write(run: Run, path: Path) -> None:
    """Write a run's report; planned checks that never ran are errors in it."""
    by_cell: dict[str, list[Record]] = defaultdict(list)
    for record in run.records:
        by_cell[record.cell].append(record)
    missing: dict[str, list[str]] = defaultdict(list)
    for cell, check in run.missing():
        missing[cell].append(check)
    root = ElementTree.Element("testsuites", name=_xml(run.header.wrapper["name"] or "a server"))
    for cell in run.header.planned:
        root.append(_suite(cell, by_cell[cell], missing[cell]))
    ElementTree.indent(root)
    ElementTree.ElementTree(root).write(path, encoding="utf-8", xml_declaration=True)


def _suite(cell: str, records: list[Record], missing: list[str]) -> ElementTree.Element:
    elements = [_element(record) for record in records]
    suite = ElementTree.Element(
        "testsuite",
        name=cell,
        tests=str(len(records) + len(missing)),
        failures=str(elements.count("failure")),
        errors=str(elements.count("error") + len(missing)),
        skipped=str(elements.count("skipped")),
        time=f"{sum(record.seconds for record in records):.3f}",
    )
    suite.extend(_case(record) for record in records)
    for check in missing:
        case = ElementTree.SubElement(suite, "testcase", classname=cell, name=check)
        ElementTree.SubElement(case, "error", message="planned, and never ran", type="missing")
    return suite


def _case(record: Record) -> ElementTree.Element:
    case = ElementTree.Element(
        "testcase", classname=record.cell, name=record.check, time=f"{record.seconds:.3f}"
    )
    element = _element(record)
    if element is not None:
        message = record.message or f"{record.verdict}, expected {record.expected_verdict}"
        told = ElementTree.SubElement(case, element, message=_xml(message))
        told.set("type", str(record.verdict))
        log = record.evidence.get("wrapper_log")
        told.text = _xml(f"the wrapper's log at that moment:\n{log}") if log else None
    return case


def _element(record: Record) -> str | None:
    if record.verdict in (Verdict.ERROR, Verdict.UNPROVISIONED):
        return "error"
    if not record.as_expected:
        return "failure"
    # JUnit has no word for a subject that doesn't offer something; skipped comes nearest.
    return "skipped" if record.verdict is Verdict.UNSUPPORTED else None


def _xml(text: str) -> str:
    # XML 1.0 can't hold most control characters or halves of surrogate pairs, not even escaped.
    return _NO_XML.sub("\N{REPLACEMENT CHARACTER}", text)
