"""Two results compared: every way in which a check can change, and none where none did."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from kserve_conformance.results.record import Record, Run
from kserve_conformance.results.verdict import Verdict

from matrix.diff import comparison, run_differences
from matrix.diff.comparison import Change, Comparison, ComparisonError, Group
from matrix.planning import expectations
from tests.matrix.gate.gate_cases import (
    CELL,
    changed,
    of_two_releases,
    one_cell,
    repeated,
    with_header,
    with_verdict,
)

CHECK = "v1-predict"
SILENT = "model-ready"


@pytest.fixture(scope="module")
def run(default_run: Run) -> Run:
    """Give the results of one cell, all of them as expected."""
    return one_cell(default_run)


def moved(found: Comparison) -> dict[Change, list[str]]:
    """Give what changed or fails, by what became of it."""
    kinds: dict[Change, list[str]] = {}
    for pair in found.pairs:
        if pair.change is not Change.SAME:
            kinds.setdefault(pair.change, []).append(pair.check)
    return kinds


def of(run: Run, check: str) -> Record:
    """Give the record of a check in a run of one cell."""
    return next(record for record in run.records if record.check == check)


def unsupported_unexpectedly(run: Run, check: str) -> Run:
    """Give a run in which a check that should pass is said not to be offered."""
    return with_verdict(run, check, Verdict.UNSUPPORTED)


def unsupported_as_expected(run: Run, check: str) -> Run:
    """Give a run in which a check is rightly said not to be offered."""

    def change(record: Record) -> Record:
        if record.check != check:
            return record
        unsupported = Verdict.UNSUPPORTED
        return replace(
            record, verdict=unsupported, expected_verdict=unsupported, message="not here"
        )

    return changed(run, change)


def without(run: Run, check: str, planned: bool) -> Run:
    """Give a run that lacks a check, which it may have planned."""
    made = changed(run, lambda record: None if record.check == check else record)
    if planned:
        return made
    cells = run.header.planned.items()
    return with_header(
        made, planned={cell: [each for each in ids if each != check] for cell, ids in cells}
    )


def test_two_runs_of_the_same_differ_in_nothing(default_run: Run, process_run: Run) -> None:
    # Two real runs: the backend is made to be the same, as it makes no difference to a client.
    on_containers = changed(
        process_run, lambda record: replace(record, axes={**record.axes, "runtime": "container"})
    )
    found = comparison.compare(default_run, on_containers, common=True)
    assert len(found.pairs) == len(process_run.records) > 5000
    assert moved(found) == {}
    assert found.exit_code() == 0


def test_a_check_that_passed_and_fails_regressed(run: Run) -> None:
    found = comparison.compare(run, with_verdict(run, CHECK, Verdict.FAILED))
    assert moved(found) == {Change.REGRESSED: [CHECK]}
    assert found.exit_code() == 1


def test_what_is_no_longer_offered_regressed(run: Run) -> None:
    for new in (unsupported_unexpectedly(run, CHECK), unsupported_as_expected(run, CHECK)):
        assert moved(comparison.compare(run, new)) == {Change.REGRESSED: [CHECK]}


def test_what_is_offered_now_and_fails_regressed(run: Run) -> None:
    old = unsupported_as_expected(run, CHECK)
    found = comparison.compare(old, with_verdict(run, CHECK, Verdict.FAILED))
    assert moved(found) == {Change.REGRESSED: [CHECK]}


def test_what_failed_and_passes_or_is_offered_now_is_fixed(run: Run) -> None:
    for old in (with_verdict(run, CHECK, Verdict.FAILED), unsupported_as_expected(run, CHECK)):
        found = comparison.compare(old, run)
        assert moved(found) == {Change.FIXED: [CHECK]}
        assert found.exit_code() == 0


def test_what_fails_in_both_is_still_failing_whatever_was_expected(run: Run) -> None:
    old = with_verdict(run, CHECK, Verdict.FAILED)
    known = changed(old, lambda each: replace(each, expected_verdict=each.verdict))
    for new in (old, known, unsupported_unexpectedly(run, CHECK)):
        found = comparison.compare(old, new)
        assert moved(found) == {Change.STILL_FAILING: [CHECK]}
        assert found.exit_code() == 0


def test_other_words_with_the_same_verdict_are_told_apart(run: Run) -> None:
    message = replace(of(run, SILENT), message="in other words")
    seen = replace(of(run, SILENT), observed={"ready": "yes"})
    for said in (message, seen):
        new = changed(run, lambda each, said=said: said if each.check == SILENT else each)  # type: ignore[misc]
        found = comparison.compare(run, new)
        assert moved(found) == {Change.WORDS: [SILENT]}
        assert found.exit_code() == 0


def test_a_check_that_only_one_of_them_made_is_new_or_gone(run: Run) -> None:
    fewer = without(run, CHECK, planned=False)
    assert moved(comparison.compare(fewer, run)) == {Change.NEW: [CHECK]}
    found = comparison.compare(run, fewer)
    assert moved(found) == {Change.GONE: [CHECK]}
    assert [pair.check for pair in found.lost()] == [CHECK]


def test_what_is_lost_is_not_known_unless_only_what_both_planned_is_asked_for(run: Run) -> None:
    fewer = without(run, CHECK, planned=False)
    assert comparison.compare(run, fewer).exit_code() == 3
    assert comparison.compare(run, fewer, common=True).exit_code() == 0
    never_ran = without(run, CHECK, planned=True)
    assert comparison.compare(run, never_ran, common=True).exit_code() == 3


@pytest.mark.parametrize("verdict", [Verdict.ERROR, Verdict.UNPROVISIONED])
def test_what_could_not_be_judged_is_a_matter_of_the_environment(
    run: Run, verdict: Verdict
) -> None:
    unjudged = with_verdict(run, CHECK, verdict)
    lost = comparison.compare(run, unjudged)
    assert moved(lost) == {Change.ENVIRONMENT: [CHECK]}
    assert lost.exit_code() == 3
    for old, new in ((unjudged, run), (unjudged, unjudged)):
        found = comparison.compare(old, new)
        assert moved(found) == {Change.ENVIRONMENT: [CHECK]}
        assert found.exit_code() == 0


def test_a_regression_goes_before_what_is_not_known(run: Run) -> None:
    new = with_verdict(without(run, CHECK, planned=True), SILENT, Verdict.FAILED)
    assert comparison.compare(run, new).exit_code() == 1


def test_a_run_that_was_cut_short_is_not_known(run: Run) -> None:
    assert comparison.compare(run, replace(run, footer=None)).exit_code() == 3
    assert comparison.compare(replace(run, footer=None), run).exit_code() == 0


def test_a_run_that_lacks_an_attempt_is_not_known(run: Run) -> None:
    thrice = repeated(run, CHECK, (), 3)
    fewer = changed(thrice, lambda each: None if (each.check, each.attempt) == (CHECK, 3) else each)
    assert comparison.compare(run, thrice).exit_code() == 0
    assert comparison.compare(run, fewer).exit_code() == 3


def test_what_is_not_held_against_the_wrapper_is_told_and_does_not_count(run: Run) -> None:
    new = changed(
        with_verdict(run, CHECK, Verdict.FAILED),
        lambda each: replace(each, binding=each.check != CHECK),
    )
    found = comparison.compare(run, new)
    assert moved(found) == {Change.REGRESSED: [CHECK]}
    assert found.regressions() == []
    assert found.exit_code() == 0


@pytest.mark.parametrize(
    ("before", "since", "change"),
    [
        (0, 0, Change.SAME),
        (0, 3, Change.REGRESSED),
        (3, 0, Change.FIXED),
        (3, 4, Change.STILL_FAILING),
        (1, 9, Change.REGRESSED),
        (9, 1, Change.STILL_FAILING),
        (10, 10, Change.STILL_FAILING),
        (10, 3, Change.STILL_FAILING),
        (5, 10, Change.REGRESSED),
    ],
)
def test_rates_of_repeated_runs_are_compared(
    run: Run, before: int, since: int, change: Change
) -> None:
    old, new = (repeated(run, CHECK, range(1, bad + 1), 10) for bad in (before, since))
    found = comparison.compare(old, new)
    assert Counter(pair.change for pair in found.pairs)[change] >= 1
    assert next(pair for pair in found.pairs if pair.check == CHECK).change is change


def test_a_check_that_became_flaky_is_told_with_its_rates(run: Run) -> None:
    old, new = (repeated(run, CHECK, bad, 10) for bad in ((), (2, 5, 6)))
    (group,) = comparison.compare(old, new).groups({})
    assert group.in_words == "passed \N{RIGHTWARDS ARROW} flaky"
    assert group.attempts() == ("10 of 10", "7 of 10")


def test_a_run_that_is_repeated_compares_with_one_that_is_not(run: Run) -> None:
    assert moved(comparison.compare(run, repeated(run, CHECK, (), 3))) == {}


def test_runs_on_different_backends_share_nothing(default_run: Run, process_run: Run) -> None:
    with pytest.raises(ComparisonError) as refused:
        comparison.compare(default_run, process_run)
    assert str(refused.value) == (
        "OLD ran TorchServe as container and NEW as process: only runs on the same backend are "
        "compared; give NEW by `python -m matrix run --runtime container`"
    )


def test_runs_that_share_no_cell_or_no_check_are_told_so(default_run: Run, run: Run) -> None:
    other = "kserve0.13.1-v1-kserve-torchserve0.12.0"
    records = [record for record in default_run.records if record.cell == other]
    elsewhere = with_header(replace(run, records=records), planned={other: ["starts"]})
    with pytest.raises(ComparisonError, match=f"no cell in common: OLD has for instance {CELL}"):
        comparison.compare(run, elsewhere)
    only = [
        changed(run, lambda each, name=name: each if each.check == name else None)  # type: ignore[misc]
        for name in (CHECK, SILENT)
    ]
    with pytest.raises(ComparisonError, match="no check that was made in both"):
        comparison.compare(only[0], only[1])
    with pytest.raises(ComparisonError, match="NEW holds no outcome of a check: the run started"):
        comparison.compare(run, replace(run, records=[]))


def groups(old: Run, new: Run) -> list[Group]:
    """Compare real runs and give what changed, ordered as the command orders it."""
    expected = expectations.load()
    order = {check: at for at, check in enumerate((*expected.checks, *expected.statements))}
    return comparison.compare(old, new, common=True).groups(order)


def test_what_a_mutant_does_wrong_is_told_first_and_once(default_run: Run, mutant_run: Run) -> None:
    first, *_ = groups(default_run, mutant_run)
    assert first.first.change is Change.REGRESSED
    assert first.checks == ("effective-protocol",)
    assert {cell["protocol"] for cell in first.cells} == {"unset", "empty"}
    assert len(first.cells) == 4


def test_what_fails_goes_before_what_is_therefore_not_offered(
    default_run: Run, unfixed_run: Run
) -> None:
    told = [
        str(group.first.new)
        for group in groups(default_run, unfixed_run)
        if group.first.change is Change.REGRESSED and group.first.new is not None
    ]
    assert told == sorted(told, key=["failed", "unsupported"].index)
    assert set(told) == {"failed", "unsupported"}


def test_other_causes_of_the_same_check_are_told_apart(default_run: Run, unfixed_run: Run) -> None:
    found = [each for each in groups(default_run, unfixed_run) if CHECK in each.checks]
    releases = [{cell["kserve"] for cell in group.cells} for group in found]
    assert sorted(releases, key=len) == [{"0.14.1"}, {"0.11.2", "0.13.1"}]


def test_what_the_runs_stood_on_is_compared(run: Run) -> None:
    other = with_header(
        run,
        commit="1" * 40,
        engine={"name": "Podman", "version": "5"},
        locks={**run.header.locks, "0.9.0": "f" * 64},
        torchserve=[{**each, "identity": "sha256:other"} for each in run.header.torchserve],
        wrapper={**run.header.wrapper, "name": "mine"},
        suite="0.9",
    )
    other = changed(
        other,
        lambda each: replace(each, evidence={"interpreter": "~/x/kserve-0.9.0-new/bin/python"}),
    )
    found = {each.what: each for each in run_differences.differences(run, other)}
    assert list(found) == [
        "wrapper",
        "conformance suite",
        "commit",
        "container engine",
        "TorchServe 0.12.0 with envelope kserve",
        "TorchServe 0.12.0 with envelope kservev2",
        "TorchServe 0.12.0 with envelope none",
        "TorchServe 0.12.0 with envelope kservev2_faithful",
        "locks of KServe 0.9.0",
        "SDK environments of KServe 0.9.0",
    ]
    assert [each.what for each in found.values() if each.of_subject] == list(found)[:3]
    assert found["SDK environments of KServe 0.9.0"].new == "kserve-0.9.0-new"
    assert run_differences.differences(run, run) == []


def test_many_locks_that_changed_are_told_as_a_range(default_run: Run) -> None:
    locks = default_run.header.locks
    other = with_header(default_run, locks={**dict.fromkeys(locks, "f" * 64), "0.22.0": "e" * 64})
    (found,) = run_differences.differences(default_run, other)
    assert (found.what, found.old, found.new) == (
        "locks of KServe 0.8.0.2-0.21.0",
        "14 digests",
        "others",
    )


def test_the_same_cell_on_both_backends_is_two(run: Run) -> None:
    process = changed(run, lambda each: replace(each, axes={**each.axes, "runtime": "process"}))
    both = replace(run, records=[*run.records, *process.records])
    assert len(comparison.compare(both, both).pairs) == 2 * len(run.records)
    failing = with_verdict(process, CHECK, Verdict.FAILED)
    worse = replace(run, records=[*run.records, *failing.records])
    (group,) = comparison.compare(both, worse).groups({})
    assert [cell["runtime"] for cell in group.cells] == ["process"]


def test_cells_of_two_releases_that_break_alike_are_one_finding(default_run: Run) -> None:
    run = of_two_releases(default_run)
    (group,) = comparison.compare(run, with_verdict(run, CHECK, Verdict.FAILED)).groups({})
    assert {cell["kserve"] for cell in group.cells} == {"0.9.0", "0.13.1"}
