"""``GET /metrics``: the wrapper's metrics and the SDK's, and TorchServe's where they are wanted."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from typing import Callable

from prometheus_client import REGISTRY, Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import choose_encoder

from wrapper.front.answer import Answer
from wrapper.metrics import processes
from wrapper.names import Target
from wrapper.torchserve.service import TorchServe

# The state of a worker that is always told, so that a model without any has a series, too.
_READY = "READY"


class MetricsPage:
    """Answers a scrape, on a thread of its own for what takes long."""

    def __init__(self, torchserve: TorchServe) -> None:
        self._torchserve = torchserve

    async def answer(self, _target: Target, _body: bytes, headers: Mapping[str, str]) -> Answer:
        """Answer ``GET /metrics`` in the format that ``Accept`` asks for.

        TorchServe tells its own in the older one only, so that beside them all are told in that.
        """
        torchserves = await self._torchserves()
        accepted = "" if torchserves else headers.get("accept", "")
        encode, content_type = choose_encoder(accepted)
        body = await asyncio.to_thread(lambda: encode(_All(self._state)))
        return Answer(200, body + (torchserves or b""), content_type)

    async def _torchserves(self) -> bytes | None:
        own = self._torchserve.own_metrics
        return None if own is None else await own.fetch()

    def _state(self) -> Iterator[Metric]:
        ready = GaugeMetricFamily(
            "torchserve_wrapper_model_ready",
            "Whether the model can be served now, 1 or 0",
            labels=["model"],
        )
        workers = GaugeMetricFamily(
            "torchserve_wrapper_model_workers",
            "TorchServe's workers for the model, by the state that TorchServe says they are in",
            labels=["model", "state"],
        )
        for model in self._torchserve.readiness.models():
            ready.add_metric([model], float(self._torchserve.readiness.is_ready(Target(model))))
            states = self._torchserve.readiness.workers(model)
            for state in sorted({_READY, *states}):
                workers.add_metric([model, state], states.count(state))
        return iter((ready, workers))


class _All:
    """What is counted, by this process or by all, and what is so now."""

    def __init__(self, state: Callable[[], Iterator[Metric]]) -> None:
        self._state = state

    def collect(self) -> Iterator[Metric]:
        counted = processes.collector() if processes.is_together() else REGISTRY
        yield from counted.collect()
        yield from self._state()
