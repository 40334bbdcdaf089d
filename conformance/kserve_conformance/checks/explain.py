"""What V1's :explain answers, where a server has it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kserve_conformance import expect
from kserve_conformance.asking.server import Server, encode
from kserve_conformance.checks import v1_bodies
from kserve_conformance.checks.refusals import UNKNOWN_MODEL
from kserve_conformance.checks.registry import check, check_each


@check_each({"V1-EXPLAIN-001": Server.v1_sample, "V1-EXPLAIN-003": v1_bodies.with_other_root_key})
def either_root_key_is_explained(server: Server, body: Callable[[Server], Any]) -> None:
    _explanations(server.explain(body(server)).success())


@check("V1-EXPLAIN-002", Server.need_contract_v1)
def each_instance_has_its_explanation(server: Server) -> None:
    instances = [{"a": 1}, "two", 3]
    explanations = _explanations(server.explain({"instances": instances}).success())
    with expect.reading("the explanations"):
        explained = [each["explained"] for each in explanations]
    expect.equal(explained, instances, "the instances that were explained")


@check("V1-EXPLAIN-004")
def an_unknown_model_is_refused(server: Server) -> None:
    server.explain(server.v1_sample(), UNKNOWN_MODEL).error(404, 400)


@check("V1-EXPLAIN-005")
def what_is_no_json_is_refused(server: Server) -> None:
    server.explain(encode(server.v1_sample())[:-1]).error(400, 422)


@check("V1-EXPLAIN-006")
def the_headers_of_the_request_stay_there(server: Server) -> None:
    sent = {"cookie": "conformance=secret", "x-conformance": "secret"}
    answer = server.explain(server.v1_sample(), headers=sent)
    answer.success()
    given = sorted({"host", "user-agent", *sent} & answer.headers.keys())
    expect.that(not given, f"the answer has headers of the request: {', '.join(given)}")


@check("V1-EXPLAIN-007")
def a_charset_changes_nothing(server: Server) -> None:
    headers = {"content-type": "application/json; charset=utf-8"}
    _explanations(server.explain(server.v1_sample(), headers=headers).success())


@check("V1-EXPLAIN-008")
def a_model_that_is_not_ready_does_not_explain(server: Server) -> None:
    name = server.not_ready_model()
    server.explain(server.v1_sample(), name).error(503, 400, 404)


def _explanations(told: Any) -> Any:
    return v1_bodies.member(told, "explanations")
