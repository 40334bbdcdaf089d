"""The page has nothing that is in the way of who sees little, or hears it: judged by axe."""

from __future__ import annotations

from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from kserve_conformance.results.record import Run
from playwright.sync_api import Browser

from tests.matrix import variants
from tests.matrix.reports.opened_page import AT, VIEWS, Opened, Write

pytestmark = pytest.mark.integration

WIDTHS = {"phone": 390, "desktop": 1280}
# Axe takes each link to a check that is scrolled out of sight for a link to skip to it, since the
# addresses of cells begin with #. That the real one works is tested by the keyboard.
_AXE = {"resultTypes": ["violations"], "rules": {"skip-link": {"enabled": False}}}
# All that the scheme changes.
_AXE_OF = {"light": _AXE, "dark": {**_AXE, "runOnly": ["cat.color"]}}
# An element's kind is its name, its classes and what attributes it has, below those that it is in.
_KINDS = """() => {
    const kind = (element) => element
        ? `${kind(element.parentElement)} ${element.tagName}.${[...element.classList].sort()}`
            + `[${element.getAttributeNames().sort()}]`
        : "";
    return [...new Set([...document.querySelectorAll("*")].map(kind))];
}"""


@pytest.fixture(scope="module")
def few(write: Write, unfixed_run: Run) -> Path:
    """Write the page of few checks: for thousands that look alike, axe takes a minute."""
    return write(variants.of_few_checks(unfixed_run))


@pytest.mark.parametrize("scheme", _AXE_OF)
@pytest.mark.parametrize("width", WIDTHS.values(), ids=WIDTHS.keys())
def test_nothing_is_in_the_way_of_anybody(
    browser: Browser, few: Path, width: int, scheme: str
) -> None:
    opened = Opened.of(browser, few, width=width, scheme=scheme)
    for address in (*(f"#{view}" for view in VIEWS), AT):
        opened.follow(address)
        violations = Axe().run(opened.page, options=_AXE_OF[scheme]).response["violations"]
        told = [
            (each["id"], node["html"][:200], node["failureSummary"])
            for each in violations
            for node in each["nodes"][:3]
        ]
        assert told == [], address


@pytest.mark.parametrize("address", ["#results", AT])
def test_few_checks_have_every_kind_of_element(
    browser: Browser, opened: Opened, few: Path, address: str
) -> None:
    opened.go(address)
    of_all, of_few = (
        {*each.page.evaluate(_KINDS)} for each in (opened, Opened.of(browser, few, address))
    )
    assert of_all - of_few == set()
