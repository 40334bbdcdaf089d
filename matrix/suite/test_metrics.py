"""What GET /metrics counts of requests whose number is known.

The SDK's histograms are everybody's. A wrapper that isn't ours may have further metrics under names
of its own, so that ours are judged where they are told.
"""

from __future__ import annotations

from collections.abc import Mapping

from kserve_conformance import tensors
from kserve_conformance.asking.grpc_client import CallFailed
from kserve_conformance.expect import reading
from kserve_conformance.results.exhibit import Exhibit

from fixtures import payloads
from matrix.planning.cells import Cell
from matrix.running.clients import GrpcClient, RestClient
from matrix.running.scrape import Scrape

_OURS = "torchserve_wrapper_requests_total"
_STAGES = ("request_preprocess_seconds", "request_predict_seconds", "request_postprocess_seconds")
_ANSWERED = 2


def test_metrics(rest: RestClient, cell: Cell, exhibit: Exhibit) -> None:
    protocol, path = ("v1", "/v1/models/{}:predict")
    if cell.envelope != "kserve":
        protocol, path = ("v2", "/v2/models/{}/infer")
    body = payloads.load(f"contract-{protocol}")
    before = _scrape(rest, exhibit)
    for _ in range(_ANSWERED):
        exhibit.equal(rest.post(path.format("contract"), body).status, 200, "status")
    exhibit.equal(rest.post(path.format("contract"), b"{").status, 400, "status of a refusal")
    exhibit.equal(rest.post(path.format("nobody"), body).status, 404, "status for no model")
    ours = {"contract 200": _ANSWERED, "contract 400": 1, "unknown 404": 1}
    _judge(before, _scrape(rest, exhibit), protocol, _ANSWERED, ours, exhibit)


def test_grpc_metrics(
    grpc_client: GrpcClient, rest: RestClient, cell: Cell, exhibit: Exhibit
) -> None:
    answered = _ANSWERED if cell.envelope != "kserve" else 0
    before = _scrape(rest, exhibit)
    for _ in range(answered):
        grpc_client.infer(tensors.request("contract", payloads.load("contract-v2")))
    try:
        grpc_client.infer(tensors.request("nobody", payloads.load("contract-v2")))
    except CallFailed as refusal:
        exhibit.equal(refusal.code, "NOT_FOUND", "status for no model")
    ours = {"unknown NOT_FOUND": 1, **({"contract OK": answered} if answered else {})}
    _judge(before, _scrape(rest, exhibit), "grpc-v2", answered, ours, exhibit)


def _scrape(rest: RestClient, exhibit: Exhibit) -> Scrape:
    answer = rest.get("/metrics")
    exhibit.equal(answer.status, 200, "status of /metrics")
    with reading("/metrics"):
        return Scrape(answer.body.decode())


def _judge(
    before: Scrape,
    after: Scrape,
    protocol: str,
    answered: int,
    ours: Mapping[str, int],
    exhibit: Exhibit,
) -> None:
    expected = dict.fromkeys(_STAGES, answered)
    observed = {}
    for name in _STAGES:
        then, now = (each.total(f"{name}_count", model_name="contract") for each in (before, after))
        observed[name] = int(now - then)
    if any(after.of(_OURS)):
        expected |= ours
        observed |= _more(before, after, protocol)
    exhibit.equal(observed, expected, "what /metrics counts more than before")


def _more(before: Scrape, after: Scrape, protocol: str) -> dict[str, int]:
    """Give by how much each of our counters of a protocol has grown, where it has."""
    told = {}
    for sample in after.of(_OURS, protocol=protocol):
        more = int(sample.value - before.total(_OURS, **sample.labels))
        if more:
            told[f"{sample.labels['model']} {sample.labels['status']}"] = more
    return told
