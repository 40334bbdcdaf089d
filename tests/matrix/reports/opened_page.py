"""A report page that is open in a real Chromium, as a person has it before them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import pytest
from playwright.sync_api import Browser, CDPSession, Locator, Page, sync_playwright

from tests import browser

# A cell of the original bug, and the address of a check in it that failed.
CELL = "kserve0.13.1-unset-kserve-torchserve0.12.0"
AT = f"#overview?cell={CELL}%40container&at=v1-predict"
VIEWS = ("overview", "results", "control-planes", "footprint", "timings", "known", "environment")

# Writes the page of runs, and says where it is.
Write = Callable[..., Path]

# What a link, or a dialog that closes, brings about comes with an event of its own, and that may
# bring another. On a busy machine one timer that was set after them is over before them.
_SETTLED = """async () => {
    for (let event = 0; event < 3; event++) {
        await new Promise((passed) => setTimeout(passed, 20));
    }
}"""
# Done when its effect is painted: the message comes after the frame of that animation.
_UNTIL_PAINTED = """async (action) => {
    new Function(action)();
    await new Promise((painted) => requestAnimationFrame(() => {
        const channel = new MessageChannel();
        channel.port1.onmessage = () => painted();
        channel.port2.postMessage(null);
    }));
}"""


@contextmanager
def chromium() -> Iterator[Browser]:
    """Start the Chromium of `tests.browser`."""
    try:
        path, needed = browser.find()
    except browser.NoBrowser as error:
        pytest.fail(str(error))
    # Chromium's sandbox doesn't start for root, such as in the containers of a CI.
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path=path, args=arguments, env={**os.environ, **needed}
        )
        yield started
        started.close()


@dataclass
class Opened:
    """An open page, with what it complained of and what it asked the network for."""

    file: Path
    _tab: Page
    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    _is_open: bool = False

    @classmethod
    def of(
        cls, browser: Browser, file: Path, address: str = "", *, width: int = 1280, **context: str
    ) -> Opened:
        """Open a file at an address within it, such as ``#results``."""
        made = browser.new_context(
            viewport={"width": width, "height": 844},
            color_scheme="dark" if context.get("scheme") == "dark" else "light",
        )
        opened = cls(file, made.new_page())
        opened._tab.set_default_timeout(10_000)
        opened._tab.on("console", lambda message: opened.complaints.append(message.text))
        opened._tab.on("pageerror", lambda error: opened.complaints.append(str(error)))
        opened._tab.on("request", lambda request: opened.requests.append(request.url))
        if address:
            opened.go(address)
        return opened

    @property
    def page(self) -> Page:
        """Give the page, which isn't opened before: most tests go to an address of theirs."""
        if not self._is_open:
            self.go("")
        return self._tab

    def go(self, address: str) -> None:
        """Open an address, as one who got the link does."""
        if self._is_open:
            self._tab.goto("about:blank")
        self._is_open = True
        self._tab.goto(f"file://{self.file}{address}")
        self._tab.wait_for_selector("#loading", state="detached")

    def follow(self, address: str) -> None:
        """Go to another address within the page, as its links do."""
        self.page.evaluate("address => (location.hash = address)", address)
        self._settle()

    @property
    def hash(self) -> str:
        """Give the address within the page."""
        self._settle()
        return str(self.page.evaluate("location.hash"))

    @property
    def count(self) -> str:
        """Give what it says of how many results meet the filters."""
        self._settle()
        return self.page.inner_text("#count")

    @property
    def scroll(self) -> float:
        """Give how far down it is scrolled, in pixels."""
        self._settle()
        return float(self.page.evaluate("scrollY"))

    @property
    def dialog(self) -> Locator:
        """Give the open cell."""
        return self.page.locator("#cell[open]")

    def tick(self, name: str, value: str) -> None:
        """Tick a box of the filters, or untick it."""
        self.page.locator(f".facet-{name} label", has_text=value).first.click()

    def column(self, name: str) -> set[str]:
        """Give what is in a column of the list of results."""
        self._settle()
        return set(self.page.locator(f"#list td.column-{name}").all_inner_texts())

    def milliseconds(self, action: str) -> float:
        """Do something by a script, and measure what it costs the page until it is painted.

        It is time of the page's main thread on a processor: what else runs on the machine is not
        in it, nor is the wait for the next frame.
        """
        before = self._busy()
        self.page.evaluate(_UNTIL_PAINTED, action)
        return 1000 * (self._busy() - before)

    def _busy(self) -> float:
        """Give the seconds of a processor that the page's main thread has had."""
        told = self._protocol.send("Performance.getMetrics")
        return float({each["name"]: each["value"] for each in told["metrics"]}["TaskDuration"])

    @cached_property
    def _protocol(self) -> CDPSession:
        session = self.page.context.new_cdp_session(self.page)
        session.send("Performance.enable", {"timeDomain": "threadTicks"})
        return session

    def _settle(self) -> None:
        self.page.evaluate(_SETTLED)
