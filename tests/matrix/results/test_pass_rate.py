"""What a number of attempts proves of the rate at which a check passes."""

from __future__ import annotations

import pytest

from matrix.results.pass_rate import PassRate, attempts_to_prove


@pytest.mark.parametrize(
    ("passed", "attempts", "low", "high"),
    # Of the tables of Clopper and Pearson's interval at 95%.
    [(3, 4, 0.194, 0.994), (7, 10, 0.348, 0.933), (0, 10, 0.0, 0.308), (20, 20, 0.832, 1.0)],
)
def test_the_interval_is_exact(passed: int, attempts: int, low: float, high: float) -> None:
    assert PassRate(passed, attempts).interval == pytest.approx((low, high), abs=0.001)


def test_without_an_attempt_nothing_is_known() -> None:
    rate = PassRate(0, 0)
    assert rate.interval == (0.0, 1.0)
    assert not rate.is_proved_below(0.5)
    assert not rate.is_proved_above(0.5)


def test_few_attempts_prove_nothing_of_a_high_rate() -> None:
    assert not PassRate(3, 4).is_proved_below(0.9)
    assert PassRate(60, 80).is_proved_below(0.9)


def test_a_higher_confidence_proves_less() -> None:
    assert PassRate(6, 10).is_proved_below(0.9)
    assert not PassRate(6, 10, confidence=0.999).is_proved_below(0.9)


def test_it_is_told_with_its_interval() -> None:
    assert str(PassRate(3, 4)) == "3 of 4 attempts passed, 95% interval 19%-99%"
    assert "99.9% interval" in str(PassRate(3, 4, confidence=0.999))


@pytest.mark.parametrize("rate", [0.5, 0.9, 0.99])
def test_the_attempts_to_prove_a_rate_are_just_enough(rate: float) -> None:
    needed = attempts_to_prove(rate, 0.95)
    assert PassRate(needed, needed).is_proved_above(rate)
    assert not PassRate(needed - 1, needed - 1).is_proved_above(rate)
