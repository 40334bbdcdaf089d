"""The page as it is printed: what there is of it, and that it can be read."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.matrix.reports.opened_page import AT, VIEWS, Opened

pytestmark = pytest.mark.integration


@pytest.fixture
def green(browser: Browser, both: Path) -> Iterator[Opened]:
    """Open the page of runs that are as expected."""
    made = Opened.of(browser, both)
    yield made
    made.page.context.close()


def test_a_green_run_is_a_few_pages(green: Opened) -> None:
    assert _pages(green) <= 5


def test_every_control_plane_fits_on_the_page(opened: Opened) -> None:
    # A4 within the margins that browsers leave, in CSS pixels.
    opened.page.set_viewport_size({"width": 718, "height": 1000})
    opened.page.emulate_media(media="print")
    table = opened.page.locator("#control-planes table").bounding_box()
    assert table is not None
    assert table["x"] + table["width"] <= 718


def test_a_long_table_says_how_much_of_it_is_left_out(green: Opened) -> None:
    table = green.page.locator(".bars", has_text="Seconds by check")
    rows = table.locator("tbody tr")
    every = rows.count()
    assert every > 100
    green.go("#timings")
    expect(table.locator(".for-paper")).to_be_hidden()
    expect(rows.last).to_be_visible()
    green.page.emulate_media(media="print")
    expect(table.locator(".for-paper")).to_have_text(
        f"The first 20 of {every}: the page on screen has them all."
    )
    expect(rows.nth(19)).to_be_visible()
    expect(rows.nth(20)).to_be_hidden()
    releases = green.page.locator(".bars", has_text="Seconds of checks by KServe release")
    expect(releases.locator("tbody tr").last).to_be_visible()
    expect(releases.locator(".for-paper")).to_have_count(0)


def test_a_cell_leaves_no_page_half_empty(opened: Opened) -> None:
    opened.go(AT)
    opened.page.emulate_media(media="print")
    # What is longer than what is left of a page begins on it.
    expect(opened.dialog.locator(".block").first).to_have_css("break-inside", "auto")
    assert _pages(opened) <= 4


def test_the_chosen_cell_is_black_on_white(opened: Opened) -> None:
    opened.go(AT)
    opened.page.emulate_media(media="print")
    chosen = opened.dialog.locator(".siblings a[aria-current]")
    expect(chosen).to_have_css("color", "rgb(0, 0, 0)")
    expect(chosen).to_have_css("background-color", "rgba(0, 0, 0, 0)")
    expect(chosen).to_have_css("font-weight", "700")


def test_nothing_fades_on_paper(browser: Browser, both: Path) -> None:
    opened = Opened.of(browser, both, width=390)
    opened.page.emulate_media(media="print")
    expect(opened.page.locator("#overview .scroll")).to_have_css("mask-image", "none")


def _pages(opened: Opened) -> int:
    return len(re.findall(rb"/Type\s*/Page\b", opened.page.pdf(format="A4")))


def test_all_findings_are_on_paper(opened: Opened) -> None:
    opened.page.emulate_media(media="print")
    found = opened.page.locator("#overview .more").first.locator("li")
    expect(found.last).to_be_visible()


def test_on_paper_all_views_follow_one_another(opened: Opened) -> None:
    opened.page.emulate_media(media="print")
    for view in (each for each in VIEWS if each != "results"):
        expect(opened.page.locator(f"#{view}")).to_be_visible()
    for unwanted in (".views", ".filters", ".skip"):
        expect(opened.page.locator(unwanted)).to_be_hidden()


def test_an_open_cell_is_on_paper_alone(opened: Opened) -> None:
    opened.go(AT)
    opened.page.emulate_media(media="print")
    expect(opened.dialog.locator(".detail")).to_be_visible()
    expect(opened.page.locator("main")).to_be_hidden()
