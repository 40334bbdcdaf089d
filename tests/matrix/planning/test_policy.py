"""gate.toml: what ours says, how a wrong one is told, and what a run takes of it."""

from __future__ import annotations

import argparse
import dataclasses
import datetime
from pathlib import Path

import pytest
from kserve_conformance.errors import DataFileError
from kserve_conformance.results.verdict import Verdict

from matrix.planning import axes, expectations, options, plan, policy
from matrix.planning.cells import Cell
from matrix.planning.options import RunOptions
from matrix.planning.policy import Policy

FAILING = """
[[known_failing]]
check = ["v1-predict", "V1-PREDICT-*"]
when = { kserve = "<0.9" }
reason = "for this test"
since = 2026-01-01
until = 2026-01-31
"""
FLAKY = FAILING.replace("known_failing", "known_flaky") + "least_pass_rate = 0.9\n"
LAST_DAY = datetime.date(2026, 1, 31)
DAY_AFTER = datetime.date(2026, 2, 1)
OLD = {"kserve": "0.8.0", "protocol": "v1", "envelope": "kserve"}
CELL = Cell("0.8.0", "v1", "kserve", "0.12.0", "process")
ELSEWHERE = dataclasses.replace(CELL, kserve="0.9.0")


def written(tmp_path: Path, *more: str) -> Path:
    file = tmp_path / "gate.toml"
    file.write_text("".join([policy.FILE.read_text(), *more]))
    return file


def planned(loaded: Policy) -> plan.Plan:
    parser = argparse.ArgumentParser()
    options.add(parser.add_argument)
    everything = RunOptions.of(parser.parse_args([]))
    return plan.make(axes.load(), expectations.load(), everything, "process", True, loaded)


def test_ours_names_every_value_of_the_axes() -> None:
    (requirement,) = policy.load().requirements
    assert set(requirement.points["protocol"]) == set(axes.load().protocols)
    assert requirement.profile == "default"


MISTAKES = {
    "no TOML": ("schema = 1", "schema", "can't be read"),
    "unknown member": ("least_coverage = ", "coverage = ", "evidence: .*coverage"),
    "unknown effect": ('cut_short = "block"', 'cut_short = "ignore"', r"evidence\.cut_short: "),
    "unknown axis": ("when = {}", 'when = { outcome = "serves" }', r"require\[0\].*outcome"),
    "no number": ("least_coverage = 1.0", "least_coverage = nan", "nan is not a usable number"),
    "no condition": ("when = {}", 'when = { kserve = "0.9" }', r"require\[0\]\.when: kserve = "),
    "unknown first check": (
        'first = ["starts"',
        'first = ["strats"',
        r"verdicts\.first: strats is",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_wrong_file_is_told(mistake: str, tmp_path: Path) -> None:
    right, wrong, said = MISTAKES[mistake]
    file = written(tmp_path)
    text = file.read_text()
    assert right in text
    file.write_text(text.replace(right, wrong, 1))
    with pytest.raises(DataFileError, match=said) as raised:
        policy.load(file)
    assert str(raised.value).startswith(str(file))


def test_a_file_of_another_encoding_is_told(tmp_path: Path) -> None:
    file = written(tmp_path)
    file.write_bytes(file.read_bytes() + "# caf\xe9\n".encode("latin-1"))
    with pytest.raises(DataFileError, match=r"gate\.toml can't be read: .*utf-8.*can't decode"):
        policy.load(file)


def test_a_condition_that_is_none_names_its_entry(tmp_path: Path) -> None:
    wrong = FAILING.replace('"<0.9"', '"0.9"')
    with pytest.raises(DataFileError, match=r"known_failing\[0\]\.when: kserve = '0\.9' is no"):
        policy.load(written(tmp_path, wrong))


ENTRY_MISTAKES = {
    "unknown check": ('"v1-predict"', '"v1-predct"', r"known_failing\[0\]\.check: v1-predct is no"),
    "unmatched pattern": ("V1-PREDICT-*", "V1-PRE*T", r"V1-PRE\*T is no check"),
    "text for a date": ("until = 2026-01-31", 'until = "2026-01-31"', "until: .* is no date"),
    "a time for a date": ("2026-01-31", "2026-01-31T00:00:00Z", "until: .*is no date|date"),
    "ends before it starts": ("2026-01-31", "2025-01-31", "until 2025-01-31 is before since"),
    "no specifier": ('"<0.9"', '"0.9"', "kserve = '0.9' is no version specifier"),
    "no reason": ('reason = "for this test"\n', "", "'reason' is a required property"),
}


@pytest.mark.parametrize("mistake", ENTRY_MISTAKES)
def test_a_wrong_entry_is_told(mistake: str, tmp_path: Path) -> None:
    right, wrong, said = ENTRY_MISTAKES[mistake]
    assert right in FAILING
    with pytest.raises(DataFileError, match=said):
        policy.load(written(tmp_path, FAILING.replace(right, wrong)))


def test_a_flaky_entry_must_say_how_often_it_passes(tmp_path: Path) -> None:
    with pytest.raises(DataFileError, match="'least_pass_rate' is a required property"):
        policy.load(written(tmp_path, FLAKY.replace("least_pass_rate = 0.9\n", "")))


def test_an_entry_is_in_force_to_the_end_of_its_last_day(tmp_path: Path) -> None:
    loaded = policy.load(written(tmp_path, FAILING))
    (entry,) = loaded.known_failing
    assert loaded.failing("v1-predict", OLD, LAST_DAY) is entry
    assert loaded.failing("v1-predict", OLD, DAY_AFTER) is None
    assert loaded.failing("v1-predict", {**OLD, "kserve": "0.9.0"}, LAST_DAY) is None
    assert loaded.failing("v1-explain", OLD, LAST_DAY) is None


def test_patterns_stand_for_all_checks_that_they_match(tmp_path: Path) -> None:
    (entry,) = policy.load(written(tmp_path, FAILING)).known_failing
    assert entry.checks[0] == "v1-predict"
    assert len(entry.checks) > 10
    assert entry.covers("V1-PREDICT-001", OLD)


def test_a_run_expects_what_is_known_to_fail(tmp_path: Path) -> None:
    made = planned(policy.load(written(tmp_path, FAILING)))
    made = dataclasses.replace(made, today=LAST_DAY)
    assert made.expected_verdict(CELL, "v1-predict") is Verdict.FAILED
    assert made.expected_verdict(ELSEWHERE, "v1-predict") is Verdict.PASSED
    assert made.is_binding(CELL, "v1-predict")
    late = dataclasses.replace(made, today=DAY_AFTER)
    assert late.expected_verdict(CELL, "v1-predict") is Verdict.PASSED


def test_a_run_does_not_hold_a_known_flake_against_the_wrapper(tmp_path: Path) -> None:
    made = planned(policy.load(written(tmp_path, FLAKY)))
    made = dataclasses.replace(made, today=LAST_DAY)
    assert made.expected_verdict(CELL, "v1-predict") is Verdict.PASSED
    assert not made.is_binding(CELL, "v1-predict")
    assert made.is_binding(ELSEWHERE, "v1-predict")
    assert dataclasses.replace(made, today=DAY_AFTER).is_binding(CELL, "v1-predict")


@pytest.mark.parametrize("entry", [FAILING, FLAKY])
def test_an_entry_that_meets_no_cell_of_the_matrix_stops_a_run(entry: str, tmp_path: Path) -> None:
    nowhere = policy.load(written(tmp_path, entry.replace("<0.9", "<0.8")))
    with pytest.raises(DataFileError, match="'for this test' meets no cell of check v1-predict"):
        planned(nowhere)
