"""Requests and looks are counted as they were, and a return to health is told from its moment."""

from __future__ import annotations

import pytest

from drill import outcomes
from drill.outcomes import Look, Outcome


def asked(*results: str) -> list[Outcome]:
    """Give requests, one a second, that took half a second each."""
    return [Outcome("V1", at, at + 0.5, result) for at, result in enumerate(results)]


def looked(*ready: bool) -> list[Look]:
    """Give looks likewise."""
    return [Look(at, at + 0.5, each) for at, each in enumerate(ready)]


def test_requests_are_counted_by_result_the_most_frequent_first() -> None:
    told = outcomes.counts(asked("503", "200", "200"))
    assert list(told.items()) == [("200", 2), ("503", 1)]


@pytest.mark.parametrize(
    ("results", "since"),
    [
        (("200", "503", "200", "200"), 1.5),
        (("200", "200"), 0.0),
        (("200", "503"), None),
        ((), None),
        # One that goes on failing isn't well, whoever else is.
        (("503", "200", "reset"), None),
    ],
)
def test_all_are_well_once_the_last_that_failed_has_ended(
    results: tuple[str, ...], since: float | None
) -> None:
    assert outcomes.all_well_since(asked(*results)) == since


def test_a_request_that_began_before_the_last_failure_says_nothing_of_what_came_after() -> None:
    slow = Outcome("V1", 0.2, 9.0, "200")
    assert outcomes.all_well_since([*asked("200", "503"), slow]) is None


@pytest.mark.parametrize(
    ("ready", "first", "since"),
    [
        ((True, False, False, True, True), 1.5, 3.5),
        ((True, True), None, 0.5),
        ((True, False), 1.5, None),
        # One that comes and goes is there from when it stays.
        ((False, True, False, True), 0.5, 3.5),
    ],
)
def test_readiness_goes_with_the_first_look_and_is_back_when_it_stays(
    ready: tuple[bool, ...], first: float | None, since: float | None
) -> None:
    assert outcomes.first_not_ready(looked(*ready), 0) == first
    assert outcomes.ready_since(looked(*ready)) == since


def test_what_was_not_ready_before_the_fault_is_not_its_doing() -> None:
    assert outcomes.first_not_ready(looked(False, True, True), 1) is None
