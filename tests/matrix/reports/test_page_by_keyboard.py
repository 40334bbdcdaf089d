"""Where the page leaves the focus and the scroll, for who has no mouse, or can't see it move."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, expect

from tests.matrix.reports.opened_page import AT, Opened

pytestmark = pytest.mark.integration


@pytest.fixture
def at_cell(opened: Opened) -> Opened:
    """Open a cell of the original bug at a check that failed."""
    opened.go(AT)
    return opened


def test_what_has_the_focus_is_in_sight(opened: Opened) -> None:
    far = opened.page.locator("#overview .findings .links a").nth(40)
    far.focus()
    opened.page.keyboard.press("Tab")
    expect(opened.page.locator(":focus")).to_be_in_viewport(ratio=1)


def test_a_link_to_a_view_opens_it_at_the_top(opened: Opened) -> None:
    opened.go("#known")
    expect(opened.page.locator("#known")).to_be_visible()
    assert opened.scroll == 0


def link_far_down(opened: Opened) -> Locator:
    """Give a link among the findings that are shown when they are asked for."""
    opened.page.locator("#overview .more summary").first.click()
    return opened.page.locator("#overview .findings .links a").nth(81)


def test_another_view_is_shown_from_its_top_with_the_focus_on_its_title(opened: Opened) -> None:
    link_far_down(opened).click()
    expect(opened.page.locator("#results-title")).to_be_focused()
    assert opened.scroll == 0
    opened.page.locator(".views a[href='#timings']").click()
    expect(opened.page.locator("#timings-title")).to_be_focused()
    assert opened.scroll == 0


def test_going_back_comes_back_to_where_one_was(opened: Opened) -> None:
    link = link_far_down(opened)
    link.focus()
    link.scroll_into_view_if_needed()
    before = opened.scroll
    assert before > 1000
    link.click()
    expect(opened.page.locator("#results")).to_be_visible()
    # It scrolls once this event is over, and then no further than what is shown goes.
    opened.page.evaluate(
        "addEventListener('popstate', () => { shown = document.body.scrollHeight }, { once: true })"
    )
    opened.page.go_back()
    expect(opened.page.locator("#overview")).to_be_visible()
    expect(link).to_be_focused()
    assert opened.page.evaluate("shown") > before
    assert opened.scroll == pytest.approx(before, abs=2)


def test_another_page_of_the_list_is_shown_from_its_count(opened: Opened) -> None:
    opened.go("#results")
    opened.page.locator("#pages").get_by_role("link", name="Next").click()
    expect(opened.page.locator("#count")).to_be_focused()
    expect(opened.page.locator("#count")).to_be_in_viewport(ratio=1)
    expect(opened.page.locator("#list tbody tr").first).to_be_in_viewport()


def test_who_filters_keeps_the_focus(opened: Opened) -> None:
    opened.go("#results?page=5")
    opened.page.locator("#check").press_sequentially("v1-", delay=5)
    expect(opened.page.locator("#check")).to_be_focused()
    assert opened.page.input_value("#check") == "v1-"
    opened.tick("kserve", "0.13.1")
    expect(opened.page.locator(".facet-kserve input").nth(2)).to_be_focused()


def test_a_cell_that_is_closed_gives_the_focus_back(opened: Opened) -> None:
    opened.go("#results")
    link = opened.page.locator("#list a").nth(60)
    link.click()
    opened.page.keyboard.press("Escape")
    expect(link).to_be_focused()
    expect(link).to_be_in_viewport(ratio=1)


def test_the_list_of_a_cells_checks_is_one_stop(at_cell: Opened) -> None:
    stops = 0
    expect(at_cell.page.locator("#cell-title")).to_be_focused()
    while not at_cell.page.evaluate("document.activeElement.matches('.detail *')"):
        at_cell.page.keyboard.press("Tab")
        stops += 1
    # The button that closes it, three siblings, the list, and then the detail.
    assert stops == 6


def test_keys_go_through_a_cells_checks(at_cell: Opened) -> None:
    links = at_cell.dialog.locator(".checks a")
    at_cell.dialog.locator(".checks a[tabindex='0']").focus()
    expect(at_cell.page.locator(":focus")).to_contain_text("v1-predict")
    last = links.count() - 1
    for key, at in (("End", last), ("ArrowUp", last - 1), ("Home", 0), ("ArrowDown", 1)):
        at_cell.page.keyboard.press(key)
        expect(links.nth(at)).to_be_focused()
        expect(links.nth(at)).to_have_attribute("aria-current", "true")
        expect(at_cell.dialog.locator(".checks a[tabindex='0']")).to_have_count(1)
        name = links.nth(at).inner_text().split()[1]
        expect(at_cell.page.locator("#detail-title")).to_contain_text(name)


@pytest.mark.parametrize("key", ["Enter", "Space"])
@pytest.mark.parametrize("width", [390, 1280])
def test_a_check_that_is_chosen_by_key_is_read_out(
    browser: Browser, unfixed: Path, width: int, key: str
) -> None:
    opened = Opened.of(browser, unfixed, AT, width=width)
    opened.dialog.locator(".checks a[tabindex='0']").focus()
    opened.page.keyboard.press("ArrowDown")
    opened.page.keyboard.press(key)
    expect(opened.page.locator("#detail-title")).to_be_focused()
    expect(opened.page.locator("#detail-title")).to_have_text("F v1-explain")
    expect(opened.page.locator("#detail-title")).to_be_in_viewport(ratio=1)
    assert "at=v1-explain" in opened.hash


def test_the_mouse_leaves_the_focus_in_the_list(at_cell: Opened) -> None:
    link = at_cell.dialog.locator(".checks a", has_text="health-routes")
    link.click()
    expect(link).to_be_focused()
    expect(at_cell.page.locator("#detail-title")).to_have_text("F health-routes")
    at_cell.page.go_back()
    expect(at_cell.page.locator("#detail-title")).to_have_text("F v1-predict")


def test_a_phone_can_always_close_the_cell(browser: Browser, unfixed: Path) -> None:
    opened = Opened.of(browser, unfixed, AT, width=390)
    opened.dialog.locator("pre").last.scroll_into_view_if_needed()
    expect(opened.dialog.locator(".facts")).not_to_be_in_viewport()
    expect(opened.dialog.locator(".close")).to_be_in_viewport(ratio=1)
    # What the focus comes to isn't under it.
    top = opened.dialog.locator(".exchanges .copy").first
    top.focus()
    bar = opened.dialog.locator(".bar").bounding_box()
    found = top.bounding_box()
    assert bar is not None
    assert found is not None
    assert found["y"] >= bar["y"] + bar["height"]
    opened.dialog.locator(".close").click()
    expect(opened.dialog).to_have_count(0)


def test_another_cell_keeps_the_chosen_check(at_cell: Opened) -> None:
    at_cell.dialog.locator(".checks a", has_text="health-routes").click()
    at_cell.dialog.locator(".siblings a", has_text="kservev2").click()
    expect(at_cell.page.locator("#cell-title")).to_be_focused()
    expect(at_cell.page.locator("#detail-title")).to_contain_text("health-routes")
    assert at_cell.hash == AT.replace("-kserve-", "-kservev2-").replace(
        "v1-predict", "health-routes"
    )


def test_the_keyboard_does_it_all(opened: Opened) -> None:
    press = opened.page.keyboard.press
    press("Tab")
    expect(opened.page.locator(".skip")).to_be_focused()
    press("Enter")
    expect(opened.page.locator("#main")).to_be_focused()
    point = opened.page.get_by_role("link", name="KServe 0.11.2, v1: not as expected")
    point.focus()
    press("Enter")
    expect(opened.page.locator("#cell-title")).to_be_focused()
    links = opened.dialog.locator(".checks a")
    links.first.focus()
    press("ArrowDown")
    expect(links.nth(1)).to_be_focused()
    expect(links.nth(1)).to_have_attribute("aria-current", "true")
    name = links.nth(1).inner_text().split()[1]
    expect(opened.page.locator("#detail-title")).to_contain_text(name)
    press("Escape")
    expect(opened.dialog).to_have_count(0)
    expect(point).to_be_focused()
