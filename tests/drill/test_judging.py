"""What isn't as it is wanted is told in words, and what wasn't measured is no pass."""

from __future__ import annotations

import pytest

from drill import judging
from drill.judging import Figure, NoFigure, Wanted


@pytest.mark.parametrize(
    ("wanted", "value", "said"),
    [
        (Wanted("held", most=8), 8.0, None),
        (Wanted("held", most=8), 150.0, "held: 150, wanted at most 8"),
        (Wanted("held", most=8), None, "held: never, wanted at most 8"),
        (Wanted("asked", least=2), 1.0, "asked: 1, wanted at least 2"),
        (Wanted("asked", least=2, most=3), 4.0, "asked: 4, wanted at most 3 and at least 2"),
        (Wanted("failures", among=("503",)), ["503"], None),
        (Wanted("failures", among=("503",)), [], None),
        (Wanted("failures", among=("503",)), ["500", "503"], "failures: 500, wanted 503"),
        (Wanted("failures", among=()), ["500"], "failures: 500, wanted none"),
        (Wanted("order_result", among=("500", "502")), "502", None),
        (
            Wanted("order_result", among=("500", "502")),
            "503",
            "order result: 503, wanted 500 or 502",
        ),
        (Wanted("told", has=("502",)), ["502", "503"], None),
        (Wanted("told", has=("502",)), ["503"], "told: 503, wanted 502 among it"),
        (Wanted("told", has=("502",)), [], "told: none, wanted 502 among it"),
    ],
)
def test_a_condition_is_met_or_said_to_be_unmet(
    wanted: Wanted, value: Figure, said: str | None
) -> None:
    assert judging.judge([wanted], {wanted.figure: value}) == ([] if said is None else [said])


def test_what_was_not_measured_is_no_pass() -> None:
    with pytest.raises(NoFigure, match="'held' wasn't measured"):
        judging.judge([Wanted("held", most=8)], {})


def test_each_condition_that_is_not_met_is_told() -> None:
    wanted = [Wanted("a", most=1), Wanted("b", most=1), Wanted("c", most=1)]
    assert judging.judge(wanted, {"a": 2.0, "b": 0.0, "c": 1.26}) == [
        "a: 2, wanted at most 1",
        "c: 1.26, wanted at most 1",
    ]
