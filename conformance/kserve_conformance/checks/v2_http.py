"""V2 inference as HTTP: media types, versions and models in the path; and beside V1."""

from __future__ import annotations

from typing import Any

from kserve_conformance import expect, round_trip
from kserve_conformance.asking.server import Server, encode
from kserve_conformance.checks import refusals, v2_answers, wire
from kserve_conformance.checks.refusals import (
    UNKNOWN_MODEL,
    UNKNOWN_VERSION,
    answered_or_refused,
    refused,
)
from kserve_conformance.checks.registry import check, check_each
from kserve_conformance.tensors import returned

_MEGABYTE = 1024 * 1024
_VALUES: tuple[tuple[str, list[Any]], ...] = (
    ("BOOL", [True, False]),
    ("INT64", [2**53 + 1, -(2**63)]),
    ("FP64", [0.1, -1.7976931348623157e308]),
    ("BYTES", ["é漢", ""]),
)


@check_each(
    {
        "V2-INFER-030": "application/json; charset=utf-8",
        "V2-INFER-031": "Application/JSON",
        "V2-INFER-032": None,
    }
)
def a_way_to_declare_json_changes_nothing(server: Server, content_type: str | None) -> None:
    v2_answers.outputs(server.infer(server.v2_sample(), headers={"content-type": content_type}))


@check("V2-INFER-033")
def other_media_types_are_no_failure(server: Server) -> None:
    for kind in ("application/x-www-form-urlencoded", "application/vnd.conformance+json"):
        answered_or_refused(server.infer(server.v2_sample(), headers={"content-type": kind}))


@check("V2-INFER-034")
def a_version_is_answered_or_an_error(server: Server) -> None:
    answer = server.ask("POST", f"/v2/models/{server.model}/versions/1/infer", server.v2_sample())
    if answer.status == 200:
        v2_answers.outputs(answer)
    else:
        refusals.refused_with_error(answer)


@check("V2-INFER-035")
def an_unknown_version_is_not_answered_by_another(server: Server) -> None:
    path = f"/v2/models/{server.model}/versions/{UNKNOWN_VERSION}/infer"
    refused(server.ask("POST", path, server.v2_sample()))


@check("V2-INFER-042")
def a_listed_version_is_inferred_with(server: Server) -> None:
    version = server.version()
    path = f"/v2/models/{server.model}/versions/{wire.quoted(version)}/infer"
    answer = server.ask("POST", path, server.v2_sample())
    v2_answers.outputs(answer)
    told = answer.json().get("model_version", version)
    expect.equal(told, version, f"{answer.asked}: model_version")


@check("V2-INFER-036")
def an_unknown_model_is_refused(server: Server) -> None:
    refused(server.infer(server.v2_sample(), UNKNOWN_MODEL))


@check("V2-INFER-037")
def an_unknown_model_is_not_found(server: Server) -> None:
    server.infer(server.v2_sample(), UNKNOWN_MODEL).failure(404, 400)
    # Whichever of the two a server finds first.
    server.infer(b"{", UNKNOWN_MODEL).failure(404, 400, 422)


@check("V2-INFER-038")
def a_model_that_is_not_ready_does_not_answer(server: Server) -> None:
    name = server.not_ready_model()
    server.infer(server.v2_sample(), name).failure(503, 400, 404)


@check("V2-INFER-039")
def a_megabyte_is_answered(server: Server) -> None:
    # White space, which is no model's business.
    v2_answers.outputs(server.infer(encode(server.v2_sample()) + b" " * _MEGABYTE))


@check("V2-EQUAL-001", Server.need_contract_v1, Server.need_contract_v2)
def v1_and_v2_agree(server: Server) -> None:
    told = server.predict({"instances": [values for _, values in _VALUES]}).success()
    with expect.reading("the V1 answer"):
        by_v1 = [each["received"] for each in told["predictions"]]
    sent = [returned(kind, [len(data)], data) for kind, data in _VALUES]
    came = {
        each["name"]: each["data"] for each in v2_answers.outputs(server.infer({"inputs": sent}))
    }
    by_v2 = [came.get(each["name"]) for each in sent]
    if not round_trip.same_json(by_v1, by_v2):
        expect.equal(by_v2, by_v1, "what V2 gives back, of what V1 does")
