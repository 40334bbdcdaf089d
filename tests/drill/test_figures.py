"""The figures of a row say what load and probe saw, by the times at which they saw it."""

from __future__ import annotations

from drill import figures
from drill.figures import Recorded
from drill.outcomes import Look, Outcome

# The fault begins at 10 and is healed at 20.
OUTCOMES = [
    Outcome("V1", 1, 2, "200"),
    # In flight when it begins.
    Outcome("V1", 9.5, 10.5, "502"),
    Outcome("V2", 11, 12, "503"),
    Outcome("gRPC", 13, 14, "UNAVAILABLE"),
    Outcome("V1", 19, 20.5, "200"),
    Outcome("V1", 20.5, 20.8, "503"),
    Outcome("V2", 21, 22, "200"),
]
LOOKS = [Look(1, 1.1, True), Look(10.5, 10.6, False), Look(20.2, 20.3, True)]


def recorded(*more: Outcome) -> Recorded:
    """Give what was seen, and some more of it."""
    return Recorded([*OUTCOMES, *more], LOOKS, began=10, healed=20)


def test_phases_are_told_by_when_a_request_began_and_in_flight_is_during() -> None:
    assert recorded().phases == {
        "before": {"200": 1},
        "during": {"502": 1, "503": 1, "UNAVAILABLE": 1, "200": 1},
        "after": {"503": 1, "200": 1},
    }


def test_the_figures_are_those_of_what_was_struck() -> None:
    told = recorded().figures()
    assert told["failures"] == ["502", "503", "UNAVAILABLE"]
    assert told["failures_in_flight"] == ["502"]
    assert told["failed"] == 4
    assert told["failed_before"] == 0
    assert told["wrong_answers"] == 0
    assert round(float(str(told["seconds_until_all_answered"])), 2) == 0.8
    assert round(float(str(told["seconds_until_not_ready"])), 2) == 0.6
    assert round(float(str(told["seconds_until_ready"])), 2) == 0.3


def test_a_wrong_answer_counts_whenever_it_came() -> None:
    assert recorded(Outcome("V1", 3, 4, "wrong answer")).figures()["wrong_answers"] == 1


def test_what_never_came_is_told_as_that() -> None:
    late = Recorded([*OUTCOMES, Outcome("V1", 30, 31, "503")], LOOKS[:2], began=10, healed=20)
    assert late.figures()["seconds_until_all_answered"] is None
    assert late.figures()["seconds_until_ready"] is None


def test_a_row_without_load_has_the_same_figures() -> None:
    assert Recorded([], LOOKS, 10, 20).figures().keys() == recorded().figures().keys()


def test_all_is_calm_only_where_somebody_asked_and_all_was_well() -> None:
    assert figures.is_calm(OUTCOMES, LOOKS, now=22, seconds=0.5)
    assert not figures.is_calm(OUTCOMES, LOOKS, now=22, seconds=1.5)
    assert not figures.is_calm(OUTCOMES, LOOKS, now=40, seconds=1.5)
    assert not figures.is_calm([], LOOKS, now=11, seconds=1)
    assert figures.is_calm([], LOOKS, now=20.5, seconds=1)
