"""What clients see when a worker or a TorchServe is killed; on three SDKs.

What a model does wrong while it lives is seen in every cell of the matrix (test_late_model.py).
"""

from __future__ import annotations

import base64
import http.client
import re
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests

from fixtures import models
from fixtures import torchserve as torchserves
from fixtures.torchserve.process import ProcessTorchServe
from matrix.running.launch import RunningWrapper
from matrix.running.timing import seconds_until
from tests.wrapper.running import RELEASES, peak_memory, start_torchserve, wrapper
from tests.wrapper.surroundings import settings
from wrapper.torchserve.management import Management
from wrapper.torchserve.tokens import Keys

# What a worker writes in the place of an answer, in base64. Its fifth byte tells of more bytes than
# TorchServe takes.
_NO_ANSWER = base64.b64encode(b"no answer").decode()

# What TorchServe logs when it hands a request to a worker.
_ARRIVED = "Flushing req.cmd PREDICT"

# What it logs when management is asked about the model, or a version of it.
_ASKED = '"GET /models/misbehaving'

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def torchserve() -> Iterator[ProcessTorchServe]:
    """A TorchServe whose envelope reads V1."""
    with start_torchserve("kserve", "misbehaving") as running:
        yield running


@pytest.fixture(scope="module", params=RELEASES)
def subject(
    request: pytest.FixtureRequest,
    torchserve: ProcessTorchServe,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[RunningWrapper]:
    """The wrapper on one SDK."""
    folder = tmp_path_factory.mktemp("wrapper")
    with wrapper(str(request.param), torchserve.instance, folder) as running:
        yield running


def _predict(subject: RunningWrapper, order: dict[str, Any]) -> requests.Response:
    url = f"{subject.url}/v1/models/misbehaving:predict"
    return requests.post(url, json={"instances": [order]}, timeout=30)


def _ready(subject: RunningWrapper, path: str = "/v2/health/ready") -> bool:
    return requests.get(subject.url + path, timeout=30).status_code == 200


def _kill_worker(torchserve: ProcessTorchServe) -> None:
    endpoints = torchserve.instance.endpoints
    url = f"http://{endpoints.host}:{endpoints.management}/models/misbehaving"
    described = requests.get(url, timeout=30).json()
    psutil.Process(described[0]["workers"][0]["pid"]).send_signal(signal.SIGKILL)


def _settled(subject: RunningWrapper) -> None:
    seconds_until(lambda: _ready(subject), 30)


def test_a_dead_worker_is_seen_within_a_second_and_its_successor_too(
    subject: RunningWrapper, torchserve: ProcessTorchServe
) -> None:
    _settled(subject)
    _kill_worker(torchserve)
    assert seconds_until(lambda: not _ready(subject), 5) < 1
    assert requests.get(f"{subject.url}/v2/health/live", timeout=30).status_code == 200
    _settled(subject)


def test_a_request_whose_worker_is_killed_is_told_so(
    subject: RunningWrapper, torchserve: ProcessTorchServe
) -> None:
    _settled(subject)
    asked_before = torchserve.logs().count(_ARRIVED)
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(_predict, subject, {"sleep": 3})
        # Before it has arrived, TorchServe has no worker for it, which is another error.
        seconds_until(lambda: torchserve.logs().count(_ARRIVED) > asked_before, 10)
        _kill_worker(torchserve)
        answer = asked.result()
    # TorchServe knows what a process died of only where it has seen that before its connection was
    # closed, which is chance.
    said = re.findall(r'"POST \S*misbehaving\S* HTTP/1.1" (\d+)', torchserve.logs())[-1]
    assert answer.status_code == {"507": 503, "500": 502}[said], answer.text
    # It may still be called ready for a moment, which the next test mustn't take for its successor.
    seconds_until(lambda: not _ready(subject), 5)
    _settled(subject)


def test_a_worker_that_dies_is_told_by_who_may_be_why(subject: RunningWrapper) -> None:
    for order, status, words in (
        ({"signal": signal.SIGKILL}, 503, "was killed from outside"),
        ({"signal": signal.SIGSEGV}, 502, "the request may be why"),
        ({"signal": signal.SIGTERM}, 502, "the request may be why"),
        ({"die": 3}, 502, "the request may be why"),
        ({"size": 6_553_501}, 502, "larger than max_response_size, 6553500 bytes"),
        ({"garble": _NO_ANSWER}, 502, "the request may be why"),
    ):
        _settled(subject)
        answer = _predict(subject, order)
        assert answer.status_code == status, (order, answer.text)
        assert words in answer.json()["error"]
        seconds_until(lambda: not _ready(subject), 5)
    _settled(subject)


def test_what_fails_takes_no_more_memory_than_what_is_in_flight(subject: RunningWrapper) -> None:
    _settled(subject)
    url = f"{subject.url}/v1/models/misbehaving:predict"
    body = b'{"instances": [{"refuse": 422}], "more": "%s"}' % (b"x" * 6_000_000)
    assert requests.post(url, data=body, timeout=30).status_code == 422
    before = peak_memory(subject, afresh=True)
    for _ in range(12):
        assert requests.post(url, data=body, timeout=30).status_code == 422
    assert peak_memory(subject) - before < 2.5 * len(body)


def test_a_full_queue_asks_management_once_a_moment(
    subject: RunningWrapper, torchserve: ProcessTorchServe
) -> None:
    _settled(subject)
    asked_before = torchserve.logs().count(_ASKED)

    def ask_five_times() -> list[int]:
        return [_predict(subject, {"sleep": 0.2}).status_code for _ in range(5)]

    with ThreadPoolExecutor(16) as pool:
        asked = [pool.submit(ask_five_times) for _ in range(16)]
        refused = [each for one in asked for each in one.result()].count(503)
    # A queue of two, and one that the worker has.
    assert refused > 30
    # Readiness asks meanwhile, too; what a refusal costs was a question each, and more.
    assert torchserve.logs().count(_ASKED) - asked_before < refused / 2


@pytest.mark.parametrize("release", RELEASES)
def test_a_dead_torchserve_is_seen_within_a_second_and_its_return_too(
    release: str, torchserve: ProcessTorchServe, tmp_path: Path
) -> None:
    with wrapper(release, torchserve.instance, tmp_path) as subject:
        assert not torchserve.has_ended()
        torchserve.kill()
        assert torchserve.has_ended()
        assert seconds_until(lambda: not _ready(subject), 5) < 1
        for path in ("/v1/models/misbehaving", "/v2/models/misbehaving/ready"):
            assert requests.get(subject.url + path, timeout=30).status_code == 503
        assert requests.get(f"{subject.url}/v2/health/live", timeout=30).status_code == 200
        assert requests.get(f"{subject.url}/", timeout=30).status_code == 200
        refused = _predict(subject, {"echo": 1})
        assert (refused.status_code, bool(refused.json()["error"])) == (503, True)
        torchserve.start_again()
        assert not torchserve.has_ended()
        seconds_until(lambda: _ready(subject), 60)
        assert _predict(subject, {"echo": 1}).status_code == 200


def test_readiness_is_told_while_torchserve_loads_a_model_for_somebody_else(
    tmp_path: Path,
) -> None:
    with torchserves.start(
        "process",
        release="0.12.0",
        envelope="kserve",
        models=[models.archive("digits")],
        # One whose worker takes its time to start.
        stored=[models.archive_with_torch("contract")],
        config={"enable_model_api": "true", "number_of_netty_threads": "2"},
    ) as torchserve:
        endpoints = torchserve.instance.endpoints

        def connect() -> http.client.HTTPConnection:
            """Open a connection; TorchServe's two threads take them in turn."""
            connection = http.client.HTTPConnection(endpoints.host, endpoints.management)
            _ask(connection, "GET", "/models/digits")
            return connection

        loads, _ = connect(), connect()
        management = Management(settings(tmp_path, endpoints.management), Keys(None))
        assert management.why_no_worker("digits") is None
        _, shares_the_thread = connect(), connect()
        query = "/models?url=contract.mar&initial_workers=1&synchronous=true"
        loading = threading.Thread(target=_ask, args=(loads, "POST", query))
        loading.start()
        time.sleep(0.3)
        began = time.monotonic()
        assert management.why_no_worker("digits") is None
        assert time.monotonic() - began < 1
        # What it is about: TorchServe is silent on that thread until the model is loaded.
        assert loading.is_alive()
        _ask(shares_the_thread, "GET", "/models/digits")
        loading.join(30)
        assert not loading.is_alive()


def _ask(connection: http.client.HTTPConnection, method: str, path: str) -> None:
    connection.request(method, path)
    answer = connection.getresponse()
    answer.read()
    assert answer.status == 200
