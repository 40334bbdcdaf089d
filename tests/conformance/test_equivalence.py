"""The same input by V1, V2 REST and V2 gRPC: one answer, and TorchServe's own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from kserve_conformance import tensors
from kserve_conformance.asking.http_client import HttpClient
from kserve_conformance.asking.offer import Offer
from kserve_conformance.asking.server import Server
from kserve_conformance.asking.target import Target

from fixtures import payloads
from matrix.running import reference
from tests import lending
from tests.conformance.serving import RELEASES, Serving, serving

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]


@pytest.fixture(scope="module", params=RELEASES)
def both(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Serving, Serving]]:
    """A service that speaks V1 and one that speaks V2, of the same models."""
    behind_v1 = lending.instance("kserve", "contract", "digits")
    behind_v2 = lending.instance("kservev2_faithful", "contract", "digits")
    with (
        serving(request.param, behind_v1, tmp_path_factory.mktemp("v1")) as v1,
        serving(request.param, behind_v2, tmp_path_factory.mktemp("v2")) as v2,
    ):
        yield v1, v2


def test_the_digits_network_says_the_same_by_every_way(both: tuple[Serving, Serving]) -> None:
    v1, v2 = both
    body_v1, body_v2 = payloads.load("digits-v1-tensor"), payloads.load("digits-v2-tensor")
    assert tensors.flat(body_v1["instances"]) == body_v2["inputs"][0]["data"]
    by_v1 = _server(v1, "digits").predict(body_v1).success()
    told = {way: outputs[0]["data"] for way, outputs in _by_every_v2(v2, "digits", body_v2).items()}
    own = reference.by_rest(v2.torchserve, "/v2/models/digits/infer", body_v2)
    told |= {
        "V1": by_v1["predictions"],
        "TorchServe in V1": _own_predictions(v1, "digits", body_v1),
        "TorchServe in V2": own["outputs"][0]["data"],
    }
    assert told == dict.fromkeys(told, payloads.answer("digits-v1-tensor")["predictions"])


@pytest.mark.parametrize("datatype", [name for name in tensors.DATATYPES if name != "FP16"])
def test_tensors_come_back_the_same_by_every_way(
    both: tuple[Serving, Serving], datatype: str
) -> None:
    v1, v2 = both
    data = list(tensors.DATATYPES[datatype].extremes)
    sent = tensors.tensor("returned", datatype, [len(data)], data)
    told = _by_every_v2(v2, "contract", {"inputs": [sent]})
    own = reference.by_rest(v2.torchserve, "/v2/models/contract/infer", {"inputs": [sent]})
    told["TorchServe in V2"] = tensors.essential(own)
    assert told == {way: [sent] for way in told}
    by_v1 = _server(v1, "contract").predict({"instances": [data]}).success()
    own = _own_predictions(v1, "contract", {"instances": [data]})
    received = [each["received"] for each in (*by_v1["predictions"], *own)]
    assert received == [data, data]


def _by_every_v2(v2: Serving, model: str, body: dict[str, Any]) -> dict[str, Any]:
    server = _server(v2, model)
    told: dict[str, Any] = {"V2 JSON": tensors.essential(server.infer(body).success())}
    told["V2 binary"] = tensors.essential(server.infer_binary(*tensors.binary(body)).success())
    if v2.grpc is not None:
        typed = server.infer_grpc(tensors.request(model, body))
        told["gRPC typed"] = tensors.outputs(typed)
        told["gRPC raw"] = tensors.outputs(server.infer_grpc(tensors.raw_request(model, body)))
    return told


def _server(running: Serving, model: str) -> Server:
    target = Target(running.url, model, running.grpc)
    return Server(target, "EQUAL", HttpClient(running.url), Offer())


def _own_predictions(v1: Serving, model: str, body: Any) -> Any:
    """Ask TorchServe itself."""
    return reference.by_rest(v1.torchserve, f"/v1/models/{model}:predict", body)["predictions"]
