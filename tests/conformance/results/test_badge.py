"""The badge as it is drawn, and as shields.io reads it."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest
from kserve_conformance.results.badge import AMBER, GREEN, OLIVE, RED, Badge

SVG = "{http://www.w3.org/2000/svg}"


@pytest.mark.parametrize("color", [GREEN, OLIVE, AMBER, RED])
def test_shields_reads_what_the_badge_says_and_cannot_paint_it_green(color: str) -> None:
    assert Badge("KServe", "2 of 2 releases", color).endpoint() == {
        "schemaVersion": 1,
        "label": "KServe",
        "message": "2 of 2 releases",
        "color": color,
        "labelColor": "#444c56",
        "isError": color != GREEN,
    }


def test_the_image_says_in_words_what_it_shows() -> None:
    root = ElementTree.fromstring(Badge("a < b", '"c" & d', RED).svg())
    assert root.attrib["role"] == "img"
    assert root.attrib["aria-label"] == 'a < b: "c" & d'
    assert root.findtext(f"{SVG}title") == 'a < b: "c" & d'
    assert [each.text for each in root.iter(f"{SVG}text")] == ["a < b", '"c" & d']


def test_the_words_stand_on_their_grounds_with_room_around_them() -> None:
    root = ElementTree.fromstring(Badge("il", "MW", RED).svg())
    label, message = ({**each.attrib} for each in root.iter(f"{SVG}text"))
    assert label == {"x": "6", "y": "14", "textLength": "8"}
    assert message == {"x": "26", "y": "14", "textLength": "20"}
    assert root.attrib["width"] == "52"
    left, right = root.iter(f"{SVG}path")
    assert (left.attrib["fill"], right.attrib["fill"]) == ("#444c56", RED)
    # Each begins where the other ends, and is straight up to its rounded corners.
    assert left.attrib["d"].startswith("M3 0h17 v20")
    assert right.attrib["d"].startswith("M20 0h29 ")


@pytest.mark.parametrize("color", [GREEN, OLIVE, AMBER, RED])
def test_white_text_can_be_read_on_every_color(color: str) -> None:
    def linear(channel: int) -> float:
        share = channel / 255
        return share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4

    red, green, blue = (linear(int(color[at : at + 2], 16)) for at in (1, 3, 5))
    luminance = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    assert 1.05 / (luminance + 0.05) >= 4.5
