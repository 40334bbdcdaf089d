"""Plots hold the points that they are of, where a reader of the axes looks for them."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from benchmarks.plots import Bars, Plot, Series, ticks

SVG = "{http://www.w3.org/2000/svg}"
MEASURED = Series("measured", [(0, 0), (50, 10), (100, 30)])
MADE_UP = Series("made up", [(100, 30)], made_up=True)
PLOT = Plot("a < b", "cells", "seconds", [MEASURED, MADE_UP])


@pytest.fixture(scope="module")
def drawn() -> ElementTree.Element:
    return ElementTree.fromstring(PLOT.svg())


def test_points_are_where_the_axes_say(drawn: ElementTree.Element) -> None:
    labels = {each.text: each for each in drawn.iter(f"{SVG}text")}
    first, second, third, *_ = drawn.iter(f"{SVG}circle")
    assert float(first.attrib["cx"]) < float(second.attrib["cx"]) < float(third.attrib["cx"])
    assert third.attrib["cx"] == labels["100"].attrib["x"]
    # A label stands a little below the line that it is of.
    assert float(third.attrib["cy"]) == float(labels["30"].attrib["y"]) - 4


def test_what_is_made_up_is_hollow(drawn: ElementTree.Element) -> None:
    *_, measured, made_up = drawn.iter(f"{SVG}circle")
    assert made_up.attrib["fill"] == "#ffffff" != measured.attrib["fill"]
    assert {"measured", "made up"} < {each.text for each in drawn.iter(f"{SVG}text")}


def test_a_title_is_text(drawn: ElementTree.Element) -> None:
    assert drawn.attrib["aria-label"] == "a < b"


def test_nothing_makes_no_plot() -> None:
    with pytest.raises(ValueError, match=r"^a < b: there are no points$"):
        Plot("a < b", "cells", "seconds", [Series("", [])]).svg()


@pytest.mark.parametrize(
    ("largest", "expected"),
    [
        (4, [0, 1, 2, 3, 4]),
        (100, [0, 20, 40, 60, 80, 100]),
        (0.07, [0, 0.02, 0.04, 0.06, 0.08]),
        (25550, [0, 10000, 20000, 30000]),
        (0, [0, 1]),
    ],
)
def test_ticks_are_round_and_reach_the_largest(largest: float, expected: list[float]) -> None:
    assert ticks(largest) == expected


BARS = Bars("a < b", "µs", {"first": {"x": 10, "y": 400}, "second": {"y": 0.5}}, most=100, limit=50)


def test_bars_are_as_long_as_their_values_and_cut_where_they_would_hide_others() -> None:
    drawn = ElementTree.fromstring(BARS.svg())
    _, *bars = drawn.iter(f"{SVG}rect")
    labels = {each.text: each for each in drawn.iter(f"{SVG}text")}
    axis = float(labels["100"].attrib["y"]), float(labels["0"].attrib["y"])
    whole = axis[1] - axis[0]
    lengths = [float(bar.attrib["height"]) / whole for bar in bars]
    assert lengths == pytest.approx([0.1, 1, 0.005], abs=0.001)
    # A bar's value stands above it, also where it is cut, and each name has its colour.
    assert {"10", "400", "0.50", "first", "second", "■ x", "■ y"} <= set(labels)
    assert [bar.attrib["fill"] for bar in bars[1:]] == [labels["■ y"].attrib["fill"]] * 2
    (dashed,) = [each for each in drawn.iter(f"{SVG}line") if "stroke-dasharray" in each.attrib]
    assert float(dashed.attrib["y1"]) + 4 == pytest.approx(sum(axis) / 2)


def test_no_bars_make_no_plot() -> None:
    with pytest.raises(ValueError, match=r"^a < b: there are no bars$"):
        Bars("a < b", "µs", {}).svg()
