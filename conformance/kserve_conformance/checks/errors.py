"""What is answered where something fails, and what is left of it afterwards."""

from __future__ import annotations

import re
from typing import Any

from kserve_conformance import expect
from kserve_conformance.asking.http_client import Answer
from kserve_conformance.asking.server import Server
from kserve_conformance.checks import v1_bodies
from kserve_conformance.checks.refusals import UNKNOWN_MODEL, refused, refused_with_error
from kserve_conformance.checks.registry import check
from kserve_conformance.tensors import tensor

# Made so that no model reads it as data.
_NO_JSON = b'{"inputs": ['
_JSON = re.compile(r"application/([\w.+-]+\+)?json *(;.*)?", re.IGNORECASE | re.ASCII)
# What only a developer or an attacker has a use for.
_INNER = {
    "a traceback": re.compile(r"Traceback \(most recent|\bline \d+, in |^\s*at [\w.$]+\(", re.M),
    "a source file": re.compile(r"[/\\][\w.-]+\.(py|pyc|so|java|cc|go|rs)\b"),
    "an address of a server": re.compile(
        r"\b\w+://|\b\d{1,3}(\.\d{1,3}){3}\b|\blocalhost\b|\bhost='", re.IGNORECASE
    ),
}


@check("V1-ERROR-001")
def a_failing_model_is_told_v1(server: Server) -> None:
    refused_with_error(_fail_v1(server))


@check("V1-ERROR-002")
def a_failing_model_is_the_servers_fault_v1(server: Server) -> None:
    _keeps_to_itself(_fail_v1(server))


@check("V1-ERROR-003")
def errors_do_not_stick_v1(server: Server) -> None:
    sample = server.v1_sample()
    server.predict(sample).success()
    server.predict(_NO_JSON)
    if server.known.is_contract_v1:
        _fail_v1(server)
    v1_bodies.member(server.predict(sample).success(), "predictions")


@check("V1-ERROR-004")
def errors_are_declared_as_json_v1(server: Server) -> None:
    _declared(server.predict(_NO_JSON))
    _declared(server.ask("POST", f"/v1/models/{UNKNOWN_MODEL}:predict", server.v1_sample()))


@check("V1-ERROR-005")
def an_unknown_path_is_told_v1(server: Server) -> None:
    server.get("/v1/conformance-no-such-path").error(404)


@check("V2-ERROR-001")
def failures_have_an_error_v2(server: Server) -> None:
    sample = server.v2_sample()
    refused_with_error(server.infer(_NO_JSON))
    refused_with_error(server.infer({}))
    refused_with_error(server.ask("POST", f"/v2/models/{UNKNOWN_MODEL}/infer", sample))
    refused_with_error(server.get(f"/v2/models/{UNKNOWN_MODEL}"))


@check("V2-ERROR-002")
def requests_at_fault_are_told_so_v2(server: Server) -> None:
    sample = server.v2_sample()
    server.infer(b"").failure()
    server.infer({"inputs": "a"}).failure()
    server.infer({"inputs": [1]}).failure()
    server.ask("POST", f"/v2/models/{UNKNOWN_MODEL}/infer", sample).failure()


@check("V2-ERROR-003")
def an_unknown_path_is_told_v2(server: Server) -> None:
    server.get("/v2/conformance-no-such-path").error(404)


@check("V2-ERROR-004")
def a_wrong_method_is_told_v2(server: Server) -> None:
    answer = server.get(f"/v2/models/{server.model}/infer")
    answer.error(405)
    allowed = [each.strip() for each in answer.headers.get("allow", "").split(",")]
    expect.that("POST" in allowed, f"Allow doesn't name POST: {answer.headers.get('allow')!r}")


@check("V2-ERROR-005")
def a_failing_model_is_told_v2(server: Server) -> None:
    refused_with_error(_fail_v2(server))


@check("V2-ERROR-006")
def a_failing_model_is_the_servers_fault_v2(server: Server) -> None:
    _keeps_to_itself(_fail_v2(server))


@check("V2-ERROR-007")
def errors_do_not_stick_v2(server: Server) -> None:
    sample = server.v2_sample()
    server.infer(sample).success()
    server.infer(_NO_JSON)
    if server.known.is_contract_v2:
        _fail_v2(server)
    told = server.infer(sample).success()
    with expect.reading("the V2 answer after errors"):
        expect.that(bool(told["outputs"]), "there are no outputs after errors")


@check("V2-ERROR-008")
def errors_are_declared_as_json_v2(server: Server) -> None:
    _declared(server.infer(_NO_JSON))
    _declared(server.ask("POST", f"/v2/models/{UNKNOWN_MODEL}/infer", server.v2_sample()))


def _fail_v1(server: Server) -> Answer:
    server.need_contract_v1()
    return server.predict({"instances": [{"raise": "conformance"}]})


def _fail_v2(server: Server) -> Answer:
    server.need_contract_v2()
    order: dict[str, Any] = tensor("raise", "BYTES", [1], ["conformance"])
    return server.infer({"inputs": [order]})


def _declared(answer: Answer) -> None:
    refused(answer)
    kind = answer.headers.get("content-type", "")
    expect.that(
        _JSON.fullmatch(kind) is not None,
        f"{answer.asked}: the error's Content-Type is {kind!r}, which is no JSON",
    )


def _keeps_to_itself(answer: Answer) -> None:
    expect.that(
        500 <= answer.status < 600,
        f"{answer.asked}: the model's failure is answered with status {answer.status}, not 5xx",
    )
    # Inside the JSON, where a line's end is one and not two letters.
    told = answer.text().replace("\\n", "\n").replace('\\"', '"')
    for what, pattern in _INNER.items():
        found = pattern.search(told)
        expect.that(
            found is None,
            f"{answer.asked}: the error shows {what}: {expect.shortened(told, 300)}",
        )
