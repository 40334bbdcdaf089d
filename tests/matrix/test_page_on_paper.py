"""The page as it is printed: what there is of it, and that it can be read."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.matrix.opened_page import Opened

pytestmark = pytest.mark.integration


def test_nothing_fades_on_paper(browser: Browser, both: Path) -> None:
    opened = Opened.of(browser, both, width=390)
    opened.page.emulate_media(media="print")
    expect(opened.page.locator("#overview .scroll")).to_have_css("mask-image", "none")
