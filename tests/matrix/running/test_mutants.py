"""Wrappers that are wrong on purpose: the matrix catches each, and every check catches one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from fixtures import models, torchserve
from fixtures.wrappers import mutants
from matrix.planning import expectations
from matrix.running import late_model
from tests.matrix import runs

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]

WRAPPERS = runs.REPOSITORY / "fixtures" / "wrappers"


@dataclass(frozen=True)
class Caught:
    """Where a mutant is caught, and by which checks."""

    protocol: str
    envelope: str
    checks: tuple[str, ...]
    kserve: str = "0.13.1"

    @property
    def cell(self) -> str:
        return f"kserve{self.kserve}-{self.protocol}-{self.envelope}-torchserve0.12.0"


CAUGHT = {
    "swallows_an_invalid_value": Caught(
        "v3",
        "kserve",
        (
            "constructor",
            "refusal-exit-code",
            "refusal-line",
            "refusal-termination-log",
            "refusal-time",
            "refusal-ports",
        ),
    ),
    "defaults_to_v2": Caught("unset", "kserve", ("effective-protocol", "constructor")),
    "exits_with_1": Caught("V1", "kserve", ("refusal-exit-code",), kserve="0.9.0"),
    "shows_a_traceback": Caught("1", "kserve", ("refusal-line",), kserve="0.9.0"),
    "writes_no_termination_log": Caught(
        "padded-v1", "kserve", ("refusal-termination-log",), kserve="0.9.0"
    ),
    "imports_the_sdk_first": Caught("None", "kserve", ("refusal-time",)),
    "listens_before_it_judges": Caught("grpc-v1", "kserve", ("refusal-ports",), kserve="0.9.0"),
    "imports_the_storage_module": Caught("v1", "kserve", ("starts",), kserve="0.21.0"),
    "always_ready": Caught(
        "unset", "kserve", ("absent-model-not-ready", "health-routes", "grpc-about")
    ),
    "asks_once": Caught("v1", "kserve", ("late-model",), kserve="0.9.0"),
    "forgets_no_readiness": Caught("grpc-v2", "kservev2", ("worker-death",), kserve="0.21.0"),
    "tells_readiness_as_text": Caught("unset", "kserve", ("model-ready",)),
    "answers_200_on_error": Caught(
        "v2",
        "kservev2",
        (
            "unknown-model",
            "malformed-json",
            "other-protocol",
            "absent-model-not-ready",
            "readiness-routes",
            "metadata-routes",
            "repository-routes",
            "wrong-methods",
            "unknown-paths",
            "model-versions",
            "v2-refused",
            "binary-refused",
        ),
        kserve="0.9.0",
    ),
    "drops_the_second_instance": Caught("empty", "kserve", ("v1-predict",)),
    "drops_the_second_input": Caught("v2", "kservev2", ("v2-infer",)),
    "explains_by_predicting": Caught("v1", "kserve", ("v1-explain",), kserve="0.9.0"),
    "truncates_floats": Caught(
        "v2", "kservev2", ("v2-infer", "v2-digits-tensor", "grpc-digits-tensor")
    ),
    "lower_cases_text": Caught("v1", "kserve", ("v1-digits-image",)),
    "demands_an_id": Caught("v2", "kservev2", ("v2-infer-without-id", "conformance")),
    "answers_v1_to_a_v2_request": Caught(
        "unset", "kservev2", ("v2-infer", "grpc-infer", "v2-forms", "binary-forms", "grpc-forms")
    ),
    "ignores_requested_outputs": Caught("v2", "kservev2", ("v2-forms", "grpc-forms")),
    "wants_json_spelled_its_way": Caught("v1", "kserve", ("v1-forms",), kserve="0.9.0"),
    "forwards_every_header": Caught("unset", "kserve", ("forwarded-headers",)),
    "returns_request_headers": Caught("v1", "kserve", ("request-headers-stay",), kserve="0.9.0"),
    "hands_errors_on": Caught("v1", "kserve", ("model-failures", "full-queue")),
    "unloads_nothing": Caught("grpc-v2", "kservev2", ("repository",), kserve="0.9.0"),
    "grants_no_grace": Caught("v1", "kserve", ("drains",)),
    "speaks_grpc_for_v1": Caught("v1", "kserve", ("v1-transport",)),
    "never_speaks_grpc": Caught("grpc-v2", "kservev2", ("v2-transport", "v2-infer")),
    "forgets_the_id_over_grpc": Caught("v2", "kservev2", ("grpc-infer",)),
    "answers_ok_on_error_over_grpc": Caught("unset", "kserve", ("grpc-other-protocol",)),
}
# A mutant that is wrong in a way that two envelopes show is run in a second cell.
CAUGHT_TOO = {
    "truncates_floats": Caught("v1", "kserve", ("v1-digits-tensor",), kserve="0.9.0"),
    "lower_cases_text": Caught("v2", "kservev2", ("v2-digits-image",), kserve="0.9.0"),
    "answers_200_on_error": Caught("v1", "kserve", ("v1-refused",)),
    "answers_ok_on_error_over_grpc": Caught("v2", "kservev2", ("grpc-refused",)),
    "hands_errors_on": Caught("grpc-v2", "kservev2", ("grpc-failures",)),
}
# Where an envelope loses nothing, what is lost was lost by the wrapper.
CAUGHT_WITHOUT_LOSS = {
    "truncates_floats": Caught(
        "v2", "kservev2_faithful", ("json-datatypes", "binary-datatypes", "grpc-datatypes")
    ),
}
CASES = [*CAUGHT.items(), *CAUGHT_TOO.items(), *CAUGHT_WITHOUT_LOSS.items()]


@pytest.fixture(scope="module")
def given() -> Iterator[Mapping[str, Any]]:
    """Start one TorchServe per envelope for all runs of this module."""
    archives = [models.archive(name) for name in ("contract", "digits")]
    with ExitStack() as stack:
        started = {
            envelope: stack.enter_context(
                torchserve.start(
                    "process",
                    release="0.12.0",
                    envelope=envelope,  # type: ignore[arg-type]
                    models=archives,
                    stored=[models.archive(late_model.ARCHIVE)],
                    config={"enable_model_api": "true"},
                )
            )
            for envelope in runs.ENVELOPES
        }
        yield {envelope: each.instance.to_dict() for envelope, each in started.items()}


def test_every_mutant_is_run() -> None:
    assert CAUGHT.keys() == mutants.MUTANTS.keys()


def test_every_check_is_seen_to_fail_on_a_mutant() -> None:
    seen = {check for _, caught in CASES for check in caught.checks}
    assert seen == expectations.load().checks.keys()


@pytest.mark.parametrize(
    ("mutant", "caught"), CASES, ids=[f"{name}-{c.protocol}-{c.envelope}" for name, c in CASES]
)
def test_a_mutant_is_caught(
    mutant: str, caught: Caught, given: Mapping[str, Any], tmp_path: Path
) -> None:
    ran = runs.run(
        tmp_path,
        "--runtime=process",
        f"--cell={caught.cell}",
        f"--wrapper={{python}} -m fixtures.wrappers.mutants {mutant}",
        f"--wrapper-name={mutant}",
        f"--constructor={WRAPPERS / 'mutants.py'}:{mutant}",
        # The others would take long to find the same: a model that is never ready, for one.
        *(f"--check={check}" for check in caught.checks),
        given=given,
    )
    assert ran.exit_code == 1, ran.output
    verdicts = ran.verdicts()
    missed = [check for check in caught.checks if verdicts[check] != {"failed"}]
    assert missed == [], ran.output
    # A model class that can't be constructed at all is no mutant.
    constructors = [each for each in ran.results.records if each.check == "constructor"]
    assert all("unexpected" not in each.message for each in constructors), ran.output
    # A finding about the subject is never taken for a fault of the harness.
    assert not {"error", "unprovisioned"} & set().union(*verdicts.values()), ran.output


def test_the_wrapper_itself_passes_where_mutants_are_caught(
    given: Mapping[str, Any], tmp_path: Path
) -> None:
    cells = dict.fromkeys(f"--cell={caught.cell}" for _, caught in CASES)
    ran = runs.run(tmp_path, "--runtime=process", *cells, given=given)
    assert ran.exit_code == 0, ran.output
    assert len(ran.results.complete_cells()) == len(cells)


def test_the_unfixed_wrapper_is_caught(given: Mapping[str, Any], tmp_path: Path) -> None:
    ran = runs.run(
        tmp_path,
        "--runtime=process",
        "--cell=kserve0.13.1-unset-kserve-torchserve0.12.0",
        "--cell=kserve0.13.1-v3-kserve-torchserve0.12.0",
        "--wrapper={python} -m fixtures.wrappers.unfixed",
        given=given,
    )
    assert ran.exit_code == 1, ran.output
    told = {record.check: record for record in ran.results.records}
    assert str(told["v1-predict"].verdict) == "failed"
    assert "None is not a valid PredictorProtocol" in str(told["v1-predict"].evidence)
    # Nobody said where its model class is, so that this can't be judged.
    assert str(told["constructor"].verdict) == "unsupported"
