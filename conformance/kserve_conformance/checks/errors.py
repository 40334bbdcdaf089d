"""What is answered where something fails, and what is left of it afterwards."""

from __future__ import annotations

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from kserve_conformance import expect
from kserve_conformance.asking.http_client import Answer
from kserve_conformance.asking.server import Server
from kserve_conformance.checks import v1_bodies
from kserve_conformance.checks.refusals import (
    UNKNOWN_MODEL,
    UNKNOWN_VERSION,
    refused,
    refused_with_error,
)
from kserve_conformance.checks.registry import check, check_each
from kserve_conformance.tensors import tensor

# Made so that no model reads it as data.
_NO_JSON = b'{"inputs": ['
# Fewer than the connections that the client keeps.
_AT_ONCE = 8
_JSON = re.compile(r"application/([\w.+-]+\+)?json *(;.*)?", re.IGNORECASE | re.ASCII)
# What only a developer or an attacker has a use for.
_INNER = {
    "a traceback": re.compile(r"Traceback \(most recent|\bline \d+, in |^\s*at [\w.$]+\(", re.M),
    "a source file": re.compile(r"[/\\][\w.-]+\.(py|pyc|so|java|cc|go|rs)\b"),
    "an address of a server": re.compile(
        r"\b\w+://|\b\d{1,3}(\.\d{1,3}){3}\b|\blocalhost\b|\bhost='", re.IGNORECASE
    ),
}


def _fail_v1(server: Server) -> Answer:
    server.need_contract_v1()
    return server.predict({"instances": [{"raise": "conformance"}]})


def _fail_v2(server: Server) -> Answer:
    server.need_contract_v2()
    return server.infer({"inputs": [tensor("raise", "BYTES", [1], ["conformance"])]})


@check_each({"V1-ERROR-001": _fail_v1, "V2-ERROR-005": _fail_v2})
def a_failing_model_is_told(server: Server, fail: Callable[[Server], Answer]) -> None:
    refused_with_error(fail(server))


@check("V2-ERROR-010")
def what_comes_at_once_is_answered_or_put_off(server: Server) -> None:
    body = server.v2_sample()
    with ThreadPoolExecutor(_AT_ONCE) as clients:
        answers = list(clients.map(lambda _: server.infer(body), range(_AT_ONCE)))
    for answer in answers:
        if answer.status != 200:
            answer.error(503, 429)


@check_each({"V1-ERROR-002": _fail_v1, "V2-ERROR-006": _fail_v2})
def a_failing_model_is_the_servers_fault(server: Server, fail: Callable[[Server], Answer]) -> None:
    answer = fail(server)
    expect.that(
        500 <= answer.status < 600,
        f"{answer.asked}: the model's failure is answered with status {answer.status}, not 5xx",
    )
    # Inside the JSON, where a line's end is one and not two letters.
    told = answer.text().replace("\\n", "\n").replace('\\"', '"')
    shown = expect.shortened(told, 300)
    for what, pattern in _INNER.items():
        expect.that(not pattern.search(told), f"{answer.asked}: the error shows {what}: {shown}")


@check("V1-ERROR-003")
def errors_do_not_stick_v1(server: Server) -> None:
    sample = server.v1_sample()
    server.predict(sample).success()
    server.predict(_NO_JSON)
    if server.known.is_contract_v1:
        _fail_v1(server)
    v1_bodies.member(server.predict(sample).success(), "predictions")


@check_each(
    {
        "V1-ERROR-004": (Server.predict, Server.v1_sample),
        "V2-ERROR-008": (Server.infer, Server.v2_sample),
    }
)
def errors_are_declared_as_json(
    server: Server, rest: tuple[Callable[..., Answer], Callable[[Server], Any]]
) -> None:
    ask, sample = rest
    _declared(ask(server, _NO_JSON))
    _declared(ask(server, sample(server), UNKNOWN_MODEL))


@check_each({"V1-ERROR-005": "v1", "V2-ERROR-003": "v2"})
def an_unknown_path_is_told(server: Server, protocol: str) -> None:
    server.get(f"/{protocol}/conformance-no-such-path").error(404)


@check("V2-ERROR-001")
def failures_have_an_error_v2(server: Server) -> None:
    sample = server.v2_sample()
    refused_with_error(server.infer(_NO_JSON))
    refused_with_error(server.infer({}))
    refused_with_error(server.infer(sample, UNKNOWN_MODEL))
    refused_with_error(server.get(f"/v2/models/{UNKNOWN_MODEL}"))


@check("V2-ERROR-002")
def requests_at_fault_are_told_so_v2(server: Server) -> None:
    sample = server.v2_sample()
    for body in (b"", {"inputs": "a"}, {"inputs": [1]}):
        server.infer(body).failure()
    server.infer(sample, UNKNOWN_MODEL).failure()


@check("V2-ERROR-004")
def a_wrong_method_is_told_v2(server: Server) -> None:
    answer = server.get(f"/v2/models/{server.model}/infer")
    answer.error(405)
    allowed = [each.strip() for each in answer.headers.get("allow", "").split(",")]
    expect.that("POST" in allowed, f"Allow doesn't name POST: {answer.headers.get('allow')!r}")


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


@check("V2-ERROR-009")
def a_version_of_an_unknown_model_is_not_found(server: Server) -> None:
    path = f"/v2/models/{UNKNOWN_MODEL}/versions/{UNKNOWN_VERSION}"
    server.ask("POST", f"{path}/infer", server.v2_sample()).error(404, 400)
    server.get(path).error(404, 400)
    server.get(f"{path}/ready").failure(404, 400)


def _declared(answer: Answer) -> None:
    refused(answer)
    kind = answer.headers.get("content-type", "")
    expect.that(
        _JSON.fullmatch(kind) is not None,
        f"{answer.asked}: the error's Content-Type is {kind!r}, which is no JSON",
    )
