"""The name that is nearest to one that isn't there."""

from __future__ import annotations

import pytest

from matrix.planning.nearest import hint, nearest

KNOWN = ["0.8.0", "0.8.0.2", "0.9.0", "0.13.1", "0.14.1", "0.21.0", "after-removal"]


@pytest.mark.parametrize(
    ("word", "near"),
    [
        ("0.13.2", "0.13.1"),
        ("0.14.0", "0.14.1"),
        ("0.7.0", "0.8.0"),
        ("0.20", "0.21.0"),
        ("1.0.0", "0.21.0"),
        ("v0.13.0", "0.13.1"),
        ("after-remval", "after-removal"),
    ],
)
def test_is_the_release_that_differs_least_or_the_word_most_like_it(word: str, near: str) -> None:
    assert nearest(word, KNOWN) == near
    assert hint(word, KNOWN) == f"; the nearest is {near}"


@pytest.mark.parametrize("known", [KNOWN, []])
def test_is_none_where_nothing_is_like_it(known: list[str]) -> None:
    assert nearest("torch", known) is None
    assert hint("torch", known) == ""


def test_a_release_has_no_nearest_among_words() -> None:
    assert nearest("0.9.0", ["after-removal"]) is None
