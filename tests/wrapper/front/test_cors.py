"""Browsers of other origins, as TorchServe's cors_allowed_* let them ask."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import requests
from playwright.sync_api import Browser, Error

from matrix.running.launch import RunningWrapper
from matrix.running.timing import seconds_until
from tests.matrix.reports.opened_page import chromium
from tests.wrapper.front.asking import answer_to
from tests.wrapper.running import NOBODY, RELEASES, is_alive, wrapper
from tests.wrapper.surroundings import AnsweringTorchServe, settings
from wrapper.front import Front
from wrapper.settings import SettingsError

ASKS = {"origin": "https://a.example", "access-control-request-method": "POST"}


def test_without_the_properties_nothing_is_told(tmp_path: Path) -> None:
    torchserve = AnsweringTorchServe(settings(tmp_path))
    assert Front(torchserve).cors.headers == {}
    assert Front(torchserve).cors.preflight("OPTIONS", ASKS) is None
    assert answer_to(torchserve, "/v1/models/digits:predict", method="OPTIONS").status == 405


def test_what_can_be_no_header_ends_the_start(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"cors_allowed_origin=.*write printable ASCII"):
        settings(tmp_path, more="cors_allowed_origin=https://\\u00e9.example")


@pytest.fixture(scope="module")
def pages() -> Iterator[int]:
    """The port of a server of pages, whose origin at localhost may ask."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Page) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield server.server_port
        server.shutdown()


class _Page(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


@pytest.fixture(scope="module", params=RELEASES)
def subject(
    request: pytest.FixtureRequest, pages: int, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningWrapper]:
    """A wrapper that one origin may ask."""
    more = {
        "TS_CORS_ALLOWED_ORIGIN": f"http://localhost:{pages}",
        "TS_CORS_ALLOWED_METHODS": "GET, POST",
        "TS_CORS_ALLOWED_HEADERS": "content-type",
    }
    folder = tmp_path_factory.mktemp("wrapper")
    with wrapper(str(request.param), NOBODY, folder, wait=False, more=more) as running:
        seconds_until(lambda: is_alive(running.url), 120)
        yield running


@pytest.mark.integration
def test_every_answer_tells_who_may_ask(subject: RunningWrapper, pages: int) -> None:
    told = {
        "access-control-allow-origin": f"http://localhost:{pages}",
        "access-control-allow-methods": "GET, POST",
        "access-control-allow-headers": "content-type",
    }
    asked = requests.options(f"{subject.url}/v2/models/contract/infer", headers=ASKS, timeout=30)
    assert (asked.status_code, asked.content) == (200, b"")
    answers = [
        asked,
        requests.get(f"{subject.url}/v2/health/live", timeout=30),
        requests.post(f"{subject.url}/v1/models/contract:predict", data=b"{", timeout=30),
        requests.get(f"{subject.url}/metrics", timeout=30),
    ]
    for answer in answers:
        headers = {name.lower(): value for name, value in answer.headers.items()}
        assert told.items() <= headers.items(), answer.url


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A Chromium."""
    with chromium() as started:
        yield started


_FETCH = """async url => {
    const answer = await fetch(url, {
        method: "POST", headers: {"content-type": "application/json"}, body: "{}"
    });
    return (await answer.json()).error;
}"""


@pytest.mark.integration
def test_a_page_of_that_origin_may_ask_and_no_other(
    browser: Browser, subject: RunningWrapper, pages: int
) -> None:
    url = f"{subject.url}/v1/models/contract:predict"
    page = browser.new_page()
    page.goto(f"http://localhost:{pages}/")
    assert 'Expected "instances"' in page.evaluate(_FETCH, url)
    page.goto(f"http://127.0.0.1:{pages}/")
    with pytest.raises(Error, match="Failed to fetch"):
        page.evaluate(_FETCH, url)
    page.close()
