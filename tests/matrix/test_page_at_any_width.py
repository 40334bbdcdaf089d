"""The page on a phone, on a desktop, and on a window that goes from one to the other."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.matrix.opened_page import Opened

pytestmark = pytest.mark.integration

PHONE = {"width": 390, "height": 844}
DESKTOP = {"width": 1280, "height": 844}


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
