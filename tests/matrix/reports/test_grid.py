"""The grid shows the worst of each point, in the order of the axes."""

from __future__ import annotations

from dataclasses import replace

from kserve_conformance.results.record import Record, Run
from kserve_conformance.results.verdict import Verdict

from matrix.planning import axes
from matrix.reports import grid
from matrix.results.states import State


def test_of_a_run_that_is_as_expected_every_point_is(default_run: Run) -> None:
    found = grid.of([default_run])
    assert {point.state for point in found.points.values()} == {State.PASSED}
    assert len(found.points) == len(found.releases) * len(found.protocols)


def test_releases_go_by_version_and_protocols_by_the_file(default_run: Run) -> None:
    found = grid.of([default_run])
    assert list(found.releases) == list(axes.load().profile("default"))
    assert list(found.protocols) == list(axes.load().protocols)


def test_a_point_has_the_cells_of_its_envelopes_and_backends(
    default_run: Run, process_run: Run
) -> None:
    found = grid.of([default_run, process_run])
    point = found.points["0.13.1", "unset"]
    assert sorted(point.cells) == [
        ("kserve0.13.1-unset-kserve-torchserve0.12.0", "container"),
        ("kserve0.13.1-unset-kserve-torchserve0.12.0", "process"),
        ("kserve0.13.1-unset-kservev2-torchserve0.12.0", "container"),
        ("kserve0.13.1-unset-kservev2-torchserve0.12.0", "process"),
        ("kserve0.13.1-unset-none-torchserve0.12.0", "container"),
        ("kserve0.13.1-unset-none-torchserve0.12.0", "process"),
    ]
    planned = sum(run.header.planned_checks for run in (default_run, process_run))
    assert sum(found.checks(release) for release in found.releases) == planned


def test_one_failure_shows_and_its_cell_comes_first(default_run: Run) -> None:
    broken = _with_last_of(default_run, "0.9.0", "unset", verdict=Verdict.FAILED)
    point = grid.of([broken]).points["0.9.0", "unset"]
    assert point.state is State.FAILED
    assert point.counts[State.FAILED] == 1
    assert point.as_expected == point.checks - 1
    assert point.cells[0][0] == _last_of(default_run, "0.9.0", "unset").cell


def test_a_failure_goes_before_an_error_of_the_harness(default_run: Run) -> None:
    broken = _with_last_of(default_run, "0.9.0", "unset", verdict=Verdict.ERROR)
    assert grid.of([broken]).points["0.9.0", "unset"].state is State.ERROR
    first = next(
        each for each in broken.records if each.cell == "kserve0.9.0-unset-kserve-torchserve0.12.0"
    )
    both = _changed(broken, first, verdict=Verdict.FAILED)
    assert list(grid.of([both]).points["0.9.0", "unset"].counts)[:2] == [State.FAILED, State.ERROR]


def test_a_known_failure_is_told_apart(default_run: Run) -> None:
    failed = {"verdict": Verdict.FAILED}
    failing = _with_last_of(default_run, "0.9.0", "v1", expected_verdict=Verdict.FAILED, **failed)
    flaky = _with_last_of(default_run, "0.9.0", "v1", binding=False, **failed)
    for run in (failing, flaky):
        assert grid.of([run]).points["0.9.0", "v1"].state is State.KNOWN


def test_what_was_planned_and_never_ran_is_missing(default_run: Run) -> None:
    last = _last_of(default_run, "0.21.0", "v2")
    short = replace(
        default_run,
        records=[each for each in default_run.records if each.cell != last.cell],
        footer=None,
    )
    point = grid.of([short]).points["0.21.0", "v2"]
    assert point.state is State.MISSING
    assert point.counts[State.MISSING] == len(default_run.header.planned[last.cell])


def test_an_attempt_that_lacks_is_missing(mutant_run: Run) -> None:
    twice = replace(mutant_run, header=replace(mutant_run.header, repeat=2))
    counts = grid.of([twice]).points["0.9.0", "v3"].counts
    assert counts[State.MISSING] == 6


def test_letters_tell_states_apart() -> None:
    letters = [state.letter for state in State]
    assert letters == ["F", "E", "U", "-", "k", "ok"]


def _last_of(run: Run, kserve: str, protocol: str) -> Record:
    return [
        record
        for record in run.records
        if (record.axes["kserve"], record.axes["protocol"]) == (kserve, protocol)
    ][-1]


def _with_last_of(run: Run, kserve: str, protocol: str, **changes: object) -> Run:
    return _changed(run, _last_of(run, kserve, protocol), **changes)


def _changed(run: Run, record: Record, **changes: object) -> Run:
    changed = replace(record, **changes)  # type: ignore[arg-type]
    return replace(run, records=[changed if each is record else each for each in run.records])
