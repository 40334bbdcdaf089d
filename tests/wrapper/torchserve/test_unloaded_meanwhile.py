"""Requests that wait while their model is unloaded are answered, on real SDKs and TorchServe."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import pytest
import requests

from fixtures.torchserve import Instance
from matrix.running.launch import RunningWrapper
from matrix.running.scrape import Scrape
from matrix.running.timing import seconds_until
from tests import lending
from tests.wrapper.registering import management, registered, unregister
from tests.wrapper.running import wrapper

pytestmark = pytest.mark.integration

# One that a worker has, and two behind it.
_REQUESTS = 3
# Seconds: far longer than an answer may take.
_SLOW = {"name": "sleep", "shape": [1], "datatype": "FP32", "data": [600]}
_WITHIN = 20.0

_WAYS = [("0.9.0", "v2"), ("0.12.1", "grpc-v2"), ("0.21.0", "v2"), ("0.21.0", "grpc-v2")]


class _Subject(NamedTuple):
    """The wrapper, before a model that its tests unload."""

    wrapper: RunningWrapper
    torchserve: Instance

    @property
    def model(self) -> str:
        (model,) = self.torchserve.models
        return model

    def url(self, path: str) -> str:
        return f"{self.wrapper.url}/v2/{path}"


@pytest.fixture(scope="module", params=_WAYS, ids="-".join)
def subject(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[_Subject]:
    """The wrapper on one SDK, by one transport towards TorchServe."""
    release, protocol = request.param
    folder = tmp_path_factory.mktemp("wrapper")
    with (
        registered(lending.instance("kservev2"), "contract") as torchserve,
        wrapper(release, torchserve, folder, protocol=protocol) as running,
    ):
        yield _Subject(running, torchserve)


def _by_the_wrapper(subject: _Subject) -> None:
    answer = requests.post(subject.url(f"repository/models/{subject.model}/unload"), timeout=120)
    assert answer.status_code == 200, answer.text


def _behind_its_back(subject: _Subject) -> None:
    unregister(subject.torchserve, subject.model)


@pytest.mark.parametrize("unload", [_by_the_wrapper, _behind_its_back])
def test_all_that_wait_are_answered(subject: _Subject, unload: Callable[[_Subject], None]) -> None:
    # What the test before this one unloaded; where it is there, this does nothing.
    load = subject.url(f"repository/models/{subject.model}/load")
    assert requests.post(load, timeout=120).status_code == 200
    ready = subject.url(f"models/{subject.model}/ready")
    seconds_until(lambda: requests.get(ready, timeout=30).status_code == 200, 60)
    with ThreadPoolExecutor(_REQUESTS) as pool:
        asked = [pool.submit(_infer, subject) for _ in range(_REQUESTS)]
        seconds_until(lambda: _queued(subject) == _REQUESTS - 1, 60)
        unload(subject)
        answers = [each.result() for each in asked]
    told = {(answer.status_code, answer.json()["error"]) for answer in answers}
    assert told == {(502, "The model was unloaded before it had answered")}
    assert _in_flight(subject) == 0
    assert _infer(subject).status_code in (404, 503)


def _queued(subject: _Subject) -> int:
    """Count the requests that no worker has yet."""
    url = f"{management(subject.torchserve)}/models/{subject.model}"
    (told,) = requests.get(url, timeout=30).json()
    return int(told["jobQueueStatus"]["pendingRequests"])


def _infer(subject: _Subject) -> requests.Response:
    url = subject.url(f"models/{subject.model}/infer")
    return requests.post(url, json={"inputs": [_SLOW]}, timeout=_WITHIN)


def _in_flight(subject: _Subject) -> float:
    scrape = Scrape(requests.get(f"{subject.wrapper.url}/metrics", timeout=30).text)
    return scrape.total("torchserve_wrapper_requests_in_flight", model=subject.model)
