"""Results are kept as they were, told in a table, and those in the repository make its page."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from kserve_conformance.errors import DataFileError, ExitCode

from drill import page, rows, tables
from drill.results import AS_WANTED, ERROR, NOT_AS_WANTED, REFUSED, Drill, Result

DOCS = Path(__file__).resolve().parents[2] / "docs"
FIGURES = {
    "wrong_answers": 0.0,
    "seconds_until_not_ready": 0.25,
    "seconds_until_ready": None,
    "seconds_until_all_answered": 1.0,
    "failures": ["503"],
}
SEEN = {
    name: {"alone": 2, "beside": 1, "sent_again": 3} for name in ("istio", "istio-1-24", "envoy")
}
WELL = Result("idle", "0.13.1", AS_WANTED, figures=FIGURES, gateways=SEEN, seconds=3.0)
NOT = replace(
    WELL,
    row="worker-killed",
    state=NOT_AS_WANTED,
    unmet=("order result: 500, wanted 503",),
    counts={"before": {"200": 1000, "OK": 3}, "during": {"503": 1}, "after": {}},
)
NO = Result("workers-unload", "0.9.0", REFUSED, said="--workers isn't to be had")
DRILL = Drill("{python} -m wrapper", "long", [WELL, NOT, NO])


def test_results_are_read_as_they_were_written(tmp_path: Path) -> None:
    DRILL.write(tmp_path / "out" / "drill.json")
    assert Drill.read(tmp_path / "out" / "drill.json") == DRILL


def test_what_is_run_again_replaces_what_was_and_the_rest_stays() -> None:
    again = replace(DRILL, results=[replace(NOT, state=AS_WANTED), replace(WELL, kserve="0.21.0")])
    told = [(each.row, each.kserve, each.state) for each in again.joined(DRILL).results]
    assert told == [
        ("idle", "0.13.1", AS_WANTED),
        ("worker-killed", "0.13.1", AS_WANTED),
        ("workers-unload", "0.9.0", REFUSED),
        ("idle", "0.21.0", AS_WANTED),
    ]


def test_results_that_break_their_schema_are_told(tmp_path: Path) -> None:
    file = tmp_path / "drill.json"
    replace(DRILL, results=[replace(WELL, state="good")]).write(file)
    with pytest.raises(DataFileError, match="'good' is not one of these"):
        Drill.read(file)


@pytest.mark.parametrize(
    ("states", "code"),
    [
        ((AS_WANTED, REFUSED), ExitCode.AS_EXPECTED),
        ((AS_WANTED, NOT_AS_WANTED, ERROR), ExitCode.AGAINST_SUBJECT),
        ((AS_WANTED, ERROR), ExitCode.NOT_KNOWN),
        ((), ExitCode.NOT_KNOWN),
    ],
)
def test_the_exit_code_tells_the_worst_that_is_known(
    states: tuple[str, ...], code: ExitCode
) -> None:
    told = [replace(WELL, state=state) for state in states]
    assert replace(DRILL, results=told).exit_code == code


def test_the_table_tells_each_row_on_each_release() -> None:
    told = tables.outcome(DRILL, rows.load())
    assert "| fault | wanted | KServe 0.13.1 | KServe 0.9.0 |" in told
    assert "| **not**: order result: 500, wanted 503 | not run |" in told
    assert "| not run | refused at the start: --workers isn't to be had |" in told


def test_the_counts_tell_phases_times_and_gateways() -> None:
    told = tables.counts(DRILL)
    assert (
        "| worker-killed | 0.13.1 | 200: 1,000, OK: 3 | 503: 1 | - | 0 | 0.25 | never | 1 |" in told
    )
    assert "| 2 / 1 | 2 / 1 | 2 / 1 |" in told
    assert "workers-unload" not in told


def test_two_runs_stand_beside_each_other_and_like_releases_are_told_once() -> None:
    both = [NOT, replace(NOT, kserve="0.21.0"), replace(WELL, kserve="0.21.0"), WELL]
    after = replace(DRILL, results=[replace(each, state=AS_WANTED) for each in both])
    told = tables.sides(replace(DRILL, results=both), after, rows.load())
    assert told.count("**not**: order result: 500, wanted 503 | as wanted |") == 1
    # What no run had is told as that.
    assert "| none is closed while a request is on its way | not run | not run |" in told.replace(
        "all answered: ", ""
    )


def test_one_line_tells_what_a_row_came_to() -> None:
    line = tables.line(replace(NOT, seconds=12.3))
    assert line == (
        "KServe 0.13.1, worker-killed: not as wanted (12 s): order result: 500, wanted 503"
    )
    assert tables.summed_up(DRILL) == (
        "3 rows: 1 as wanted, 1 not as wanted, 1 refused at the start"
    )


@pytest.mark.parametrize("file", [page.BEFORE, page.AFTER], ids=lambda file: file.stem)
def test_the_results_in_the_repository_keep_their_schema_and_are_of_rows_that_there_are(
    file: Path,
) -> None:
    if not file.exists():
        assert file == page.AFTER
        return
    found = Drill.read(file).results
    assert {each.row for each in found} <= rows.load().keys()
    assert {each.kserve for each in found} == {"0.9.0", "0.13.1", "0.21.0"}
    assert ERROR not in {each.state for each in found}


def test_the_page_says_what_the_results_do() -> None:
    assert (DOCS / "drill.md").read_text() == page.text(), "run python -m drill page"


def test_a_figure_is_no_finer_in_the_file_than_it_was_measured(tmp_path: Path) -> None:
    file = tmp_path / "drill.json"
    replace(DRILL, results=[replace(WELL, figures={"held": 1 / 3})]).write(file)
    assert json.loads(file.read_text())["results"][0]["figures"] == {"held": 0.333}
