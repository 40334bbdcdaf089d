"""Conditions over the axes."""

from __future__ import annotations

import pytest
from kserve_conformance.errors import DataFileError

from matrix.planning.conditions import AnyOf

POINT = {"kserve": "0.10.2", "envelope": "kserve", "protocol": "unset", "runtime": "process"}


@pytest.mark.parametrize(
    ("clauses", "holds"),
    [
        ({}, True),
        ({"kserve": "<0.10"}, False),
        ({"kserve": ">=0.10,<0.11"}, True),
        # Text would put 0.9.0 after 0.10.2.
        ({"kserve": ">0.9.0"}, True),
        ({"envelope": "kserve"}, True),
        ({"envelope": ["kservev2"]}, False),
        ({"protocol": ["empty", "unset"], "kserve": ">=0.10"}, True),
        ({"protocol": ["empty", "unset"], "kserve": "<0.10"}, False),
    ],
)
def test_holds(clauses: dict[str, str | list[str]], holds: bool) -> None:
    assert AnyOf.parse(clauses).holds(POINT) is holds


def test_a_fourth_number_of_a_release_counts() -> None:
    condition = AnyOf.parse({"kserve": ">0.8.0,<0.8.1"})
    assert condition.holds({**POINT, "kserve": "0.8.0.1"})
    assert not condition.holds({**POINT, "kserve": "0.8.0"})


@pytest.mark.parametrize(
    ("clauses", "said"),
    [
        ({"kserv": "<0.10"}, r"kserv = '<0\.10' is no condition: the axes are .*kserve"),
        ({"kserve": "below 0.10"}, "'below 0.10' is no version specifier"),
        ({"kserve": ["0.10.2"]}, "one version specifier"),
    ],
)
def test_a_wrong_condition_is_told(clauses: dict[str, str | list[str]], said: str) -> None:
    with pytest.raises(DataFileError, match=said):
        AnyOf.parse(clauses)
