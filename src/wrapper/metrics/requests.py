"""Counts the requests that are answered: each one once, when it ends."""

from __future__ import annotations

import logging
import time
from types import TracebackType
from typing import Any, Callable

from prometheus_client import Counter, Histogram

from wrapper.metrics import families
from wrapper.metrics.families import Stages
from wrapper.metrics.kinds import Kind
from wrapper.metrics.timeline import Timeline

logger = logging.getLogger("wrapper")

# Stands for every model that isn't served: names that clients make up must not make labels.
UNKNOWN = "unknown"


class Requests:
    """Counts requests in the wrapper's metrics, and in the SDK's where the SDK doesn't.

    Args:
        is_known: tells whether a model is one of those that are served or waited for.
        stages: gives the SDK's histograms, where the SDK's own model isn't called and so
            doesn't fill them.
    """

    def __init__(
        self, is_known: Callable[[str], bool], stages: Callable[[], Stages] | None = None
    ) -> None:
        self._is_known = is_known
        self._stages = stages
        self._series: dict[tuple[Kind, str], _Series] = {}

    def counting(self, kind: Kind, model: str) -> _Counted:
        """Give a context in which one request is answered; leaving it is the request's end.

        A request that can't be counted, such as on a full disk, is answered all the same.
        """
        label = model if self._is_known(model) else UNKNOWN
        series = self._series.get((kind, label))
        if series is None:
            stages = None if self._stages is None else self._stages()
            try:
                # Of two threads that make the same one either may stay: both count in one metric.
                series = self._series[kind, label] = _Series(kind, label, stages)
            except OSError as error:
                _tell_uncounted(error)
        return _Counted(series)

    def __getstate__(self) -> dict[str, Any]:
        # A spawned process finds the metrics by their names; their locks can't be sent.
        return {**self.__dict__, "_series": {}}


class _Series:
    """The time series of one kind of request to one model, which are costly to look up."""

    def __init__(self, kind: Kind, model: str, stages: Stages | None) -> None:
        self.kind = kind
        labels = (kind.protocol, kind.verb, model)
        self.in_flight = families.IN_FLIGHT.labels(*labels)
        self._latency = families.LATENCY.labels(*labels)
        self._in_torchserve = families.IN_TORCHSERVE.labels(*labels)
        self._labels = labels
        self._by_status: dict[str, Counter] = {}
        self._stages = stages
        self._of_the_sdk: tuple[Histogram, Histogram, Histogram] | None = None

    def end(self, timeline: Timeline, now: float, status: str) -> None:
        """Count a request that has ended."""
        counter = self._by_status.get(status)
        if counter is None:
            counter = families.REQUESTS.labels(*self._labels, status)
            self._by_status[status] = counter
        counter.inc()
        self._latency.observe(now - timeline.came)
        if timeline.asked:
            # A request that TorchServe fails on ends where that is heard.
            heard = timeline.replied or now
            self._in_torchserve.observe(heard - timeline.asked)
            if self._stages is not None:
                self._fill_stages(self._stages, timeline, heard, now)

    def _fill_stages(self, stages: Stages, timeline: Timeline, heard: float, now: float) -> None:
        """Count as the SDK's own model does, which comes to postprocess only after success."""
        if self._of_the_sdk is None:
            asked = stages.explain if self.kind.verb == "explain" else stages.predict
            model = self._labels[-1]
            preprocess, answer, postprocess = (
                stage.labels(model) for stage in (stages.preprocess, asked, stages.postprocess)
            )
            self._of_the_sdk = preprocess, answer, postprocess
        preprocess, answer, postprocess = self._of_the_sdk
        preprocess.observe(timeline.asked - timeline.came)
        answer.observe(heard - timeline.asked)
        if timeline.replied:
            postprocess.observe(now - heard)


def _tell_uncounted(error: OSError) -> None:
    logger.warning("a request is answered, but can't be counted for /metrics: %s", error)


class _Counted(Timeline):
    """One request while it is answered."""

    __slots__ = ("_series",)

    def __init__(self, series: _Series | None) -> None:
        super().__init__()
        self._series = series

    def __enter__(self) -> Timeline:
        if self._series is not None:
            self._series.in_flight.inc()
        self.came = time.perf_counter()
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        series = self._series
        if series is None:
            return
        series.in_flight.dec()
        try:
            series.end(self, time.perf_counter(), series.kind.status(error))
        except OSError as unwritten:
            _tell_uncounted(unwritten)
