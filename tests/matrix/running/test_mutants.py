"""Wrappers that are wrong on purpose: the matrix catches each, and every check catches one."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from kserve_conformance.results import results_file
from kserve_conformance.results.verdict import Verdict

from fixtures.wrappers import mutants
from matrix.planning import axes, expectations
from matrix.planning.subject import OURS_CONSTRUCTOR
from tests.matrix import given_torchserve, real_results, runs
from tests.matrix.running.caught import CAUGHT, Caught
from tests.matrix.runs import Ran

pytestmark = [pytest.mark.integration, pytest.mark.timeout(1200)]

# Fewer than are usual: other tests run beside, and each worker imports as much as a cell takes.
_JOBS = "--jobs=2"
WRAPPERS = runs.REPOSITORY / "fixtures" / "wrappers"


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Mapping[Caught, Ran]:
    """Give the run that each case was a part of.

    One comes after the other: two may not bring the model of the same cell into one TorchServe.
    """
    found = {}
    for together in rounds(CAUGHT):
        ran = _run(together, tmp_path_factory.mktemp("mutants"))
        found.update(dict.fromkeys(together, ran))
    return found


def rounds(cases: Sequence[Caught]) -> list[list[Caught]]:
    """Share cases out to as few runs as can have them."""
    found: list[list[Caught]] = []
    for case in cases:
        fitting = (every for every in found if all(_go_together(case, each) for each in every))
        together = next(fitting, None)
        if together is None:
            found.append(together := [])
        together.append(case)
    return found


def _go_together(one: Caught, other: Caught) -> bool:
    """Tell whether one run can have both: it has each cell once, and one constructor."""
    return (
        one.cell != other.cell
        and one.start_timeout == other.start_timeout
        and not ("constructor" in one.checks and "constructor" in other.checks)
    )


def _run(cases: Sequence[Caught], folder: Path) -> Ran:
    """Judge mutants in a cell each, by the checks that catch them: others could take long."""
    values = axes.load().protocols
    named = folder / "mutants.json"
    named.write_text(
        json.dumps(
            [[each.kserve, values[each.protocol], each.envelope, each.mutant] for each in cases]
        )
    )
    checks = {each.cell: each.checks for each in cases}
    constructed = (
        f"{WRAPPERS / 'mutants.py'}:{each.mutant}" for each in cases if "constructor" in each.checks
    )
    return runs.run(
        folder,
        *("--runtime=process", _JOBS),
        f"--start-timeout={cases[0].start_timeout}",
        f"--wrapper={{python}} -m fixtures.wrappers.mutant_of_cell {named}",
        *(f"--cell={cell}" for cell in checks),
        # Without one it isn't judged by what our wrapper alone promises.
        f"--constructor={next(constructed, OURS_CONSTRUCTOR)}",
        given=runs.lent(),
        more={given_torchserve.CHECKS: json.dumps(checks)},
    )


def test_every_mutant_is_run() -> None:
    assert {each.mutant for each in CAUGHT} == mutants.MUTANTS.keys()


def test_every_check_is_seen_to_fail_on_a_mutant() -> None:
    seen = {check for each in CAUGHT for check in each.checks}
    assert seen == expectations.load().checks.keys()


@pytest.mark.parametrize("caught", CAUGHT, ids=str)
def test_a_mutant_is_caught(caught: Caught, judged: Mapping[Caught, Ran]) -> None:
    ran = judged[caught]
    assert ran.exit_code == 1, ran.output
    told = {each.check: each for each in ran.results.records if each.cell == caught.cell}
    missed = [check for check in caught.checks if str(told[check].verdict) != "failed"]
    assert missed == [], ran.output
    # A model class that can't be constructed at all is no mutant.
    assert "constructor" not in told or "unexpected" not in told["constructor"].message
    # A finding about the subject is never taken for a fault of the harness.
    verdicts = {str(each.verdict) for each in told.values()}
    assert not {"error", "unprovisioned"} & verdicts, ran.output


def test_the_wrapper_itself_is_recorded_as_passing_where_mutants_are_caught() -> None:
    """That it still does is what each run of the matrix shows."""
    records = results_file.read(real_results.path("process")).records
    passed = {(each.cell, each.check) for each in records if each.verdict is Verdict.PASSED}
    assert passed >= {(each.cell, check) for each in CAUGHT for check in each.checks}


def test_the_unfixed_wrapper_is_caught(tmp_path: Path) -> None:
    # What waits, and the suite, would take long to find the same.
    checks = {
        "kserve0.13.1-unset-kserve-torchserve0.12.0": ("constructor", "v1-predict"),
        "kserve0.13.1-v3-kserve-torchserve0.12.0": ("constructor", "refusal-exit-code"),
    }
    ran = runs.run(
        tmp_path,
        *("--runtime=process", "--jobs=1"),
        *(f"--cell={cell}" for cell in checks),
        "--wrapper={python} -m fixtures.wrappers.unfixed",
        given=runs.lent("kserve"),
        more={given_torchserve.CHECKS: json.dumps(checks)},
    )
    assert ran.exit_code == 1, ran.output
    told = {record.check: record for record in ran.results.records}
    assert str(told["v1-predict"].verdict) == "failed"
    assert "None is not a valid PredictorProtocol" in str(told["v1-predict"].evidence)
    assert str(told["refusal-exit-code"].verdict) == "failed"
    # Nobody said where its model class is, so that this can't be judged.
    assert str(told["constructor"].verdict) == "unsupported"
