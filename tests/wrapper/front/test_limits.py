"""A body that is too large is refused before it is read."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import requests

from matrix.running.scrape import Scrape
from matrix.running.timing import seconds_until
from tests.wrapper.running import NOBODY, RELEASES, is_alive, wrapper
from tests.wrapper.surroundings import AnsweringTorchServe, settings
from wrapper.errors import ServingError
from wrapper.front import Front
from wrapper.front.asgi import FrontApplication
from wrapper.front.limits import BodyLimit
from wrapper.metrics import families

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
    """Sends chunks without end, of which it counts those that are taken until it is answered."""

    def __init__(self) -> None:
        self.taken = 0
        self.got: list[Any] = []

    async def receive(self) -> Any:
        if self.got:
            return {"type": "http.disconnect"}
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
    assert (b"connection", b"close") in client.got[0]["headers"]
    assert "max_request_size is 100 bytes" in json.loads(client.got[1]["body"])["error"]
    assert not torchserve.calls


def _counted() -> Counter[tuple[str, ...]]:
    """Give how many requests were counted, by protocol, verb, model and status."""
    (metric,) = families.REQUESTS.collect()
    return Counter(
        {
            tuple(sample.labels.values()): int(sample.value)
            for sample in metric.samples
            if sample.name.endswith("_total")
        }
    )


class _Waiting(_Client):
    """Sends nothing before it is answered, and says how much it would send."""

    async def receive(self) -> Any:
        assert self.got, "read, although what is announced is too large"
        return await super().receive()


@pytest.mark.parametrize(
    ("path", "answered"),
    [
        ("/v1/models/digits:predict", 200),
        ("/v1/models/digits:explain", 200),
        ("/v2/models/digits/infer", 501),
        ("/v2/models/digits/explain", 501),
    ],
)
def test_a_refusal_is_counted_as_the_answer_would_be(
    tmp_path: Path, path: str, answered: int
) -> None:
    torchserve = AnsweringTorchServe(settings(tmp_path, more=f"max_request_size={MOST}"))
    front = Front(torchserve)
    route = front.route("POST", path)
    assert route is not None
    before = _counted()
    asyncio.run(route(b'{"instances": []}', {}))
    (as_answered,) = _counted() - before
    before = _counted()
    scope = {
        "type": "http",
        "method": "POST",
        "path": path,
        "headers": [(b"content-length", b"1000")],
    }
    client = _Waiting()
    application = FrontApplication(front, client.send)  # type: ignore[arg-type]
    asyncio.run(application(scope, client.receive, client.send))
    (as_refused,) = _counted() - before
    assert as_refused == (*as_answered[:3], "413")


@pytest.mark.integration
@pytest.mark.parametrize("release", RELEASES)
def test_a_client_that_goes_on_sending_gets_the_answer(release: str, tmp_path: Path) -> None:
    chunks = [b"x" * 100_000] * 200
    with wrapper(release, NOBODY, tmp_path, wait=False) as subject, requests.Session() as client:
        seconds_until(lambda: is_alive(subject.url), 60)
        for body in (b"".join(chunks), iter(chunks), b"".join(chunks)):
            url = f"{subject.url}/v1/models/contract:predict"
            answer = client.post(url, data=body, timeout=60)
            assert answer.status_code == 413
            assert "max_request_size is 6553500 bytes" in answer.json()["error"]
        assert is_alive(subject.url)
        scrape = Scrape(client.get(f"{subject.url}/metrics", timeout=30).text)
    # Nobody has told yet that such a model is served.
    told = {"protocol": "v1", "verb": "predict", "status": "413"}
    assert scrape.total("torchserve_wrapper_requests_total", **told) == 3
