"""What a wrapper tells of itself at /metrics."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from prometheus_client.parser import text_string_to_metric_families


@dataclass(frozen=True)
class Sample:
    """One line of Prometheus' text format."""

    name: str
    labels: Mapping[str, str]
    value: float


class Scrape:
    """The samples of one answer of /metrics.

    Attributes:
        samples: in the order of the answer.
    """

    def __init__(self, text: str) -> None:
        """Read Prometheus' text format.

        Raises:
            ValueError: when it is none.
        """
        # Of a family that is called a counter the library would rename the samples.
        untyped = (line for line in text.splitlines() if not line.startswith("#"))
        self.samples = tuple(sample for line in untyped for sample in _samples(line))

    def total(self, name: str, **labels: str) -> float:
        """Give the sum of a metric's samples that have these labels; 0 where there is none."""
        return sum(sample.value for sample in self.of(name, **labels))

    def of(self, name: str, **labels: str) -> Iterator[Sample]:
        """Give the samples of a metric that have these labels, among others."""
        for sample in self.samples:
            if sample.name == name and labels.items() <= sample.labels.items():
                yield sample


# Of the hundreds of lines of an answer few differ from those of another.
@functools.lru_cache(maxsize=4096)
def _samples(line: str) -> tuple[Sample, ...]:
    """Read a line: one sample, or none where it is empty."""
    return tuple(
        Sample(sample.name, sample.labels, sample.value)
        for family in text_string_to_metric_families(line)
        for sample in family.samples
    )
