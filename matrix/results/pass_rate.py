"""How often a check passes, measured over attempts, with what that proves of its real rate."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class PassRate:
    """Attempts at a check, and how many of them passed.

    Attributes:
        confidence: of the interval, 0 to 1.
    """

    passed: int
    attempts: int
    confidence: float = 0.95

    @property
    def interval(self) -> tuple[float, float]:
        """Give the interval in which the real rate is: all of 0 to 1 without an attempt.

        It is Clopper and Pearson's, which is exact: Wilson's promises more than it holds close to
        0% and 100% with few attempts, and that is where checks are.
        """
        if self.attempts == 0:
            return 0.0, 1.0
        # It takes long to import, which most commands need not wait for.
        from scipy.special import betaincinv

        failed, beyond = self.attempts - self.passed, (1 - self.confidence) / 2
        low = betaincinv(self.passed, failed + 1, beyond) if self.passed else 0.0
        high = betaincinv(self.passed + 1, failed, 1 - beyond) if failed else 1.0
        return float(low), float(high)

    def is_proved_below(self, least: float) -> bool:
        """Tell whether the real rate is worse than a least one, whatever luck the attempts had."""
        return self.interval[1] < least

    def is_proved_above(self, rate: float) -> bool:
        """Tell whether the real rate is better than another, whatever luck the attempts had."""
        return self.interval[0] >= rate

    def __str__(self) -> str:
        low, high = self.interval
        share = f"{percent(self.confidence)} interval {low:.0%}-{high:.0%}"
        return f"{self.passed} of {self.attempts} attempts passed, {share}"


def percent(share: float) -> str:
    """Tell a share that somebody set as it was set: 0.999 isn't 100%."""
    return f"{share * 100:g}%"


def attempts_to_prove(rate: float, confidence: float) -> int:
    """Count the attempts of which every one has to pass to prove that a rate is reached.

    The lower end of the exact interval is then ``((1 - confidence) / 2) ** (1 / attempts)``.
    """
    return math.ceil(math.log((1 - confidence) / 2) / math.log(rate))
