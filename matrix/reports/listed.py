"""The entries of a policy's lists, and what became of their checks in results."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass

from conformance.outcomes.results import Run
from conformance.outcomes.verdicts import Verdict
from matrix.planning.policy import Known, Policy


@dataclass(frozen=True)
class Listed:
    """An entry of the policy, and what became of its checks in these results.

    Attributes:
        kind: ``failing`` or ``flaky``.
        days: since it was listed.
        left: days until it expires, less than none where it has.
        seen: how many attempts it is about.
        failed: how many of them failed.
    """

    kind: str
    known: Known
    days: int
    left: int
    seen: int
    failed: int

    @property
    def has_expired(self) -> bool:
        """Tell whether its last day has passed."""
        return self.left < 0

    @property
    def has_address(self) -> bool:
        """Tell whether the issue is an address that a page may link to."""
        return (self.known.issue or "").startswith("https://")


def of(runs: Sequence[Run], policy: Policy, today: datetime.date) -> list[Listed]:
    """List the entries of a policy, those of checks that fail first."""
    entries = [
        *(("failing", known) for known in policy.known_failing),
        *(("flaky", known) for known in policy.known_flaky),
    ]
    found = []
    for kind, known in entries:
        covered = [
            record
            for run in runs
            for record in run.records
            if known.covers(record.check, record.axes)
        ]
        found.append(
            Listed(
                kind=kind,
                known=known,
                days=(today - known.since).days,
                left=(known.until - today).days,
                seen=len(covered),
                failed=sum(record.verdict is Verdict.FAILED for record in covered),
            )
        )
    return found
