"""The figures that each row has alike: of its load, and of the probe that asks for readiness."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from drill import outcomes as of_requests
from drill.judging import Figure
from drill.outcomes import WRONG, Look, Outcome


@dataclass(frozen=True)
class Recorded:
    """What load and probe saw of one row. Times are of `time.monotonic`.

    Attributes:
        began: when the fault did.
        healed: when what had been broken was whole again.
        orders: requests of the fault's own, which a user might have made.
    """

    outcomes: Sequence[Outcome]
    looks: Sequence[Look]
    began: float
    healed: float
    orders: Sequence[Outcome] = ()

    @property
    def struck(self) -> list[Outcome]:
        """List the requests that were in flight when the fault began, or began later."""
        return [each for each in self.outcomes if each.ended >= self.began]

    @property
    def phases(self) -> dict[str, dict[str, int]]:
        """Count the requests by result: before the fault, while it lasted and afterwards."""
        before = [each for each in self.outcomes if each.ended < self.began]
        during = [each for each in self.struck if each.began < self.healed]
        after = [each for each in self.struck if each.began >= self.healed]
        parts = {"before": before, "during": during, "after": after}
        return {name: of_requests.counts(part) for name, part in parts.items()}

    def figures(self) -> Mapping[str, Figure]:
        """Give the figures by name; seconds are from the fault's beginning or its end."""
        struck = self.struck
        in_flight = [each for each in struck if each.began < self.began]
        failed = [each for each in struck if not each.is_well]
        asked = [look for look in self.looks if look.ended >= self.began]
        since = of_requests.all_well_since(struck)
        not_ready = of_requests.first_not_ready(self.looks, self.began)
        ready = of_requests.ready_since(self.looks)
        return {
            "requests": float(len(self.outcomes)),
            "wrong_answers": float(sum(each.result == WRONG for each in self.outcomes)),
            "failed_before": float(
                sum(not each.is_well for each in self.outcomes if each.ended < self.began)
            ),
            "failed": float(len(failed)),
            "failures": sorted({each.result for each in failed}),
            "failures_in_flight": sorted({each.result for each in in_flight if not each.is_well}),
            "slowest_request_seconds": max((each.seconds for each in struck), default=0.0),
            "seconds_until_all_answered": _behind(since, self.healed),
            "seconds_until_not_ready": _behind(not_ready, self.began),
            "seconds_until_ready": _behind(ready, self.healed),
            "looks_not_ready": float(sum(not look.is_ready for look in asked)),
            "slowest_look_ms": 1000 * max((each.ended - each.began for each in asked), default=0.0),
        }


def is_calm(outcomes: Sequence[Outcome], looks: Sequence[Look], now: float, seconds: float) -> bool:
    """Tell whether all was well for so many seconds, as far as load and probe asked."""
    late = [each for each in outcomes if each.ended > now - seconds]
    seen = [each for each in looks if each.ended > now - seconds]
    asked = bool(late) or not outcomes
    return asked and all(each.is_well for each in late) and all(each.is_ready for each in seen)


def _behind(moment: float | None, since: float) -> float | None:
    return None if moment is None else max(0.0, moment - since)
