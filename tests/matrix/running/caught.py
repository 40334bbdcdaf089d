"""Where each mutant of the wrapper is caught: in a cell of the profile quick, by some checks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Caught:
    """A cell in which a mutant is caught, and the checks that catch it.

    Attributes:
        start_timeout: seconds that are waited until a model is ready (`run --start-timeout`); few
            where a mutant never calls it so.
    """

    mutant: str
    kserve: str
    protocol: str
    envelope: str
    checks: tuple[str, ...]
    start_timeout: float = 90.0

    @property
    def cell(self) -> str:
        """Give the cell's id."""
        return f"kserve{self.kserve}-{self.protocol}-{self.envelope}-torchserve0.12.0"

    def __str__(self) -> str:
        return f"{self.mutant}-{self.protocol}-{self.envelope}"


CAUGHT = (
    Caught(
        "swallows_an_invalid_value",
        *("0.9.0", "v3", "kserve"),
        (
            "constructor",
            "refusal-exit-code",
            "refusal-line",
            "refusal-termination-log",
            "refusal-time",
            "refusal-ports",
        ),
    ),
    Caught("defaults_to_v2", *("0.21.0", "unset", "kserve"), ("effective-protocol", "constructor")),
    Caught("exits_with_1", *("0.9.0", "V1", "kserve"), ("refusal-exit-code",)),
    Caught("shows_a_traceback", *("0.9.0", "1", "kserve"), ("refusal-line",)),
    Caught(
        "writes_no_termination_log",
        *("0.9.0", "padded-v1", "kserve"),
        ("refusal-termination-log",),
    ),
    Caught("imports_the_sdk_first", *("0.21.0", "None", "kserve"), ("refusal-time",)),
    Caught("listens_before_it_judges", *("0.9.0", "grpc-v1", "kserve"), ("refusal-ports",)),
    Caught("imports_the_storage_module", *("0.21.0", "empty", "kserve"), ("starts",)),
    Caught(
        "always_ready",
        *("0.13.1", "unset", "kserve"),
        ("absent-model-not-ready", "health-routes", "grpc-about"),
    ),
    Caught(
        "takes_any_version_for_one",
        *("0.13.1", "v1", "kserve"),
        ("model-versions", "grpc-about"),
    ),
    Caught(
        "answers_by_the_default_version",
        *("0.13.1", "grpc-v2", "kservev2_faithful"),
        ("v2-versions", "grpc-versions"),
    ),
    Caught(
        "drops_declared_tensors",
        *("0.21.0", "v2", "kservev2_faithful"),
        (
            "declared-tensors",
            "enforced-tensors",
            "grpc-declared-tensors",
            "grpc-enforced-tensors",
        ),
    ),
    Caught("listens_on_ipv4_only", *("0.13.1", "v2", "kservev2"), ("ipv6", "grpc-ipv6")),
    Caught("serves_plain_http", *("0.21.0", "unset", "kserve"), ("tls",)),
    Caught("serves_plain_http", *("0.13.1", "unset", "kserve"), ("tls",)),
    Caught("asks_once", *("0.9.0", "v1", "kserve"), ("late-model",), start_timeout=15.0),
    Caught("forgets_no_readiness", *("0.21.0", "grpc-v2", "kservev2"), ("worker-death",)),
    Caught("tells_readiness_as_text", *("0.21.0", "unset", "none"), ("model-ready",)),
    Caught(
        "answers_200_on_error",
        *("0.9.0", "v2", "kservev2"),
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
    ),
    Caught("drops_the_second_instance", *("0.21.0", "empty", "kserve"), ("v1-predict",)),
    Caught("drops_the_second_input", *("0.9.0", "unset", "kservev2"), ("v2-infer",)),
    Caught("explains_by_predicting", *("0.9.0", "empty", "kserve"), ("v1-explain",)),
    Caught(
        "truncates_floats",
        *("0.13.1", "v2", "kservev2"),
        ("v2-infer", "v2-digits-tensor", "grpc-digits-tensor"),
    ),
    Caught("lower_cases_text", *("0.21.0", "empty", "kserve"), ("v1-digits-image",)),
    Caught("demands_an_id", *("0.13.1", "v2", "kservev2"), ("v2-infer-without-id", "conformance")),
    Caught(
        "answers_v1_to_a_v2_request",
        *("0.13.1", "empty", "kservev2"),
        ("v2-infer", "grpc-infer", "v2-forms", "binary-forms", "grpc-forms"),
    ),
    Caught("ignores_requested_outputs", *("0.21.0", "v1", "kservev2"), ("v2-forms", "grpc-forms")),
    Caught("wants_json_spelled_its_way", *("0.13.1", "v1", "kserve"), ("v1-forms",)),
    Caught("forwards_every_header", *("0.13.1", "grpc-v2", "kserve"), ("forwarded-headers",)),
    Caught("returns_request_headers", *("0.13.1", "v1", "kserve"), ("request-headers-stay",)),
    Caught("hands_errors_on", *("0.9.0", "v1", "kserve"), ("model-failures", "full-queue")),
    Caught("unloads_nothing", *("0.21.0", "grpc-v2", "kservev2"), ("repository",)),
    Caught("grants_no_grace", *("0.9.0", "v1", "kserve"), ("drains",)),
    Caught("speaks_grpc_for_v1", *("0.13.1", "v1", "none"), ("v1-transport",)),
    Caught("never_speaks_grpc", *("0.21.0", "unset", "none"), ("v2-transport", "v2-infer")),
    Caught("forgets_the_id_over_grpc", *("0.21.0", "v1", "kservev2"), ("grpc-infer",)),
    Caught(
        "answers_ok_on_error_over_grpc",
        *("0.13.1", "unset", "kserve"),
        ("grpc-other-protocol",),
    ),
    Caught(
        "leaves_the_sdks_histograms_empty",
        *("0.13.1", "grpc-v2", "kservev2_faithful"),
        ("metrics", "grpc-metrics"),
    ),
    Caught("counts_refusals_as_answers", *("0.9.0", "empty", "kserve"), ("metrics",)),
    Caught("counts_rest_only", *("0.21.0", "v2", "kservev2_faithful"), ("grpc-metrics",)),
    # A mutant that is wrong in a way that two envelopes show is run in a second cell.
    Caught("truncates_floats", *("0.9.0", "empty", "kserve"), ("v1-digits-tensor",)),
    Caught("lower_cases_text", *("0.9.0", "unset", "kservev2"), ("v2-digits-image",)),
    Caught("answers_200_on_error", *("0.13.1", "grpc-v2", "kserve"), ("v1-refused",)),
    Caught("answers_ok_on_error_over_grpc", *("0.13.1", "empty", "kservev2"), ("grpc-refused",)),
    Caught("hands_errors_on", *("0.21.0", "grpc-v2", "kservev2"), ("grpc-failures",)),
    Caught("answers_200_on_error", *("0.9.0", "unset", "none"), ("envelope-missing",)),
    # Where an envelope loses nothing, what is lost was lost by the wrapper.
    Caught(
        "truncates_floats",
        *("0.21.0", "v2", "kservev2_faithful"),
        ("json-datatypes", "binary-datatypes", "grpc-datatypes"),
    ),
    Caught(
        "alters_what_goes_as_bytes",
        *("0.13.1", "grpc-v2", "kservev2_faithful"),
        ("binary-datatypes", "grpc-datatypes"),
    ),
)

# The mutants that a run of the profile quick lets pass, each with its reason.
NOT_BY_QUICK: Mapping[str, str] = {}
