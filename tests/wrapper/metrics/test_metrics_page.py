"""docs/metrics.md has every metric with its type and labels, and nothing else."""

from __future__ import annotations

import re
from pathlib import Path

from prometheus_client.metrics import MetricWrapperBase

from tests.wrapper.surroundings import AnsweringTorchServe
from wrapper.front.metrics_page import MetricsPage
from wrapper.metrics import families
from wrapper.sdk import histograms

PAGE = Path(__file__).resolve().parents[3] / "docs" / "metrics.md"
ROW = re.compile(r"^\| `(\w+)` \| (counter|gauge|histogram) \| (.*?) \| (.+) \|$", re.MULTILINE)

Described = dict[str, tuple[str, tuple[str, ...]]]


def _on_the_page() -> Described:
    return {
        name: (kind, tuple(re.findall(r"`(\w+)`", labels)))
        for name, kind, labels, _ in ROW.findall(PAGE.read_text())
    }


def _of(metric: MetricWrapperBase) -> tuple[str, tuple[str, ...]]:
    return str(metric._type), tuple(metric._labelnames)


def test_the_page_describes_what_is_told(torchserve: AnsweringTorchServe) -> None:
    told: Described = {}
    for metric in vars(families).values():
        if isinstance(metric, MetricWrapperBase):
            suffix = "_total" if metric._type == "counter" else ""
            told[metric._name + suffix] = _of(metric)
    for stage in vars(histograms.stages()).values():
        told[stage._name] = _of(stage)
    for family in MetricsPage(torchserve)._state():
        told[family.name] = family.type, tuple(family.samples[0].labels)
    assert _on_the_page() == told
