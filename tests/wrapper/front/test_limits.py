"""A body that is too large is refused before it is read."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from tests.wrapper.surroundings import AnsweringTorchServe, settings
from wrapper.errors import ServingError
from wrapper.front import Front
from wrapper.front.asgi import FrontApplication
from wrapper.front.limits import BodyLimit

MOST = 100
BINARY = {"inference-header-content-length": "10"}


@pytest.mark.parametrize(
    ("headers", "received", "fits"),
    [
        ({}, MOST, True),
        ({}, MOST + 1, False),
        ({"content-length": str(MOST)}, 0, True),
        ({"content-length": str(MOST + 1)}, 0, False),
        ({"content-length": "many"}, 0, True),
        (BINARY, 4 * MOST, True),
        (BINARY, 4 * MOST + 1, False),
        ({**BINARY, "content-length": str(4 * MOST + 1)}, 0, False),
    ],
)
def test_what_torchserve_takes_fits(headers: dict[str, str], received: int, fits: bool) -> None:
    limit = BodyLimit(MOST)
    if fits:
        limit.check(headers, received)
        return
    with pytest.raises(ServingError, match="max_request_size is 100 bytes") as refused:
        limit.check(headers, received)
    assert refused.value.status == 413


class _Client:
    """Sends chunks without end, of which it counts those that are taken."""

    def __init__(self) -> None:
        self.taken = 0
        self.got: list[Any] = []

    async def receive(self) -> Any:
        self.taken += 1
        return {"type": "http.request", "body": b"x" * MOST, "more_body": True}

    async def send(self, message: Any) -> None:
        self.got.append(message)


@pytest.mark.parametrize(("announced", "taken"), [("", 2), ("1000", 0)])
def test_no_more_is_read_than_it_takes_to_know(tmp_path: Path, announced: str, taken: int) -> None:
    torchserve = AnsweringTorchServe(settings(tmp_path, more=f"max_request_size={MOST}"))
    client = _Client()
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/v1/models/digits:predict",
        "headers": [(b"content-length", announced.encode())] if announced else [],
    }
    application = FrontApplication(Front(torchserve), client.send)  # type: ignore[arg-type]
    asyncio.run(application(scope, client.receive, client.send))
    assert client.taken == taken
    assert client.got[0]["status"] == 413
    assert "max_request_size is 100 bytes" in json.loads(client.got[1]["body"])["error"]
    assert not torchserve.calls
