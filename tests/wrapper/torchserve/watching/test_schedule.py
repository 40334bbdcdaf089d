"""TorchServe is asked often while something is wrong, and seldom where all is well."""

from __future__ import annotations

import pytest

from wrapper.torchserve.watching.schedule import Schedule, Standing

NAMES = ("a", "b", "c")


class Clock:
    """Says what the test says."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        """Give it."""
        return self.now


class Asked:
    """Asks by a schedule, and is told of each name how it stands."""

    def __init__(self, *names: str, **standings: Standing) -> None:
        self.clock = Clock()
        self.schedule = Schedule(self.clock)
        self.standings = dict.fromkeys(names, Standing.WELL) | standings
        self.schedule.set_names(tuple(self.standings))

    def over(self, seconds: float) -> list[tuple[float, str]]:
        """Give when each name was asked about in so many seconds."""
        began, asked = self.clock.now, []
        while self.clock.now < began + seconds:
            for name in self.schedule.due():
                asked.append((round(self.clock.now - began, 1), name))
                self.schedule.tell(name, self.standings[name])
            later = self.clock.now + max(0.05, self.schedule.pause())
            self.clock.now = min(later, began + seconds)
        return asked


def test_what_is_well_is_asked_about_in_turn_at_most_once_in_two_minutes_in_all() -> None:
    asked = Asked(*NAMES)
    asked.over(3)
    later = asked.over(3600)
    assert len(later) <= 31
    assert {name for _, name in later[:3]} == set(NAMES)


@pytest.mark.parametrize(("standing", "between"), [(Standing.WRONG, 0.2), (Standing.UNSEEN, 0.3)])
def test_what_is_wrong_or_would_not_be_seen_is_asked_about_often_and_alone(
    standing: Standing, between: float
) -> None:
    asked = Asked(*NAMES, wrong=standing)
    asked.over(125)
    later = asked.over(100)
    assert {name for _, name in later} - {"wrong"} == set()
    assert len(later) == pytest.approx(100 / between, rel=0.3)


def test_what_probably_starts_is_asked_about_more_often_for_a_minute() -> None:
    asked = Asked(wrong=Standing.WRONG)
    times = [when for when, _ in asked.over(120)]
    at_first, later = (
        [when for when in times if (when < 60) is is_first] for is_first in (True, False)
    )
    assert len(at_first) == pytest.approx(60 / 0.08, rel=0.1)
    assert len(later) == pytest.approx(60 / 0.2, rel=0.1)


def test_a_change_is_followed_until_it_has_settled() -> None:
    asked = Asked(*NAMES)
    asked.over(10)
    asked.schedule.change()
    assert len(asked.over(1)) >= 4 * len(NAMES)
    asked.over(3)
    assert asked.over(30) == []


def test_a_model_with_workers_that_never_come_is_asked_about_more_and_more_seldom() -> None:
    asked = Asked(partly=Standing.PARTLY)
    assert len(asked.over(10)) > 20
    times = [when for when, _ in asked.over(7200)]
    assert len(times) < 200
    assert times[-1] - times[-2] == pytest.approx(120, rel=0.1)


def test_however_much_is_wanted_there_is_a_pause_between_two_questions() -> None:
    asked = Asked("a")
    asked.over(10)
    count = 0
    for _ in range(1000):
        asked.schedule.change()
        for name in asked.schedule.due():
            count += 1
            asked.schedule.tell(name, Standing.WELL)
        asked.clock.now += 0.001
    assert count <= 11


def test_who_is_told_of_models_has_them_asked_about_once() -> None:
    asked = Asked(*NAMES)
    asked.over(10)
    asked.schedule.glance()
    assert sorted(name for _, name in asked.over(10)) == sorted(NAMES)
    for _ in range(10):
        asked.schedule.glance()
        asked.clock.now += 0.01
    assert len(asked.over(0.5)) <= len(NAMES)


def test_what_is_new_is_asked_about_at_once_and_what_has_gone_no_more() -> None:
    asked = Asked(*NAMES)
    asked.over(10)
    asked.standings["new"] = Standing.WELL
    asked.schedule.set_names(("new", "a"))
    assert asked.schedule.due() == ["new"]
    asked.over(10)
    assert {name for _, name in asked.over(3600)} == {"new", "a"}
