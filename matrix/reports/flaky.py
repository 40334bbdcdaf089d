"""Checks that didn't come to the same in each of their attempts, and how often they held."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from kserve_conformance.results.record import Run

from matrix.results import attempts
from matrix.results.pass_rate import PassRate


@dataclass(frozen=True)
class Wavering:
    """A check of one cell that came to what it should in some attempts, and in others not."""

    cell: str
    runtime: str
    check: str
    rate: PassRate


def wavering(runs: Iterable[Run], confidence: float) -> list[Wavering]:
    """List the checks that waver, those that hold least often first.

    As the gate counts: what is known to fail doesn't hold, and an error of the harness is no
    attempt.
    """
    repeated = (record for run in runs if run.header.repeat > 1 for record in run.records)
    found = []
    for key, made in attempts.gathered(repeated).items():
        if made.is_flaky:
            found.append(Wavering(*key, attempts.pass_rate([made], confidence)))
    return sorted(found, key=lambda each: each.rate.passed / each.rate.attempts)
