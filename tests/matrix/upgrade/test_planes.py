"""``can-i-upgrade --control-plane``: what another KServe in the cluster does to services."""

from __future__ import annotations

import functools
from pathlib import Path

import pytest
from kserve_conformance.results import results_file
from kserve_conformance.results.record import Run
from kserve_conformance.results.verdict import Verdict

from matrix.planning import axes, expectations
from matrix.upgrade import planes
from matrix.upgrade.planes import PlaneAnswer
from tests.matrix.gate.gate_cases import given, with_verdict
from tests.matrix.telling import Matrix
from tests.matrix.variants import with_one_protocol


@pytest.fixture(scope="module")
def run(process_run: Run) -> Run:
    """Give results of three releases of the SDK."""
    return process_run


def ask(source: str, target: str, run: Run) -> PlaneAnswer:
    known = axes.load()
    question = planes.put(source, target, ("process",), known)
    return planes.answer(question, given(run), known, expectations.load())


def test_a_variable_that_is_set_from_now_on_breaks_nothing(run: Run) -> None:
    answer = ask("0.9.0", "0.15.2", run)
    assert answer.exit_code() == 0
    told = list(answer.lines())
    assert told[:2] == [
        (
            "yes: control plane from KServe 0.9.0 to KServe 0.15.2: what its pods are given is as "
            "expected"
        ),
        (
            "image of KServe's own runtime: pytorch/torchserve-kfs:0.9.0; before: "
            "pytorch/torchserve-kfs:0.6.0"
        ),
    ]
    at = told.index(
        "    PROTOCOL_VERSION v1 with envelope kserve; before: PROTOCOL_VERSION unset "
        "with envelope kserve"
    )
    assert told[at - 2 : at] == [
        "protocolVersion absent, v1, KServe's own runtime:",
        ("protocolVersion absent, v1, a runtime of your own that is called kserve-torchserve:"),
    ]
    assert told[at + 1] == "    as expected in 3 cells"
    # Where nothing spoke what was declared, nothing breaks.
    assert "protocolVersion grpc-v1, KServe's own runtime:" in told
    assert "    refused, which it was not before" in told
    assert not any("without the annotation" in line for line in told), "nothing changes for these"


def test_a_cell_that_fails_breaks_what_arrives_there(run: Run) -> None:
    wrong = with_verdict(run, "v1-predict", Verdict.FAILED, "kserve0.13.1-v1-kserve-")
    answer = ask("0.9.0", "0.15.2", wrong)
    assert answer.exit_code() == 1
    told = list(answer.lines())
    assert told[0].endswith(": 4 kinds of service would break")
    assert (
        "    1 of 3 cells not as expected, such as "
        "kserve0.13.1-v1-kserve-torchserve0.12.0 on process"
    ) in told


def test_the_removal_of_the_runtime_is_told_with_the_way_out(run: Run) -> None:
    answer = ask("0.21.0", "after-removal", run)
    assert answer.exit_code() == 1
    told = list(answer.lines())
    assert told[0] == (
        "no: control plane from KServe 0.21.0 to after-removal: 12 kinds of service would break"
    )
    assert told[1].startswith("image of KServe's own runtime: none; before: ")
    assert told.count("    refused, which it was not before") == 3
    assert "    set TS_SERVICE_ENVELOPE and PROTOCOL_VERSION in the runtime's env" in told


def test_the_same_rules_change_nothing(run: Run) -> None:
    answer = ask("0.12.0", "0.16.0", run)
    assert answer.exit_code() == 0
    assert list(answer.lines())[1:] == ["no pod is given another PROTOCOL_VERSION or envelope"]


def test_the_annotation_is_read_from_0_17_on(run: Run) -> None:
    told = list(ask("0.16.0", "0.17.0", run).lines())
    assert any("with the annotation" in line for line in told)
    assert not any("KServe's own runtime" in line for line in told)


def test_cells_that_the_results_lack_are_not_known(run: Run) -> None:
    lacking = with_one_protocol(run, "v2")
    answer = ask("0.17.0", "0.16.0", lacking)
    assert answer.exit_code() == 1, "the annotation was known and isn't any more"
    assert "    the results have no such cell" in list(answer.lines())
    assert ask("0.16.0", "0.17.0", lacking).exit_code() == 3


@pytest.fixture
def asked(matrix: Matrix, tmp_path: Path, run: Run) -> Matrix:
    """Give what puts questions to results on processes."""
    small = tmp_path / "results.jsonl"
    results_file.write(small, run)
    return functools.partial(matrix, "can-i-upgrade", f"--results={small}", "--control-plane")


def test_the_command_answers_for_the_control_plane(asked: Matrix) -> None:
    code, out, _ = asked("0.9.0", "newest", "--runtime", "process")
    assert (code, out.split(":")[0]) == (0, "yes")
    code, out, error = asked("0.7.0", "0.9.0")
    assert (code, out) == (2, "")
    assert error.startswith("error: '0.7.0' is no control plane of axes.toml: name a release of ")
    code, _, error = asked("0.9.0", "0.9.0")
    assert (code, error) == (
        2,
        "error: FROM and TO are both KServe 0.9.0: name two control planes\n",
    )
