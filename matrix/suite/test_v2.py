"""The Open Inference Protocol, REST and gRPC, in front of TorchServe's envelope ``kservev2``."""

from __future__ import annotations

import json
from typing import Any

from kserve_conformance import tensors
from kserve_conformance.expect import reading
from kserve_conformance.results.exhibit import Exhibit

from fixtures import payloads
from matrix.planning.expectations import Service
from matrix.running.clients import GrpcClient, RestClient
from matrix.running.reference import Reference

_ID = "request-17"
_PATH = "/v2/models/contract/infer"


def test_v2_infer(torchserve: Reference, exhibit: Exhibit) -> None:
    body = {"id": _ID, **payloads.load("contract-v2")}
    answer = torchserve.same("contract", _PATH, body)
    exhibit.equal(answer["id"], _ID, "the request's id")
    received = [_received(output) for output in answer["outputs"]]
    exhibit.equal(received, body["inputs"], "inputs as the model received them")


def test_v2_infer_without_id(rest: RestClient, torchserve: Reference, exhibit: Exhibit) -> None:
    own = torchserve.answer("contract", _PATH, payloads.load("contract-v2"))
    answer = rest.post(_PATH, payloads.load("contract-v2"))
    exhibit.equal(answer.status, 200, "status")
    # TorchServe makes an id up, another one each time.
    with reading("the V2 answer"):
        observed = {**answer.json(), "id": "any"}
    exhibit.equal(observed, {**own, "id": "any"}, "answer beside TorchServe's own")


def test_v2_transport(rest: RestClient, service: Service, exhibit: Exhibit) -> None:
    answer = rest.post(_PATH, payloads.load("contract-v2"))
    exhibit.equal(answer.status, 200, "status")
    with reading("the V2 answer"):
        told = {json.loads(output["data"][0])["transport"] for output in answer.json()["outputs"]}
    exhibit.equal(sorted(told), [service.transport], "transport that TorchServe was asked by")


def test_v2_digits_tensor(torchserve: Reference, exhibit: Exhibit) -> None:
    _known_digits(torchserve, exhibit, "digits-v2-tensor")


def test_v2_digits_image(torchserve: Reference, exhibit: Exhibit) -> None:
    _known_digits(torchserve, exhibit, "digits-v2-image")


def test_grpc_infer(grpc_client: GrpcClient, rest: RestClient, exhibit: Exhibit) -> None:
    body = {"id": _ID, **payloads.load("contract-v2")}
    by_rest = rest.post(_PATH, body)
    exhibit.equal(by_rest.status, 200, "status of the REST answer")
    by_grpc = grpc_client.infer(tensors.request("contract", body))
    with reading("the V2 answer"):
        expected = {"id": _ID, "told": _told(tensors.essential(by_rest.json()))}
    with reading("the gRPC answer"):
        observed = {"id": by_grpc.id, "told": _told(tensors.outputs(by_grpc))}
    exhibit.equal(observed, expected, "gRPC answer beside the REST answer")


def test_grpc_digits_tensor(grpc_client: GrpcClient, exhibit: Exhibit) -> None:
    body = payloads.load("digits-v2-tensor")
    answer = grpc_client.infer(tensors.request("digits", body))
    known = tensors.essential(payloads.answer("digits-v2-tensor"))
    with reading("the gRPC answer"):
        outputs = tensors.outputs(answer)
    exhibit.equal(_nameless(outputs), _nameless(known), "the network's known answer")


def _known_digits(torchserve: Reference, exhibit: Exhibit, name: str) -> None:
    body = {"id": _ID, **payloads.load(name)}
    answer = torchserve.same("digits", "/v2/models/digits/infer", body)
    known = payloads.answer(name)["outputs"]
    with reading("the V2 answer"):
        outputs = _nameless(answer["outputs"])
    exhibit.equal(outputs, _nameless(known), "the network's known answer")


def _nameless(outputs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Leave names out: they are the envelope's choice, and "predict" before TorchServe 0.8."""
    return [{key: each[key] for key in each if key != "name"} for each in outputs]


def _told(outputs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Give what the contract model told of each input; gRPC knows no nested data."""
    told = [json.loads(output["data"][0]) for output in outputs]
    return [{**each, "data": tensors.flat(each["data"])} for each in told]


def _received(output: dict[str, Any]) -> dict[str, Any]:
    told = json.loads(output["data"][0])
    return {key: told[key] for key in ("name", "shape", "datatype", "data")}
