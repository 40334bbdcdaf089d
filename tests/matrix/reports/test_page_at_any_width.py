"""The page on a phone, on a desktop, and on a window that goes from one to the other."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, ViewportSize, expect

from tests.matrix.reports.opened_page import AT, VIEWS, Opened

pytestmark = pytest.mark.integration

PHONE: ViewportSize = {"width": 390, "height": 844}
DESKTOP: ViewportSize = {"width": 1280, "height": 844}

_LINES = """(all) => all.map((each) =>
    Math.round(each.clientHeight / parseFloat(getComputedStyle(each).lineHeight)))"""


@pytest.fixture
def on_phone(browser: Browser, unfixed: Path) -> Iterator[Opened]:
    """Open the page of the original bug on a phone."""
    made = Opened.of(browser, unfixed, width=PHONE["width"])
    yield made
    made.page.context.close()


def test_filters_come_back_where_there_is_room_for_them(on_phone: Opened) -> None:
    on_phone.go("#results")
    release = on_phone.page.locator(".facet-kserve input").first
    expect(release).to_be_hidden()
    on_phone.page.set_viewport_size(DESKTOP)
    expect(release).to_be_visible()
    on_phone.page.set_viewport_size(PHONE)
    expect(on_phone.page.locator("#facets summary")).to_be_visible()


def test_what_goes_on_sideways_fades_at_its_edge(browser: Browser, both: Path) -> None:
    opened = Opened.of(browser, both, width=PHONE["width"])
    for box in (".views", "#overview .scroll"):
        assert _fades(opened, box), box
        opened.page.locator(box).evaluate("(box) => { box.scrollLeft = box.scrollWidth }")
        opened.page.wait_for_function(
            "(box) => !getComputedStyle(document.querySelector(box)).maskImage.includes('to left')",
            arg=box,
        )
    opened.page.set_viewport_size(DESKTOP)
    opened.go("#overview")
    assert not _fades(opened, ".views")
    assert not _fades(opened, "#overview .scroll")


def test_the_tab_of_the_view_is_in_sight(on_phone: Opened) -> None:
    on_phone.go("#environment")
    expect(on_phone.page.locator(".views a[aria-current]")).to_be_in_viewport(ratio=1)
    assert on_phone.scroll == 0


def test_the_list_leaves_room_for_messages(browser: Browser, both: Path) -> None:
    opened = Opened.of(browser, both, "#results?verdict=unsupported")
    head = opened.page.get_by_role("columnheader", name="PROTOCOL_VERSION", exact=True)
    expect(head).to_have_text("Protocol")
    message = opened.page.locator("#list td.column-message")
    width = message.first.evaluate("(cell) => cell.getBoundingClientRect().width")
    assert width > 330
    lines = opened.page.locator("#list .clipped").evaluate_all(_LINES)
    assert max(lines) == 2


def test_messages_have_room_between_phone_and_desktop(browser: Browser, both: Path) -> None:
    opened = Opened.of(browser, both, "#results?verdict=unsupported", width=1024)
    message = opened.page.locator("#list td.column-message").first
    width = message.evaluate("(cell) => cell.getBoundingClientRect().width")
    assert width > 330


@pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desktop"])
def test_findings_stay_within_their_rows(browser: Browser, both: Path, size: ViewportSize) -> None:
    opened = Opened.of(browser, both, width=size["width"])
    outside = opened.page.locator(".findings li").evaluate_all(
        "(rows) => rows.filter((row) => row.scrollWidth > row.clientWidth).length"
    )
    assert outside == 0


def _fades(opened: Opened, box: str) -> bool:
    mask = opened.page.locator(box).evaluate("(box) => getComputedStyle(box).maskImage")
    return bool(mask != "none")


@pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desktop"])
def test_the_page_never_scrolls_sideways(browser: Browser, both: Path, size: ViewportSize) -> None:
    opened = Opened.of(browser, both, width=size["width"])
    for address in (*(f"#{view}" for view in VIEWS), AT):
        opened.follow(address)
        found = opened.page.evaluate("document.documentElement.scrollWidth")
        assert found <= size["width"], address
