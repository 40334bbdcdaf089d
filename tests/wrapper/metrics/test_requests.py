"""What is counted of a request, by its kind, its model, and how it ends."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import itertools
import os
import pickle

import pytest
from prometheus_client import CollectorRegistry, Histogram, generate_latest
from prometheus_client.registry import REGISTRY

from matrix.running.scrape import Scrape
from wrapper.errors import ServingError
from wrapper.metrics import families, kinds
from wrapper.metrics.families import Stages
from wrapper.metrics.kinds import Kind
from wrapper.metrics.requests import Requests
from wrapper.metrics.timeline import Timeline

REQUESTS = "torchserve_wrapper_requests_total"
DURATION = "torchserve_wrapper_request_duration_seconds"
IN_TORCHSERVE = "torchserve_wrapper_torchserve_duration_seconds"
IN_FLIGHT = "torchserve_wrapper_requests_in_flight"

_names = itertools.count()


@pytest.fixture
def model() -> str:
    """A name that no other test counts."""
    return f"model-{next(_names)}"


def _now() -> Scrape:
    return Scrape(generate_latest(REGISTRY).decode())


def _counting(model: str) -> Requests:
    return Requests({model}.__contains__)


def _end_by(requests: Requests, kind: Kind, model: str, error: BaseException | None) -> None:
    ends = contextlib.nullcontext() if error is None else pytest.raises(type(error))
    with ends, requests.counting(kind, model):
        if error is not None:
            raise error


@pytest.mark.parametrize(
    ("kind", "error", "status"),
    [
        (kinds.V1_PREDICT, None, "200"),
        (kinds.V1_EXPLAIN, ServingError(400, "no"), "400"),
        (kinds.V2_INFER, ServingError(503, "full", retry_after=1), "503"),
        (kinds.V2_INFER, RuntimeError("unexpected"), "500"),
        (kinds.V2_INFER, asyncio.CancelledError(), "499"),
        (kinds.GRPC_INFER, None, "OK"),
        (kinds.GRPC_INFER, ServingError(404, "no"), "NOT_FOUND"),
        (kinds.GRPC_INFER, ServingError(503, "full", retry_after=1), "RESOURCE_EXHAUSTED"),
        (kinds.GRPC_INFER, RuntimeError("unexpected"), "INTERNAL"),
        (kinds.GRPC_INFER, asyncio.CancelledError(), "CANCELLED"),
    ],
)
def test_the_status_is_what_the_client_is_told(
    model: str, kind: Kind, error: BaseException | None, status: str
) -> None:
    _end_by(_counting(model), kind, model, error)
    counted = [sample.labels for sample in _now().of(REQUESTS, model=model)]
    assert counted == [
        {"protocol": kind.protocol, "verb": kind.verb, "model": model, "status": status}
    ]
    assert _now().total(REQUESTS, model=model) == 1
    assert _now().total(f"{DURATION}_count", model=model) == 1
    assert _now().total(IN_FLIGHT, model=model) == 0


def test_names_that_clients_make_up_make_no_labels(model: str) -> None:
    requests = _counting(model)
    scrapes = []
    for number in range(50):
        _end_by(requests, kinds.V1_PREDICT, f"{model}/../{number}\n", ServingError(404, "no"))
        scrapes.append(_now())
    first, last = scrapes[0], scrapes[-1]
    assert len(first.samples) == len(last.samples)
    assert last.total(REQUESTS, model="unknown") - first.total(REQUESTS, model="unknown") == 49


def test_what_is_being_answered_is_in_flight(model: str) -> None:
    requests = _counting(model)
    with requests.counting(kinds.V1_PREDICT, model), requests.counting(kinds.V2_INFER, model):
        assert _now().total(IN_FLIGHT, model=model) == 2
        assert _now().total(IN_FLIGHT, model=model, verb="infer") == 1
    assert _now().total(IN_FLIGHT, model=model) == 0


def test_times_are_of_their_parts(model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    moments = iter((10.0, 14.0))
    monkeypatch.setattr("wrapper.metrics.requests.time.perf_counter", lambda: next(moments))
    with _counting(model).counting(kinds.V2_INFER, model) as timeline:
        timeline.asked, timeline.replied = 10.5, 13.0
    now = _now()
    assert now.total(f"{DURATION}_sum", model=model) == 4
    assert now.total(f"{IN_TORCHSERVE}_sum", model=model) == 2.5
    assert now.total(f"{DURATION}_bucket", model=model, le="2.5") == 0
    assert now.total(f"{DURATION}_bucket", model=model, le="5.0") == 1


class _Sdk:
    """Histograms as the SDK has them, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.stages = Stages(
            *(
                Histogram(name, name, ["model_name"], registry=self.registry)
                for name in ("preprocess", "predict", "explain", "postprocess")
            )
        )

    def counts(self) -> dict[str, float]:
        scrape = Scrape(generate_latest(self.registry).decode())
        return {
            sample.name.removesuffix("_count"): sample.value
            for sample in scrape.samples
            if sample.name.endswith("_count") and sample.labels == {"model_name": "digits"}
        }

    def end(self, kind: Kind, error: ServingError | None, *, asked: bool, replied: bool) -> None:
        requests = Requests({"digits"}.__contains__, lambda: self.stages)
        with contextlib.suppress(ServingError), requests.counting(kind, "digits") as timeline:
            timeline.asked = timeline.came if asked else 0.0
            timeline.replied = timeline.came if replied else 0.0
            if error is not None:
                raise error


def test_the_sdks_histograms_are_filled_as_its_model_does() -> None:
    sdk = _Sdk()
    failed = ServingError(500, "no")
    sdk.end(kinds.V1_PREDICT, None, asked=True, replied=True)
    assert sdk.counts() == {"preprocess": 1, "predict": 1, "postprocess": 1}
    sdk.end(kinds.GRPC_INFER, failed, asked=True, replied=False)
    assert sdk.counts() == {"preprocess": 2, "predict": 2, "postprocess": 1}
    sdk.end(kinds.V1_EXPLAIN, failed, asked=True, replied=True)
    told = {"preprocess": 3, "predict": 2, "explain": 1, "postprocess": 2}
    assert sdk.counts() == told
    # What doesn't come to TorchServe doesn't come to the SDK's model either.
    sdk.end(kinds.V1_PREDICT, failed, asked=False, replied=False)
    assert sdk.counts() == told


def _no_stages() -> Stages:
    raise AssertionError("nothing of it is sent")


def test_a_process_that_is_spawned_gets_what_counts(model: str) -> None:
    requests = Requests(frozenset({model}).__contains__, _no_stages)
    requests._stages = None
    _end_by(requests, kinds.V1_PREDICT, model, None)
    requests._stages = _no_stages
    assert pickle.loads(pickle.dumps(requests))._series == {}


def test_a_timeline_says_what_has_not_come() -> None:
    assert (Timeline().came, Timeline().asked, Timeline().replied) == (0, 0, 0)


@pytest.mark.parametrize("metric", ["LATENCY", "REQUESTS"], ids=["as-it-comes", "as-it-ends"])
def test_what_cannot_be_counted_is_answered(
    model: str, metric: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(*_: str) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(getattr(families, metric), "labels", full)
    answered = []
    with _counting(model).counting(kinds.V1_PREDICT, model):
        answered.append("200")
    assert answered
    assert "can't be counted for /metrics: [Errno 28] No space left on device" in caplog.text
