"""The original bug's footprint: on which releases a wrapper said the words that it is known by."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from kserve_conformance.results.record import Record, Run
from packaging.version import Version

from matrix.planning import axes, ranges

# What the unfixed wrapper answers each request with: its own words, and those of a later SDK.
WORDS = ("None is not a valid PredictorProtocol", "Unsupported protocol None.")


@dataclass(frozen=True)
class Trace:
    """Where words were said.

    Attributes:
        words: what was said.
        releases: by PROTOCOL_VERSION, on which KServe releases.
        example: the first check that shows them, as (cell, check); None where they were never said.
    """

    words: str
    releases: Mapping[str, Sequence[str]]
    example: tuple[str, str] | None

    def in_words(self, releases: Sequence[str]) -> str:
        """Say where they were said, of all the KServe releases that ran."""
        points = [
            f"with {protocol} on KServe {ranges.in_words(found, releases)}"
            for protocol, found in self.releases.items()
        ]
        return "; ".join(points) or f"nowhere, on {len(releases)} releases"


@dataclass
class _Seen:
    releases: dict[str, dict[str, None]] = field(default_factory=dict)
    example: tuple[str, str] | None = None


def of(runs: Iterable[Run]) -> list[Trace]:
    """Look for the words in all that the records hold; points are in the order of the axes."""
    seen = {words: _Seen() for words in WORDS}
    for run in runs:
        for record in run.records:
            for words in _said(record):
                trace = seen[words]
                points = trace.releases.setdefault(record.axes["protocol"], {})
                points[record.axes["kserve"]] = None
                trace.example = trace.example or (record.cell, record.check)
    return [
        Trace(
            words,
            {
                name: sorted(trace.releases[name], key=Version)
                for name in axes.load().in_order("protocol", trace.releases)
            },
            trace.example,
        )
        for words, trace in seen.items()
    ]


def _said(record: Record) -> list[str]:
    return [words for words in WORDS if any(words in text for text in _texts(record))]


def _texts(record: Record) -> Iterator[str]:
    yield record.message
    yield from _texts_in(record.observed)
    yield from _texts_in(record.evidence)


def _texts_in(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from _texts_in(each)
    elif isinstance(value, (list, tuple)):
        for each in value:
            yield from _texts_in(each)
