"""The entries of a policy's lists, and what became of their checks in results."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass

from kserve_conformance.results.record import Run
from kserve_conformance.results.verdict import Verdict

from matrix.planning.policy import Known, Policy

FAILING, FLAKY = "failing", "flaky"


@dataclass(frozen=True)
class Listed:
    """An entry of the policy, and what became of its checks in these results.

    Attributes:
        number: which of the policy's entries it is, from 1; see `entries`.
        kind: `FAILING` or `FLAKY`.
        days: since it was listed.
        left: days until it expires, less than none where it has.
        seen: how many attempts it is about.
        failed: how many of them failed.
    """

    number: int
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


def entries(policy: Policy) -> list[tuple[str, Known]]:
    """List the entries of a policy with their kinds, in the order in which they are numbered."""
    return [
        *((FAILING, known) for known in policy.known_failing),
        *((FLAKY, known) for known in policy.known_flaky),
    ]


def of(runs: Sequence[Run], policy: Policy, today: datetime.date) -> list[Listed]:
    """List the entries of a policy, those of checks that fail first."""
    found = []
    for number, (kind, known) in enumerate(entries(policy), start=1):
        covered = [
            record
            for run in runs
            for record in run.records
            if known.covers(record.check, record.axes)
        ]
        found.append(
            Listed(
                number=number,
                kind=kind,
                known=known,
                days=(today - known.since).days,
                left=(known.until - today).days,
                seen=len(covered),
                failed=sum(record.verdict is Verdict.FAILED for record in covered),
            )
        )
    return found
