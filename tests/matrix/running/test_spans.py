"""Spans of a worker's time: no second counts twice, and none of another thread counts."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest

from matrix.running import spans
from matrix.running.spans import Activity, TimeSpent, during

Advance = Callable[[float], None]


@pytest.fixture
def advance(monkeypatch: pytest.MonkeyPatch) -> Advance:
    """Give what lets so many seconds go by."""
    now = [1000.0]
    clock = SimpleNamespace(perf_counter=lambda: now[0], time=lambda: now[0])
    monkeypatch.setattr(spans, "time", clock)
    spans.taken()

    def advance(seconds: float) -> None:
        now[0] += seconds

    return advance


def test_a_span_within_another_is_taken_out_of_it(advance: Advance) -> None:
    with during(Activity.CHECK):
        advance(1)
        with during(Activity.WAITING):
            advance(10)
            with during(Activity.WAITING):
                advance(100)
        advance(2)
    assert spans.taken() == TimeSpent(
        1113, {"checks": 3, "waiting for TorchServe": 110},
        {"checks": 1, "waiting for TorchServe": 2},
    )  # fmt: skip


def test_what_is_in_no_span_counts_nowhere(advance: Advance) -> None:
    advance(5)
    with during(Activity.CHECK):
        advance(1)
    advance(7)
    spent = spans.taken()
    assert (spent.total, spent.ended) == (1, 1013)


def test_what_is_given_back_is_taken_with_what_comes_after(advance: Advance) -> None:
    with during(Activity.CHECK):
        advance(1)
    spans.give_back(spans.taken())
    with during(Activity.CHECK):
        advance(2)
    spent = spans.taken()
    assert (spent.seconds, spent.times) == ({"checks": 3}, {"checks": 2})


def test_an_open_span_is_told_as_far_as_it_has_come(advance: Advance) -> None:
    with during(Activity.CHECK):
        advance(1)
        first = spans.taken()
        advance(2)
    second = spans.taken()
    assert (first.seconds, first.times) == ({"checks": 1}, {})
    assert (second.seconds, second.times) == ({"checks": 2}, {"checks": 1})
    assert (first.began, first.ended, second.began) == (1000, 1001, 1001)


def test_what_is_known_later_holds_for_the_whole_span(advance: Advance) -> None:
    with during(Activity.EXACT_START) as span:
        advance(1)
        with during(Activity.FORK_SERVER):
            advance(10)
        span.activity = Activity.FORKED_START
        advance(2)
    assert spans.taken().seconds == {"fork servers": 10, "forked starts": 3}


def test_a_span_that_an_error_ends_has_ended(advance: Advance) -> None:
    def fail() -> None:
        with during(Activity.WAITING):
            advance(1)
            raise ValueError

    with during(Activity.CHECK):
        with pytest.raises(ValueError):  # noqa: PT011
            fail()
        advance(2)
    assert spans.taken().seconds == {"checks": 2, "waiting for TorchServe": 1}


def test_what_another_thread_does_meanwhile_is_not_told(advance: Advance) -> None:
    @during(Activity.WAITING)
    def wait() -> None:
        advance(5)

    with during(Activity.CHECK), ThreadPoolExecutor(1) as pool:
        pool.submit(wait).result()
    assert spans.taken().seconds == {"checks": 5}
