"""The wrapper's own metrics, by Prometheus' conventions for names and units.

They are in prometheus_client's default registry, as the SDK's are. docs/metrics.md lists them.
"""

from __future__ import annotations

import dataclasses

from prometheus_client import Counter, Gauge, Histogram

# Seconds: from what the smallest model takes to what a client waits for a large one.
BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)

_OF_A_REQUEST = ("protocol", "verb", "model")

REQUESTS = Counter(
    "torchserve_wrapper_requests_total",
    "Requests of inference that were answered, with the status that the client was told",
    (*_OF_A_REQUEST, "status"),
)
LATENCY = Histogram(
    "torchserve_wrapper_request_duration_seconds",
    "Time from a request's last byte to its answer",
    _OF_A_REQUEST,
    buckets=BUCKETS,
)
IN_TORCHSERVE = Histogram(
    "torchserve_wrapper_torchserve_duration_seconds",
    "Time of a request in which TorchServe was waited for",
    _OF_A_REQUEST,
    buckets=BUCKETS,
)
IN_FLIGHT = Gauge(
    "torchserve_wrapper_requests_in_flight",
    "Requests that are being answered",
    _OF_A_REQUEST,
    # A process that has ended has none.
    multiprocess_mode="livesum",
)


@dataclasses.dataclass(frozen=True)
class Stages:
    """The KServe SDK's histograms of what a model does, each with the label ``model_name``."""

    preprocess: Histogram
    predict: Histogram
    explain: Histogram
    postprocess: Histogram
