"""Which headers of a request TorchServe gets, and that none comes back in the answer."""

from __future__ import annotations

import json
from typing import Any

from kserve_conformance.asking.http_client import Answer
from kserve_conformance.expect import reading
from kserve_conformance.results.exhibit import Exhibit

from fixtures import payloads
from matrix.planning.cells import Cell
from matrix.running.clients import RestClient

_TRACING = {
    "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    "x-request-id": "request-23",
}
_SECRET = {"authorization": "Bearer of-the-client", "cookie": "session=of-the-client"}
_SENT = {"content-type": "application/json", **_TRACING, **_SECRET}


def test_forwarded_headers(rest: RestClient, cell: Cell, exhibit: Exhibit) -> None:
    with reading("the answer"):
        arrived = _arrived(_infer(rest, cell), cell)
    exhibit.equal(arrived, _TRACING, "headers that TorchServe got, of those in question")


def test_request_headers_stay(rest: RestClient, cell: Cell, exhibit: Exhibit) -> None:
    answers = [_infer(rest, cell)]
    if cell.envelope in ("kserve", "none"):
        answers.append(_v1(rest, "explain"))
    for answer in answers:
        exhibit.equal(answer.status, 200, "status")
        returned = {
            name: value
            for name, value in answer.headers.items()
            if name.lower() in (*_TRACING, *_SECRET, "host", "user-agent")
            or value in (*_TRACING.values(), *_SECRET.values())
        }
        exhibit.equal(returned, {}, "headers of the request in the answer")


def _infer(rest: RestClient, cell: Cell) -> Answer:
    if cell.envelope == "kserve":
        return _v1(rest, "predict")
    body = json.dumps(payloads.load("contract-v2")).encode()
    return rest.ask("POST", "/v2/models/contract/infer", body, _SENT)


def _v1(rest: RestClient, verb: str) -> Answer:
    body = json.dumps(payloads.load("contract-v1")).encode()
    return rest.ask("POST", f"/v1/models/contract:{verb}", body, _SENT)


def _arrived(answer: Answer, cell: Cell) -> Any:
    if cell.envelope == "kserve":
        return answer.json()["predictions"][0]["headers"]
    return json.loads(answer.json()["outputs"][0]["data"][0])["headers"]
