"""The histograms of a model's stages that the KServe SDK has since 0.10.0."""

from __future__ import annotations

import functools

from prometheus_client import Histogram

from wrapper.metrics.families import Stages

_LABELS = ("model_name",)


@functools.cache
def stages() -> Stages:
    """Give the SDK's own, or on 0.8 and 0.9, which have none, ones of the same names and labels."""
    try:
        from kserve import metrics
    except ImportError:
        return Stages(
            preprocess=Histogram(
                "request_preprocess_seconds", "pre-process request latency", _LABELS
            ),
            predict=Histogram("request_predict_seconds", "predict request latency", _LABELS),
            explain=Histogram("request_explain_seconds", "explain request latency", _LABELS),
            postprocess=Histogram(
                "request_postprocess_seconds", "post-process request latency", _LABELS
            ),
        )
    return Stages(
        preprocess=metrics.PRE_HIST_TIME,
        predict=metrics.PREDICT_HIST_TIME,
        explain=metrics.EXPLAIN_HIST_TIME,
        postprocess=metrics.POST_HIST_TIME,
    )
