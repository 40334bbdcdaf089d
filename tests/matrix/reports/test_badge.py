"""The badge: green only where every release did all that is expected of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest
from kserve_conformance.results.badge import AMBER, GREEN, OLIVE, RED, Badge
from kserve_conformance.results.record import Record, Run
from kserve_conformance.results.verdict import Verdict

from matrix.reports import badge

SVG = "{http://www.w3.org/2000/svg}"
FAILED, ERROR = Verdict.FAILED, Verdict.ERROR


def changed(run: Run, release: str, change: Callable[[Record], Record | None]) -> Run:
    """Change what v1-predict came to on a release; None leaves its records out."""
    records = [
        change(record)
        if record.check == "v1-predict" and record.axes["kserve"] == release
        else record
        for record in run.records
    ]
    return replace(run, records=[record for record in records if record is not None])


def fails(record: Record) -> Record:
    return replace(record, verdict=FAILED, message="no answer")


def is_known_to_fail(record: Record) -> Record:
    return replace(fails(record), expected_verdict=FAILED)


def is_known_to_be_flaky(record: Record) -> Record:
    return replace(fails(record), binding=False)


def has_a_fault(record: Record) -> Record:
    return replace(record, verdict=ERROR, message="a fault")


def never_ran(record: Record) -> None:
    return None


def test_all_as_expected_is_green(default_run: Run) -> None:
    made = badge.of([default_run])
    assert made == Badge("KServe 0.8\N{EN DASH}0.21", "14 of 14 releases", GREEN)


@pytest.mark.parametrize(
    ("change", "message", "color"),
    [
        (fails, "1 of 14 releases broken", RED),
        (is_known_to_fail, "1 of 14 releases with known failures", OLIVE),
        (is_known_to_be_flaky, "1 of 14 releases with known failures", OLIVE),
        (has_a_fault, "1 of 14 releases not judged", AMBER),
        (never_ran, "1 of 14 releases not judged", AMBER),
    ],
)
def test_what_isnt_as_expected_is_never_green(
    change: Callable[[Record], Record | None], message: str, color: str, default_run: Run
) -> None:
    made = badge.of([changed(default_run, "0.13.1", change)])
    assert (made.message, made.color) == (message, color)
    assert made.endpoint()["isError"] is True


def test_the_worst_of_several_runs_counts(two: Run) -> None:
    broken = changed(changed(two, "0.9.0", has_a_fault), "0.13.1", fails)
    made = badge.of([two, broken])
    assert (made.message, made.color) == ("1 of 2 releases broken", RED)
    same = [changed(two, "0.9.0", change) for change in (fails, has_a_fault)]
    assert badge.of(same).message == "1 of 2 releases broken"


@pytest.mark.parametrize(("release", "label"), [("0.9.0", "KServe 0.9"), ("0.99.0", "KServe 0.99")])
def test_one_release_may_be_one_that_the_axes_lack(
    release: str, label: str, default_run: Run
) -> None:
    cell = "kserve{}-v1-kserve-torchserve0.12.0"
    checks = default_run.header.planned[cell.format("0.9.0")]
    header = replace(default_run.header, planned={cell.format(release): checks})
    made = badge.of([replace(default_run, header=header, records=[])])
    assert (made.label, made.message) == (label, "1 of 1 release not judged")


def test_nothing_is_never_green() -> None:
    assert badge.of([]) == Badge("KServe", "nothing was run", AMBER)


def test_a_run_that_was_cut_short_is_never_green(two: Run) -> None:
    whole = replace(two, footer=None)
    assert badge.of([whole]).message == "cut short, 2 of 2 releases judged"
    assert badge.of([whole]).color == AMBER
    assert badge.of([two, whole]).color == AMBER
    half = replace(whole, records=[each for each in whole.records if "0.9" in each.cell])
    assert badge.of([half]).message == "cut short, 1 of 2 releases judged"
    broken = changed(whole, "0.13.1", fails)
    assert badge.of([broken]).message == "1 of 2 releases broken, cut short"


def test_the_original_bug_is_red(unfixed_run: Run) -> None:
    made = badge.of([unfixed_run])
    assert made.label == "KServe 0.10, 0.11, 0.13, 0.14"
    assert (made.message, made.color) == ("4 of 4 releases broken", RED)


def test_the_files_are_an_image_and_what_shields_reads(default_run: Run, tmp_path: Path) -> None:
    assert badge.write([default_run], tmp_path) == [tmp_path / "badge.svg", tmp_path / "badge.json"]
    told = json.loads((tmp_path / "badge.json").read_text())
    assert told == {
        "schemaVersion": 1,
        "label": "KServe 0.8\N{EN DASH}0.21",
        "message": "14 of 14 releases",
        "color": GREEN,
        "labelColor": "#444c56",
        "isError": False,
    }
    root = ElementTree.parse(tmp_path / "badge.svg").getroot()
    assert root.tag == f"{SVG}svg"
    assert [each.text for each in root.iter(f"{SVG}text")] == [told["label"], told["message"]]
