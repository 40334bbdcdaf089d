"""The evidence of a check, and when two values are the same."""

from __future__ import annotations

import pytest
from kserve_conformance.expect import plain, reading, shortened
from kserve_conformance.results.exhibit import Exhibit


@pytest.mark.parametrize(
    ("observed", "expected"), [(1, 1.0), (True, 1), ("1", 1), ([1, 2], [2, 1]), ({}, None)]
)
def test_values_are_compared_as_json(observed: object, expected: object) -> None:
    exhibit = Exhibit()
    with pytest.raises(AssertionError, match=r"answer: expected .*, got "):
        exhibit.equal(observed, expected, "answer")
    assert (exhibit.observed, exhibit.expected) == (observed, expected)


def test_members_have_no_order() -> None:
    Exhibit().equal({"a": 1, "b": 2}, {"b": 2, "a": 1}, "answer")


def test_what_json_has_no_number_for_is_kept_as_text() -> None:
    assert plain({"a": [float("nan"), float("-inf"), b"b", 0.5]}) == {
        "a": ["NaN", "-Infinity", "b", 0.5]
    }


def test_long_texts_are_shortened() -> None:
    exhibit = Exhibit()
    exhibit.exchange("x" * 5000, "y")
    assert exhibit.exchanges[0]["request"].endswith("... (5000 characters)")


def test_texts_are_written_when_they_are_asked_for() -> None:
    exhibit = Exhibit()
    asked: list[str] = []

    def request() -> str:
        asked.append("request")
        return "x" * 5000

    exhibit.exchange(request, lambda: "y")
    assert exhibit.told
    assert not asked
    (written,) = exhibit.exchanges
    assert written["request"].endswith("... (5000 characters)")
    assert written["response"] == "y"


@pytest.mark.parametrize("longest", range(5, 60))
def test_nothing_is_left_of_a_secret_that_is_cut_in_two(longest: int) -> None:
    text = "authorization: Bearer s3cret-of-the-client\nas hf_abCDabCDabCDabCDabCDabCD\n" * 3
    shown = shortened(text, longest)
    assert "s3c" not in shown
    assert "abC" not in shown
    assert shown.endswith(f"... ({len(text)} characters)")


def test_a_text_that_is_short_without_its_secrets_is_whole() -> None:
    assert shortened("password=" + "x" * 50 + " y", 20) == "password=*** y"


def test_an_answer_of_another_form_is_a_finding() -> None:
    answer: dict[str, list[int]] = {"predictions": []}
    told = "the answer is not of the specified form: IndexError"
    with pytest.raises(AssertionError, match=told), reading("the answer"):
        answer["predictions"][0]
