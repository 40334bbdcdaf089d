"""Requests that can't be answered: absent and unknown models, no JSON, the other protocol."""

from __future__ import annotations

from kserve_conformance import tensors
from kserve_conformance.asking.grpc_client import CallFailed
from kserve_conformance.asking.http_client import Answer
from kserve_conformance.results.exhibit import Exhibit

from fixtures import payloads
from matrix.planning.cells import Cell
from matrix.running import late_model
from matrix.running.clients import GrpcClient, RestClient
from matrix.running.worker import Stage

# The protocol that each envelope reads, and one of the two where a model reads them itself; where
# its requests go and what they hold.
_READS = {"kserve": "v1", "kservev2": "v2", "kservev2_faithful": "v2", "none": "v1"}
_PATHS = {"v1": "/v1/models/{}:predict", "v2": "/v2/models/{}/infer"}
_OTHER = {"v1": "v2", "v2": "v1"}


def test_absent_model_not_ready(rest: RestClient, cell: Cell, exhibit: Exhibit) -> None:
    absent = late_model.name_of(cell)
    readiness = rest.get(f"/v1/models/{absent}")
    exhibit.equal(readiness.status in (404, 503), True, "refusal (404 or 503) to call it ready")
    answer = _infer(rest, _READS[cell.envelope], absent)
    exhibit.equal(answer.status in (404, 503), True, "refusal (404 or 503) to answer for it")
    answer.sentence()


def test_unknown_model(rest: RestClient, cell: Cell, exhibit: Exhibit) -> None:
    answer = _infer(rest, _READS[cell.envelope], "unknown")
    exhibit.equal(answer.status, 404, "status of inference")
    answer.sentence()
    exhibit.equal(rest.get("/v1/models/unknown").status, 404, "status of readiness")


def test_malformed_json(rest: RestClient, cell: Cell, exhibit: Exhibit) -> None:
    path = _PATHS[_READS[cell.envelope]].format("contract")
    for body in (b'{"instances": [1', b"", b"no JSON"):
        answer = rest.post(path, body)
        exhibit.equal(answer.status, 400, f"status for the body {body!r}")
        answer.sentence()


def test_other_protocol(rest: RestClient, cell: Cell, exhibit: Exhibit) -> None:
    answer = _infer(rest, _OTHER[_READS[cell.envelope]], "contract")
    exhibit.equal(answer.status, 400, "status")
    answer.sentence()


def test_envelope_missing(rest: RestClient, stage: Stage, exhibit: Exhibit) -> None:
    for protocol in ("v1", "v2"):
        # The digits network's handler reads what an envelope hands on, and fails on a whole body.
        answer = rest.post(
            _PATHS[protocol].format("digits"), payloads.load(f"digits-{protocol}-tensor")
        )
        exhibit.equal(answer.status, 500, f"status of {protocol}")
        sentence = answer.sentence()
        if stage.subject.constructor is not None:
            lacking = {"kserve", "kservev2"} - {word.strip(".,:") for word in sentence.split()}
            exhibit.equal(sorted(lacking), [], f"envelopes that {sentence!r} doesn't name")


def test_grpc_other_protocol(grpc_client: GrpcClient, exhibit: Exhibit) -> None:
    exhibit.expected = "an error status"
    try:
        grpc_client.infer(tensors.request("contract", payloads.load("contract-v2")))
    except CallFailed as refusal:
        exhibit.observed = refusal.code
    else:
        raise AssertionError("a V2 request was answered OK by a model whose envelope reads V1")


def _infer(rest: RestClient, protocol: str, model: str) -> Answer:
    return rest.post(_PATHS[protocol].format(model), payloads.load(f"contract-{protocol}"))
