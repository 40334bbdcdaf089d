"""The V1 protocol in front of TorchServe's envelope ``kserve``."""

from __future__ import annotations

from kserve_conformance.expect import reading
from kserve_conformance.results.exhibit import Exhibit

from fixtures import payloads
from matrix.planning.expectations import Service
from matrix.running.clients import RestClient
from matrix.running.reference import Reference


def test_v1_predict(torchserve: Reference, exhibit: Exhibit) -> None:
    body = payloads.load("contract-v1")
    answer = torchserve.same("contract", "/v1/models/contract:predict", body)
    received = [each["received"] for each in answer["predictions"]]
    exhibit.equal(received, body["instances"], "instances as the model received them")


def test_v1_explain(torchserve: Reference, exhibit: Exhibit) -> None:
    body = payloads.load("contract-v1")
    answer = torchserve.same("contract", "/v1/models/contract:explain", body)
    explained = [each["explained"] for each in answer["explanations"]]
    exhibit.equal(explained, body["instances"], "instances as the model received them")


def test_v1_transport(rest: RestClient, service: Service, exhibit: Exhibit) -> None:
    answer = rest.post("/v1/models/contract:predict", payloads.load("contract-v1"))
    exhibit.equal(answer.status, 200, "status")
    with reading("the V1 answer"):
        told = {each["transport"] for each in answer.json()["predictions"]}
    exhibit.equal(sorted(told), [service.transport], "transport that TorchServe was asked by")


def test_v1_digits_tensor(torchserve: Reference, exhibit: Exhibit) -> None:
    _known_digits(torchserve, exhibit, "digits-v1-tensor")


def test_v1_digits_image(torchserve: Reference, exhibit: Exhibit) -> None:
    _known_digits(torchserve, exhibit, "digits-v1-image")


def _known_digits(torchserve: Reference, exhibit: Exhibit, name: str) -> None:
    answer = torchserve.same("digits", "/v1/models/digits:predict", payloads.load(name))
    exhibit.equal(answer, payloads.answer(name), "the network's known answer")
