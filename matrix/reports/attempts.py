"""Checks that didn't come to the same in each of their attempts, and how often they held."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from conformance.outcomes.results import Run, by_key
from matrix.decisions.pass_rate import PassRate


@dataclass(frozen=True)
class Wavering:
    """A check of one cell that was as expected in some attempts, and in others not."""

    cell: str
    runtime: str
    check: str
    rate: PassRate


def wavering(runs: Iterable[Run]) -> list[Wavering]:
    """List the checks that waver, those that hold least often first."""
    repeated = (record for run in runs if run.header.repeat > 1 for record in run.records)
    found = []
    for key, records in by_key(repeated).items():
        held = sum(record.as_expected for record in records)
        if 0 < held < len(records):
            found.append(Wavering(*key, PassRate(held, len(records))))
    return sorted(found, key=lambda each: each.rate.passed / each.rate.attempts)
