"""Where the browser of the page's tests comes from, and what is said where there is none."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import browser


@pytest.fixture(autouse=True)
def _nothing_can_be_fetched(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv(browser.VARIABLE, raising=False)
    monkeypatch.setenv("HARNESS_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("NPM_CONFIG_CACHE", str(tmp_path / "npm"))
    # Port 9 is "discard": nothing answers there.
    monkeypatch.setenv("NPM_CONFIG_REGISTRY", "http://127.0.0.1:9")
    monkeypatch.setenv("PATH", str(tmp_path))


def test_a_machine_without_chromium_is_told_how_to_get_it() -> None:
    with pytest.raises(browser.NoBrowser, match=r"(?s)ECONNREFUSED.*apt-get install chromium"):
        browser.find()


def test_an_installed_chromium_is_taken_with_a_warning(tmp_path: Path) -> None:
    installed = tmp_path / "chromium"
    installed.touch(mode=0o755)
    with pytest.warns(UserWarning, match=rf"(?s){installed} is taken.*ECONNREFUSED"):
        assert browser.find() == (installed, {})


def test_a_named_one_that_is_none_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(browser.VARIABLE, "no-such-browser")
    with pytest.raises(browser.NoBrowser, match="CHROMIUM=no-such-browser is no program"):
        browser.find()
