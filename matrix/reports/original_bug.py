"""The original bug's footprint: on which releases a wrapper said the words that it is known by."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kserve_conformance.results.record import Run

from matrix.planning import axes, ranges

# What the unfixed wrapper answers each request with: its own words, and those of a later SDK.
WORDS = ("None is not a valid PredictorProtocol", "Unsupported protocol None.")


# The PROTOCOL_VERSION values that it is about; others are told where its words were said.
PROTOCOLS = ("unset", "v1")


@dataclass(frozen=True)
class Trace:
    """Where words were said.

    Attributes:
        releases: by PROTOCOL_VERSION, on which KServe releases.
    """

    words: str
    releases: Mapping[str, Sequence[str]]

    def in_words(self, releases: Sequence[str]) -> str:
        """Say where they were said, of all the KServe releases that ran."""
        points = [
            f"with {protocol} on KServe {ranges.in_words(found, releases)}"
            for protocol, found in self.releases.items()
        ]
        return "; ".join(points) or f"nowhere, on {len(releases)} releases"


def of(runs: Iterable[Run]) -> list[Trace]:
    """Look for the words in all that the records hold; points are in the order of the axes."""
    said: dict[str, dict[str, set[str]]] = {words: defaultdict(set) for words in WORDS}
    for record in (record for run in runs for record in run.records):
        texts = list(_texts([record.message, record.observed, record.evidence]))
        for words in WORDS:
            if any(words in text for text in texts):
                said[words][record.axes["protocol"]].add(record.axes["kserve"])
    order = axes.load().in_order
    return [
        Trace(words, {name: order("kserve", found[name]) for name in order("protocol", found)})
        for words, found in said.items()
    ]


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        yield from _texts([*value.values()])
    elif isinstance(value, (list, tuple)):
        for each in value:
            yield from _texts(each)
