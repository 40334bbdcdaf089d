"""Which cells a run has, and what is said of a selection that can't be run."""

from __future__ import annotations

import argparse
import dataclasses
from typing import Any

import pytest
from kserve_conformance import catalogue
from kserve_conformance.errors import DataFileError
from kserve_conformance.results.verdict import Verdict

from matrix.planning import axes, expectations, options, plan
from matrix.planning.conditions import AnyOf
from matrix.planning.control_planes import DECLARED, RuntimeKind
from matrix.planning.options import RunOptions
from matrix.planning.plan import Plan, PlanError

_PARSER = argparse.ArgumentParser()
options.add(_PARSER.add_argument)
EVERYTHING = RunOptions.of(_PARSER.parse_args([]))


def make(constructor_known: bool = True, **wanted_options: Any) -> Plan:
    wanted = dataclasses.replace(EVERYTHING, **wanted_options)
    return plan.make(axes.load(), expectations.load(), wanted, "process", constructor_known)


def test_the_default_profile_has_17_cells_for_each_of_14_releases_and_2_more_for_3() -> None:
    made = make()
    assert len(made.cells) == 14 * 17 + 3 * 2
    assert len({cell.id for cell in made.cells}) == len(made.cells)
    assert {cell.torchserve for cell in made.cells} == {"0.12.0"}


def test_the_whole_profile_has_27_releases() -> None:
    assert len({cell.kserve for cell in make(profile="all").cells}) == 27


def test_cells_of_a_profile_are_there_on_its_releases_only() -> None:
    quick = axes.load().profile("quick")
    for protocol, envelope in (("v1", "none"), ("grpc-v2", "kserve")):
        cells = make(profile="all", protocol=(protocol,)).cells
        assert tuple(cell.kserve for cell in cells if cell.envelope == envelope) == quick


def test_each_control_plane_arrives_at_a_cell_of_every_release() -> None:
    known, made = axes.load(), make()
    for plane in known.control_planes:
        pods = {plane.pod(declared, runtime) for declared in DECLARED for runtime in RuntimeKind}
        points = {known.arrived_at(pod) for pod in pods if pod is not None}
        shown = {cell.kserve for cell in made.cells if (cell.protocol, cell.envelope) in points}
        assert shown == {*known.profile("default")}, plane.called


def test_what_a_control_plane_writes_is_a_cell() -> None:
    known = axes.load()
    cells = {(cell.protocol, cell.envelope) for cell in make().cells}
    for plane in known.control_planes:
        for declared in DECLARED:
            for runtime in RuntimeKind:
                pod = plane.pod(declared, runtime)
                assert pod is None or known.arrived_at(pod) in cells, (plane, declared, runtime)


def test_ids_are_readable_and_the_same_for_both_runtimes() -> None:
    made = make(kserve=("0.9.0",), protocol=("unset",))
    assert [cell.id for cell in made.cells] == [
        "kserve0.9.0-unset-kserve-torchserve0.12.0",
        "kserve0.9.0-unset-kservev2-torchserve0.12.0",
        "kserve0.9.0-unset-none-torchserve0.12.0",
    ]


def test_a_release_outside_the_profile_can_be_selected() -> None:
    assert {cell.kserve for cell in make(kserve=("0.8.0.1", "newest")).cells} == {
        "0.8.0.1",
        axes.load().profile("all")[-1],
    }


def test_a_cell_can_be_selected_by_its_id() -> None:
    only = "kserve0.8.0.1-v3-kserve-torchserve0.11.1"
    assert [cell.id for cell in make(cell=(only,)).cells] == [only]


def test_checks_follow_their_conditions() -> None:
    made = make(kserve=("0.13.1",))
    v1 = made.checks["kserve0.13.1-unset-kserve-torchserve0.12.0"]
    v2 = made.checks["kserve0.13.1-unset-kservev2-torchserve0.12.0"]
    refused = made.checks["kserve0.13.1-V1-kserve-torchserve0.12.0"]
    assert {"v1-predict", "v1-explain", "other-protocol"} < set(v1)
    assert {"v2-infer", "grpc-infer", "other-protocol"} < set(v2)
    assert not set(v1) & {"v2-infer", "refusal-line"}
    assert [check for check in refused if not check.startswith("refusal-")] == ["constructor"]


def test_statements_follow_the_envelope_and_the_sdk() -> None:
    def profiles(kserve: str, envelope: str) -> set[str]:
        made = make(kserve=(kserve,), protocol=("unset",))
        (cell,) = (cell for cell in made.cells if cell.envelope == envelope)
        return {catalogue.load()[each].profile for each in made.statements_of(cell)}

    assert profiles("0.9.0", "kserve") == profiles("0.21.0", "kserve") == {"v1"}
    assert profiles("0.9.0", "kservev2") == {"v2"}
    assert profiles("0.21.0", "kservev2") == {"v2", "grpc"}
    refused = make(kserve=("0.9.0",), protocol=("v3",))
    assert refused.statements_of(refused.cells[0]) == []


def test_the_check_of_the_suite_stands_for_its_statements() -> None:
    made = make(kserve=("0.21.0",), protocol=("v1",), check=("conformance",))
    for cell in made.cells:
        assert made.checks[cell.id] == ("conformance", *made.statements_of(cell))
        assert len(made.statements_of(cell)) > 30


def test_a_statement_can_be_selected_alone() -> None:
    made = make(kserve=("0.21.0",), protocol=("v2",), check=("V2-META-001",))
    assert set(made.checks.values()) == {("V2-META-001",)}
    assert made.visits_of("conformance") == list(made.cells)


@pytest.mark.parametrize(
    ("kserve", "verdict"), [("0.9.0", Verdict.UNSUPPORTED), ("0.10.0", Verdict.PASSED)]
)
def test_grpc_is_expected_from_0_10_on(kserve: str, verdict: Verdict) -> None:
    made = make(kserve=(kserve,), protocol=("v2",))
    assert made.expected_verdict(made.cells[0], "grpc-infer") is verdict


def test_the_constructor_of_an_unknown_wrapper_is_not_expected() -> None:
    made = make(constructor_known=False, kserve=("0.13.1",))
    assert made.expected_verdict(made.cells[0], "constructor") is Verdict.UNSUPPORTED


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"kserve": ("0.7.0",)}, r"--kserve 0\.7\.0: there is no such kserve; there are 0\.8\.0, "),
        ({"protocol": ("v4",)}, "--protocol v4: there is no such protocol; there are unset, "),
        ({"torchserve": ("9",)}, "--torchserve 9: there is no such torchserve"),
        ({"cell": ("kserve0.9.0",)}, "there is no such cell"),
        ({"check": ("v1",)}, "there is no such check; there are starts, "),
        ({"check": ("v2-infer",), "protocol": ("v3",)}, "nothing is left to run"),
    ],
)
def test_a_selection_that_cant_be_run_is_told(options: dict[str, Any], said: str) -> None:
    with pytest.raises(PlanError, match=said):
        make(**options)


def test_an_expected_failure_that_meets_no_cell_is_told() -> None:
    expected = expectations.load()
    nowhere = expectations.ExpectedVerdict(
        ("v1-predict",), AnyOf.parse({"kserve": "<0.8"}), Verdict.FAILED, "of long ago"
    )
    stale = dataclasses.replace(expected, exceptions=(*expected.exceptions, nowhere))
    with pytest.raises(DataFileError, match="'of long ago' meets no cell of check v1-predict"):
        plan.make(axes.load(), stale, EVERYTHING, "process", constructor_known=True)


def test_a_check_that_meets_no_cell_is_told() -> None:
    expected = expectations.load()
    check = expectations.Check("x", "x", AnyOf.parse({"envelope": "json"}))
    stale = dataclasses.replace(expected, checks={**expected.checks, "x": check})
    with pytest.raises(DataFileError, match="check x meets no cell"):
        plan.make(axes.load(), stale, EVERYTHING, "process", constructor_known=True)


def test_a_value_that_nothing_is_expected_of_is_told() -> None:
    expected = expectations.load()
    refusals = {name: line for name, line in expected.refusals.items() if name != "v3"}
    with pytest.raises(DataFileError, match=r"says nothing of PROTOCOL_VERSION 'v3' of axes\.toml"):
        plan.make(
            axes.load(),
            dataclasses.replace(expected, refusals=refusals),
            EVERYTHING,
            "process",
            constructor_known=True,
        )
