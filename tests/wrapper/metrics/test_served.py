"""What /metrics says after requests that were counted by hand, on real SDKs and real TorchServe."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import grpc
import pytest
import requests
from kserve_conformance import tensors
from tritonclient.grpc import service_pb2

from fixtures import payloads
from fixtures.torchserve import Instance
from matrix.running.launch import RunningWrapper
from matrix.running.scrape import Scrape
from tests import lending
from tests.wrapper.running import RELEASES, wrapper

pytestmark = pytest.mark.integration

V1 = payloads.load("contract-v1")
V2 = payloads.load("contract-v2")
REQUESTS = "torchserve_wrapper_requests_total"

# The second generation's first releases have a process for REST, with one worker, too.
WITH_GRPC = ("0.10.0", *RELEASES[1:])


@pytest.fixture(scope="module")
def reads_v1() -> Instance:
    """A TorchServe whose envelope reads V1."""
    return lending.instance("kserve", "contract")


@pytest.fixture(scope="module")
def reads_v2() -> Instance:
    """A TorchServe whose envelope reads V2."""
    return lending.instance("kservev2", "contract")


def _scrape(subject: RunningWrapper) -> Scrape:
    # Each over a connection of its own, which any of several workers may take.
    answer = requests.get(f"{subject.url}/metrics", timeout=30)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/plain"), answer.headers
    return Scrape(answer.text)


def _post(subject: RunningWrapper, path: str, body: object, **headers: str) -> int:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    sent = {"content-type": "application/json", **headers}
    return requests.post(subject.url + path, data=data, headers=sent, timeout=30).status_code


def _counted(scrape: Scrape) -> dict[tuple[str, ...], float]:
    members = ("protocol", "verb", "model", "status")
    return {
        tuple(sample.labels[member] for member in members): sample.value
        for sample in scrape.of(REQUESTS)
    }


def _stages(scrape: Scrape) -> dict[str, float]:
    """Give how often each of the SDK's histograms has counted the model."""
    names = ("preprocess", "predict", "explain", "postprocess")
    counts = {
        name: scrape.total(f"request_{name}_seconds_count", model_name="contract") for name in names
    }
    return {name: count for name, count in counts.items() if count}


def _ask_v1(subject: RunningWrapper) -> Counter[tuple[str, ...]]:
    """Ask in each way that V1 has, and give what has to be counted."""
    predict, explain = "/v1/models/contract:predict", "/v1/models/contract:explain"
    asked = [
        *[("v1", "predict", "contract", _post(subject, predict, V1)) for _ in range(5)],
        *[("v1", "explain", "contract", _post(subject, explain, V1)) for _ in range(3)],
        *[("v1", "predict", "contract", _post(subject, predict, b"{")) for _ in range(2)],
        ("v2", "infer", "contract", _post(subject, "/v2/models/contract/infer", V2)),
        ("v2", "explain", "contract", _post(subject, "/v2/models/contract/explain", V2)),
        *[
            ("v1", "predict", "unknown", _post(subject, f"/v1/models/{name}:predict", V1))
            for name in ("a", "%00", "x" * 300, 'q"{}\n')
        ],
    ]
    statuses = [status for *_, status in asked]
    assert statuses == [200] * 8 + [400] * 3 + [501] + [404] * 4
    return Counter((*labels, str(status)) for *labels, status in asked)


def _assert_as_asked(scrape: Scrape, asked: Counter[tuple[str, ...]]) -> None:
    assert _counted(scrape) == asked
    names = ("protocol", "verb", "model")
    for labels in {each[:3] for each in asked}:
        wanted = sum(count for each, count in asked.items() if each[:3] == labels)
        named = dict(zip(names, labels, strict=True))
        assert scrape.total("torchserve_wrapper_request_duration_seconds_count", **named) == wanted
        answered = sum(asked[(*labels, status)] for status in ("200", "OK"))
        in_torchserve = "torchserve_wrapper_torchserve_duration_seconds_count"
        assert scrape.total(in_torchserve, **named) == answered
    assert scrape.total("torchserve_wrapper_requests_in_flight") == 0
    assert scrape.total("torchserve_wrapper_model_ready", model="contract") == 1
    workers = "torchserve_wrapper_model_workers"
    # One of each version.
    assert scrape.total(workers, model="contract", state="READY") == 2


@pytest.mark.parametrize("release", RELEASES)
def test_workers_count_together(release: str, reads_v1: Instance, tmp_path: Path) -> None:
    with wrapper(release, reads_v1, tmp_path, flags="--workers 2") as subject:
        asked = _ask_v1(subject)
        for _ in range(8):
            scrape = _scrape(subject)
            _assert_as_asked(scrape, asked)
            assert _stages(scrape) == {
                "preprocess": 8,
                "predict": 5,
                "explain": 3,
                "postprocess": 8,
            }


@pytest.mark.parametrize("release", RELEASES)
def test_the_bare_sdk_counts_by_the_model_class(
    release: str, reads_v1: Instance, tmp_path: Path
) -> None:
    with wrapper(release, reads_v1, tmp_path, flags="--bare-sdk") as subject:
        for _ in range(3):
            assert _post(subject, "/v1/models/contract:predict", V1) == 200
        assert _post(subject, "/v1/models/contract:explain", V1) == 200
        _post(subject, "/v1/models/nobody:predict", V1)
        scrape = _scrape(subject)
    _assert_as_asked(
        scrape,
        Counter({("v1", "predict", "contract", "200"): 3, ("v1", "explain", "contract", "200"): 1}),
    )
    # 0.9 has no such histograms, and nobody else fills them here.
    stages = {"preprocess": 4, "predict": 3, "explain": 1, "postprocess": 4}
    assert _stages(scrape) == ({} if release == "0.9.0" else stages)


@pytest.mark.parametrize("release", ["0.9.0", *WITH_GRPC])
def test_json_binary_and_grpc_are_counted(release: str, reads_v2: Instance, tmp_path: Path) -> None:
    path = "/v2/models/contract/infer"
    head = json.dumps(V2).encode()
    with wrapper(release, reads_v2, tmp_path) as subject:
        statuses = [
            *[_post(subject, path, V2) for _ in range(3)],
            *[
                _post(subject, path, head, **{"inference-header-content-length": str(len(head))})
                for _ in range(2)
            ],
            _post(subject, path, {"inputs": []}),
            _post(subject, path, b""),
            _post(subject, "/v2/models/nobody/infer", V2),
        ]
        assert statuses == [200] * 5 + [400] * 2 + [404]
        asked: Counter[tuple[str, ...]] = Counter()
        asked["v2", "infer", "contract", "200"] = 5
        asked["v2", "infer", "contract", "400"] = 2
        asked["v2", "infer", "unknown", "404"] = 1
        if release in WITH_GRPC:
            asked += _ask_by_grpc(subject)
        scrape = _scrape(subject)
        # The TorchServe that is lent has the default mode, and answered these very requests.
        assert "set metrics_mode=prometheus" in subject.log()
    own = requests.get(f"http://127.0.0.1:{reads_v2.endpoints.metrics}/metrics", timeout=30)
    assert (own.status_code, Scrape(own.text).samples) == (200, ())
    _assert_as_asked(scrape, asked)
    answered = sum(asked[labels] for labels in asked if labels[3] in ("200", "OK"))
    assert _stages(scrape) == {
        "preprocess": answered,
        "predict": answered,
        "postprocess": answered,
    }


def _ask_by_grpc(subject: RunningWrapper) -> Counter[tuple[str, ...]]:
    right = tensors.request("contract", V2)
    of_no_version = service_pb2.ModelInferRequest()
    of_no_version.CopyFrom(right)
    of_no_version.model_version = "3.0"
    unknown = tensors.request("nobody", V2)
    codes = []
    with grpc.insecure_channel(f"127.0.0.1:{subject.grpc_port}") as channel:
        call = channel.unary_unary(
            "/inference.GRPCInferenceService/ModelInfer",
            request_serializer=service_pb2.ModelInferRequest.SerializeToString,
            response_deserializer=service_pb2.ModelInferResponse.FromString,
        )
        for request in (right, right, right, of_no_version, unknown, unknown):
            try:
                call(request, timeout=30, wait_for_ready=True)
                codes.append("OK")
            except grpc.RpcError as error:
                codes.append(error.code().name)
    assert codes == ["OK"] * 3 + ["NOT_FOUND"] * 3
    return Counter(
        {
            ("grpc-v2", "infer", "contract", "OK"): 3,
            ("grpc-v2", "infer", "contract", "NOT_FOUND"): 1,
            ("grpc-v2", "infer", "unknown", "NOT_FOUND"): 2,
        }
    )
