"""Points of an axis, told as ranges."""

from __future__ import annotations

import pytest

from matrix.planning import ranges

ORDER = ("0.8.0", "0.9.0", "0.10.2", "0.11.2", "0.12.1", "0.13.1")


@pytest.mark.parametrize(
    ("chosen", "told"),
    [
        ([], ""),
        (["0.9.0"], "0.9.0"),
        (["0.10.2", "0.9.0"], "0.9.0, 0.10.2"),
        (["0.9.0", "0.10.2", "0.11.2"], "0.9.0-0.11.2"),
        (["0.13.1", "0.8.0", "0.10.2", "0.11.2", "0.12.1"], "0.8.0, 0.10.2-0.13.1"),
        (ORDER, "0.8.0-0.13.1"),
        (["1.0", "0.8.0"], "0.8.0, 1.0"),
    ],
)
def test_what_follows_one_another_is_a_range(chosen: list[str], told: str) -> None:
    assert ranges.in_words(chosen, ORDER) == told
