"""A model is unloaded and loaded with all its versions, also when TorchServe fails midway.

A stand-in: the real one doesn't fail on one version alone.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.wrapper.surroundings import settings
from tests.wrapper.torchserve.standin import Standin
from wrapper import json_body
from wrapper.errors import ServingError
from wrapper.torchserve.service import TorchServe


class Shelf:
    """The versions that TorchServe has of one model; the default one is the first.

    Attributes:
        fails_on: the path, or the archive, of a change that TorchServe fails on.
    """

    def __init__(self) -> None:
        self.versions = {"2.0": 2, "1.0": 1, "3.0": 0}
        self.fails_on = ""

    def answer(self, path: str, _headers: object) -> tuple[int, str]:
        """Answer as TorchServe does; the stand-in doesn't tell methods apart, which paths do."""
        asked = urlsplit(path)
        if self.fails_on and self.fails_on in path:
            return 507, "{}"
        if asked.path == "/models":
            told = {key: value for key, (value,) in parse_qs(asked.query).items()}
            self.versions[told["url"].removesuffix(".mar")] = int(told["initial_workers"])
            return 200, "{}"
        *_, name = asked.path.split("/")
        if name in ("all", "digits"):
            first = list(self.versions)[: 1 if name == "digits" else None]
            listed = [self._told(version) for version in first]
            return 200 if listed else 404, json_body.write(listed).decode()
        if name == next(iter(self.versions)) and len(self.versions) > 1:
            return 403, "{}"
        return (200 if self.versions.pop(name, None) is not None else 404), "{}"

    def _told(self, version: str) -> dict[str, Any]:
        workers = [{"status": "READY"}] * self.versions[version]
        return {"modelVersion": version, "modelUrl": f"{version}.mar", "workers": workers}


@pytest.fixture
def shelf(standin: Standin) -> Shelf:
    """Make the stand-in answer by it."""
    shelf = Shelf()
    standin.answers = shelf.answer
    return shelf


@pytest.fixture
def torchserve(standin: Standin, tmp_path: Path) -> TorchServe:
    """A wrapper's TorchServe before the stand-in."""
    running = TorchServe(settings(tmp_path, standin.server_port))
    running.readiness.wait_for_first_answer(5)
    return running


def test_all_versions_go_and_come_back_with_the_default_one_first(
    shelf: Shelf, torchserve: TorchServe
) -> None:
    asyncio.run(torchserve.repository.unload("digits"))
    assert shelf.versions == {}
    asyncio.run(torchserve.repository.load("digits"))
    # One worker each, but none where there was none.
    assert list(shelf.versions.items()) == [("2.0", 1), ("1.0", 1), ("3.0", 0)]


@pytest.mark.parametrize("fails_on", ["/models/digits/1.0", "url=1.0.mar", "url=3.0.mar"])
def test_what_fails_midway_is_gone_on_with(
    shelf: Shelf, torchserve: TorchServe, fails_on: str
) -> None:
    async def unload_and_load() -> None:
        await torchserve.repository.unload("digits")
        assert shelf.versions == {}
        await torchserve.repository.load("digits")

    shelf.fails_on = fails_on
    with pytest.raises(ServingError):
        asyncio.run(unload_and_load())
    shelf.fails_on = ""
    if "digits/" in fails_on:
        asyncio.run(unload_and_load())
    else:
        asyncio.run(torchserve.repository.load("digits"))
    assert list(shelf.versions) == ["2.0", "1.0", "3.0"]
