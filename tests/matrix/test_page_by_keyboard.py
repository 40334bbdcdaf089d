"""Where the page leaves the focus and the scroll, for who has no mouse, or can't see it move."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.matrix.opened_page import Opened

pytestmark = pytest.mark.integration


def test_what_has_the_focus_is_in_sight(opened: Opened) -> None:
    far = opened.page.locator("#overview .findings .links a").nth(40)
    far.focus()
    opened.page.keyboard.press("Tab")
    expect(opened.page.locator(":focus")).to_be_in_viewport(ratio=1)


def test_a_link_to_a_view_opens_it_at_the_top(opened: Opened) -> None:
    opened.go("#known")
    expect(opened.page.locator("#known")).to_be_visible()
    assert opened.scroll == 0
