"""Requests that can't be answered: absent and unknown models, no JSON, the other protocol."""

from __future__ import annotations

from typing import Any

from fixtures import payloads
from matrix import open_inference
from matrix.cells import Cell
from matrix.clients import GrpcClient, GrpcRefusal, RestClient
from matrix.exhibit import Exhibit
from matrix.launch import RunningWrapper
from matrix.plan import Plan
from matrix.stage import ABSENT_MODEL
from matrix.suite.grpc_offer import need_grpc

# Where a request goes and what it holds, by the envelope that reads it.
_PATHS = {"kserve": "/v1/models/{}:predict", "kservev2": "/v2/models/{}/infer"}
_PAYLOADS = {"kserve": "contract-v1", "kservev2": "contract-v2"}
_OTHER = {"kserve": "kservev2", "kservev2": "kserve"}


def test_absent_model_not_ready(rest: RestClient, cell: Cell, exhibit: Exhibit) -> None:
    readiness = rest.get(f"/v1/models/{ABSENT_MODEL}")
    exhibit.equal(readiness.status in (404, 503), True, "refusal (404 or 503) to call it ready")
    answer = rest.post(_PATHS[cell.envelope].format(ABSENT_MODEL), _payload(cell.envelope))
    exhibit.equal(answer.status in (404, 503), True, "refusal (404 or 503) to answer for it")
    answer.error()


def test_unknown_model(rest: RestClient, cell: Cell, exhibit: Exhibit) -> None:
    answer = rest.post(_PATHS[cell.envelope].format("unknown"), _payload(cell.envelope))
    exhibit.equal(answer.status, 404, "status of inference")
    answer.error()
    exhibit.equal(rest.get("/v1/models/unknown").status, 404, "status of readiness")


def test_malformed_json(rest: RestClient, cell: Cell, exhibit: Exhibit) -> None:
    path = _PATHS[cell.envelope].format("contract")
    for body in (b'{"instances": [1', b"", b"no JSON"):
        answer = rest.post(path, body)
        exhibit.equal(answer.status, 400, f"status for the body {body!r}")
        answer.error()


def test_other_protocol(rest: RestClient, cell: Cell, exhibit: Exhibit) -> None:
    other = _OTHER[cell.envelope]
    answer = rest.post(_PATHS[other].format("contract"), _payload(other))
    exhibit.equal(answer.status, 400, "status")
    answer.error()


def test_grpc_other_protocol(
    wrapper: RunningWrapper, grpc_client: GrpcClient, plan: Plan, cell: Cell, exhibit: Exhibit
) -> None:
    need_grpc(plan, cell, "grpc-other-protocol", wrapper)
    exhibit.expected = "an error status"
    try:
        grpc_client.infer(open_inference.request("contract", _payload("kservev2")))
    except GrpcRefusal as refusal:
        exhibit.observed = refusal.code
    else:
        raise AssertionError("a V2 request was answered OK by a model whose envelope reads V1")


def _payload(envelope: str) -> dict[str, Any]:
    return payloads.load(_PAYLOADS[envelope])
