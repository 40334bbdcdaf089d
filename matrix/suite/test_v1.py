"""The V1 protocol in front of TorchServe's envelope ``kserve``."""

from __future__ import annotations

from typing import Any

from kserve_conformance.expect import reading
from kserve_conformance.results.exhibit import Exhibit

from fixtures import payloads
from fixtures.torchserve import Instance
from matrix.planning.expectations import Service
from matrix.running import reference
from matrix.running.clients import RestClient


def test_v1_predict(rest: RestClient, torchserve: Instance, exhibit: Exhibit) -> None:
    body = payloads.load("contract-v1")
    answer = _same_as_torchserve(rest, torchserve, exhibit, "/v1/models/contract:predict", body)
    received = [each["received"] for each in answer["predictions"]]
    exhibit.equal(received, body["instances"], "instances as the model received them")


def test_v1_explain(rest: RestClient, torchserve: Instance, exhibit: Exhibit) -> None:
    body = payloads.load("contract-v1")
    answer = _same_as_torchserve(rest, torchserve, exhibit, "/v1/models/contract:explain", body)
    explained = [each["explained"] for each in answer["explanations"]]
    exhibit.equal(explained, body["instances"], "instances as the model received them")


def test_v1_transport(rest: RestClient, service: Service, exhibit: Exhibit) -> None:
    answer = rest.post("/v1/models/contract:predict", payloads.load("contract-v1"))
    exhibit.equal(answer.status, 200, "status")
    with reading("the V1 answer"):
        told = {each["transport"] for each in answer.json()["predictions"]}
    exhibit.equal(sorted(told), [service.transport], "transport that TorchServe was asked by")


def test_v1_digits_tensor(rest: RestClient, torchserve: Instance, exhibit: Exhibit) -> None:
    _known_digits(rest, torchserve, exhibit, "digits-v1-tensor")


def test_v1_digits_image(rest: RestClient, torchserve: Instance, exhibit: Exhibit) -> None:
    _known_digits(rest, torchserve, exhibit, "digits-v1-image")


def _known_digits(rest: RestClient, torchserve: Instance, exhibit: Exhibit, name: str) -> None:
    body, known = payloads.load(name), payloads.answer(name)
    answer = _same_as_torchserve(rest, torchserve, exhibit, "/v1/models/digits:predict", body)
    exhibit.equal(answer, known, "the network's known answer")


def _same_as_torchserve(
    rest: RestClient, torchserve: Instance, exhibit: Exhibit, path: str, body: Any
) -> Any:
    own = reference.by_rest(torchserve, path, body)
    answer = rest.post(path, body)
    exhibit.equal(answer.status, 200, "status")
    exhibit.equal(answer.json(), own, "answer beside TorchServe's own")
    return own
