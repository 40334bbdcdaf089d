"""What becomes of TorchServe is seen within a second without asking it; by all processes.

Three wrappers, each on another SDK and with several processes, stand before one real TorchServe, so
that a fault is made once for all of them.
"""

from __future__ import annotations

import contextlib
import dataclasses
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import psutil
import pytest
import requests

from fixtures import models
from fixtures import torchserve as torchserves
from fixtures.torchserve import Instance
from fixtures.torchserve.process import ProcessTorchServe
from matrix.running import disturbance
from matrix.running.launch import RunningWrapper
from matrix.running.timing import seconds_until
from tests.servers.halfway import Halfway
from tests.wrapper.registering import management
from tests.wrapper.running import RELEASES, start_torchserve, wrapper

pytestmark = pytest.mark.integration

MODELS = ("contract", "digits", "echo")
# Seconds for which a TorchServe is left alone, and how many lines it may write because of wrappers.
IDLE, LINES = 20.0, 2
# What TorchServe writes by itself, once a minute, of its machine.
OF_ITS_OWN = ("CPUUtilization", "Disk", "Memory")
# Requests by which the several processes of a wrapper are asked.
ENOUGH = 12
TRIES = 3


@pytest.fixture(scope="module")
def torchserve() -> Iterator[ProcessTorchServe]:
    """A TorchServe with three models, which loads and unloads them."""
    with start_torchserve("kserve", *MODELS, enable_model_api="true") as running:
        yield running


@pytest.fixture(scope="module")
def halfway(torchserve: ProcessTorchServe) -> Iterator[Halfway]:
    """What stands before its inference port."""
    with contextlib.closing(Halfway(torchserve.instance.endpoints.inference)) as made:
        yield made


@pytest.fixture(scope="module")
def instance(torchserve: ProcessTorchServe, halfway: Halfway) -> Instance:
    """The TorchServe as wrappers see it."""
    endpoints = dataclasses.replace(torchserve.instance.endpoints, inference=halfway.port)
    return dataclasses.replace(torchserve.instance, endpoints=endpoints)


@pytest.fixture(scope="module")
def temporary(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The variable that gives all wrappers one folder for temporary files, as on one machine."""
    return {"TMPDIR": str(tmp_path_factory.mktemp("temporary"))}


@pytest.fixture(scope="module")
def subjects(
    instance: Instance, temporary: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[list[RunningWrapper]]:
    """A wrapper on each SDK, with several processes."""
    with contextlib.ExitStack() as stack:
        yield [
            stack.enter_context(
                wrapper(
                    release,
                    instance,
                    tmp_path_factory.mktemp("wrapper"),
                    flags="--workers 2",
                    more=temporary,
                )
            )
            for release in RELEASES
        ]


def _status(subject: RunningWrapper, path: str = "/v2/health/ready") -> int:
    # A new connection each time, which any of its processes may take.
    return requests.get(subject.url + path, timeout=30).status_code


def _each(subjects: list[RunningWrapper], status: int, path: str = "/v2/health/ready") -> bool:
    """Tell whether one process of each wrapper says so."""
    return all(_status(subject, path) == status for subject in subjects)


def _told(subjects: list[RunningWrapper], path: str = "/v2/health/ready") -> set[int]:
    """Give what their processes say."""
    return {_status(subject, path) for subject in subjects for _ in range(ENOUGH)}


def _all_say(status: int, subjects: list[RunningWrapper], path: str) -> None:
    """See that all processes come to say the same, a moment after the first one."""
    seconds_until(lambda: _told(subjects, path) == {status}, 10, f"{status} by all of {path}")
    assert _told(subjects, path) == {status}


def _soonest(
    fault: Callable[[], AbstractContextManager[None]],
    is_seen: Callable[[], bool],
    is_over: Callable[[], bool],
    meanwhile: Callable[[], None] = lambda: None,
) -> tuple[float, float]:
    """Give the least seconds until a fault is seen, and until its end is.

    A second is what readiness.md promises of a machine that has time; other tests run beside.
    """
    seen, over = [], []
    for _ in range(TRIES):
        with fault():
            seen.append(seconds_until(is_seen, 10, "the fault being seen"))
            meanwhile()
        over.append(seconds_until(is_over, 10, "the end of the fault being seen"))
        if min(seen) < 1 and min(over) < 1:
            break
        time.sleep(1)
    return min(seen), min(over)


@contextlib.contextmanager
def _suspended(torchserve: ProcessTorchServe) -> Iterator[None]:
    java = _java(torchserve)
    java.suspend()
    try:
        yield
    finally:
        java.resume()


def _settle(subjects: list[RunningWrapper]) -> None:
    seconds_until(lambda: _told(subjects) == {200}, 60)


def _java(torchserve: ProcessTorchServe) -> psutil.Process:
    (found,) = [
        process
        for process in psutil.Process(_workers(torchserve, "digits")[0]).parents()
        if "java" in process.name()
    ]
    return found


def _workers(torchserve: ProcessTorchServe, model: str) -> list[int]:
    """Give the processes of a model's workers that are READY."""
    endpoints = torchserve.instance.endpoints
    url = f"http://{endpoints.host}:{endpoints.management}/models/{model}"
    with contextlib.suppress(requests.RequestException):
        listed = requests.get(url, timeout=10).json()
        if isinstance(listed, list):
            workers = [worker for version in listed for worker in version["workers"]]
            return [worker["pid"] for worker in workers if worker["status"] == "READY"]
    return []


def _written(torchserve: ProcessTorchServe) -> Counter[str]:
    """Count the lines of all its outputs: stdout, and each of its log files."""
    lines = torchserve.logs().splitlines()
    for file in sorted(torchserve.log_folder.rglob("*.log")):
        lines += file.read_text(errors="replace").splitlines()
    return Counter(line for line in lines if not any(own in line for own in OF_ITS_OWN))


def test_an_idle_torchserve_hardly_writes_a_line(
    subjects: list[RunningWrapper], torchserve: ProcessTorchServe
) -> None:
    # A change has everything looked at for a while, and nothing for two minutes after that.
    for verb in ("unload", "load"):
        _change(subjects[0], "echo", verb)
    _settle(subjects)
    time.sleep(4)
    before = _written(torchserve)
    time.sleep(IDLE)
    more = _written(torchserve) - before
    assert more.total() <= LINES, more


def test_the_worker_of_one_model_that_dies_is_seen_within_a_second(
    subjects: list[RunningWrapper], torchserve: ProcessTorchServe
) -> None:
    @contextlib.contextmanager
    def without_worker() -> Iterator[None]:
        (process,) = _workers(torchserve, "digits")
        psutil.Process(process).kill()
        yield
        seconds_until(lambda: bool(_workers(torchserve, "digits")), 60)

    def meanwhile() -> None:
        _all_say(503, subjects, "/v1/models/digits")
        _all_say(200, subjects, "/v1/models/echo")

    _settle(subjects)
    seen, over = _soonest(
        without_worker,
        lambda: _each(subjects, 503, "/v1/models/digits"),
        lambda: _each(subjects, 200),
        meanwhile,
    )
    assert (seen < 1, over < 1) == (True, True), (seen, over)


def test_a_torchserve_that_hangs_is_seen_within_a_second_for_all_models(
    subjects: list[RunningWrapper], torchserve: ProcessTorchServe
) -> None:
    def meanwhile() -> None:
        for model in MODELS:
            _all_say(503, subjects, f"/v1/models/{model}")
        for subject in subjects:
            # At once: TorchServe itself would never answer.
            url = f"{subject.url}/v1/models/digits:predict"
            assert requests.post(url, json={"instances": [1]}, timeout=10).status_code == 503

    _settle(subjects)
    seen, over = _soonest(
        lambda: _suspended(torchserve),
        lambda: _each(subjects, 503),
        lambda: _each(subjects, 200),
        meanwhile,
    )
    assert (seen < 1, over < 1) == (True, True), (seen, over)


def test_an_inference_port_that_takes_connections_and_answers_nothing_is_seen_within_a_second(
    subjects: list[RunningWrapper], halfway: Halfway
) -> None:
    @contextlib.contextmanager
    def silent() -> Iterator[None]:
        halfway.fall_silent()
        try:
            yield
        finally:
            halfway.speak()

    def meanwhile() -> None:
        for model in MODELS:
            _all_say(503, subjects, f"/v1/models/{model}")

    _settle(subjects)
    logged = [subject.log_size() for subject in subjects]
    seen, over = _soonest(
        silent, lambda: _each(subjects, 503), lambda: _each(subjects, 200), meanwhile
    )
    assert (seen < 1, over < 1) == (True, True), (seen, over)
    # By these words the matrix knows it, too.
    why = f"TorchServe's inference server at 127.0.0.1:{halfway.port} doesn't answer"
    for subject, size in zip(subjects, logged, strict=True):
        assert disturbance.silence(subject.log_from(size)) == why


def test_what_is_unloaded_is_known_to_all_processes_and_to_a_wrapper_that_is_started_again(
    subjects: list[RunningWrapper], instance: Instance, temporary: dict[str, str], tmp_path: Path
) -> None:
    _settle(subjects)
    first = subjects[0]
    _change(first, "echo", "unload")
    _all_say(404, subjects, "/v1/models/echo")
    assert _told(subjects) == {200}
    with wrapper(RELEASES[1], instance, tmp_path, wait=False, more=temporary) as again:
        seconds_until(lambda: _answers(again), 60)
        seconds_until(lambda: _status(again) == 200, 10)
        assert _status(again, "/v1/models/echo") == 404
        # Another one than that which unloaded it.
        _change(again, "echo", "load")
        seconds_until(lambda: _each([again, *subjects], 200, "/v1/models/echo"), 5)
    _all_say(200, subjects, "/v1/models/echo")


def test_a_torchserve_that_dies_is_seen_within_a_second_and_begins_anew(
    subjects: list[RunningWrapper], torchserve: ProcessTorchServe
) -> None:
    @contextlib.contextmanager
    def dead() -> Iterator[None]:
        torchserve.kill()
        yield
        torchserve.start_again()
        seconds_until(lambda: all(_workers(torchserve, model) for model in MODELS), 120)

    def meanwhile() -> None:
        for model in ("contract", "digits"):
            _all_say(503, subjects, f"/v1/models/{model}")

    _settle(subjects)
    _change(subjects[0], "echo", "unload")
    seen, over = _soonest(
        dead,
        lambda: _each(subjects, 503),
        # It has echo again, whoever unloaded that of its predecessor.
        lambda: _each(subjects, 200, "/v1/models/echo"),
        meanwhile,
    )
    assert (seen < 1, over < 1) == (True, True), (seen, over)
    _settle(subjects)


def test_a_torchserve_that_has_other_models_serves_those(
    subjects: list[RunningWrapper], torchserve: ProcessTorchServe
) -> None:
    left = ("digits", "echo")
    _settle(subjects)
    torchserve.kill()
    torchserve.start_again(left)
    seconds_until(lambda: all(_workers(torchserve, model) for model in left), 120)
    seconds_until(lambda: _each(subjects, 200, "/v1/models/echo"), 10)
    # It is waited for.
    assert _told(subjects) == {503}
    assert _told(subjects, "/v1/models/contract") == {503}
    for subject in subjects:
        url = f"{subject.url}/v1/models/contract:predict"
        assert requests.post(url, json={"instances": [1]}, timeout=10).status_code == 503
    query = "url=contract.mar&initial_workers=1&synchronous=true"
    url = f"{management(torchserve.instance)}/models?{query}"
    assert requests.post(url, timeout=120).status_code == 200
    _settle(subjects)


def _change(subject: RunningWrapper, model: str, verb: str) -> None:
    url = f"{subject.url}/v2/repository/models/{model}/{verb}"
    requests.post(url, timeout=120).raise_for_status()


def _answers(subject: RunningWrapper) -> bool:
    with contextlib.suppress(requests.ConnectionError):
        return _status(subject, "/v2/health/live") == 200
    return False


def test_the_oldest_torchserve_is_watched_in_silence_too(tmp_path: Path) -> None:
    with (
        torchserves.start(
            "process", release="0.5.3", envelope="kserve", models=[models.archive("digits")]
        ) as torchserve,
        wrapper(RELEASES[1], torchserve.instance, tmp_path) as subject,
    ):
        assert isinstance(torchserve, ProcessTorchServe)
        time.sleep(4)
        before = _written(torchserve)
        time.sleep(IDLE / 2)
        assert _written(torchserve) == before

        def is_ready() -> bool:
            return _status(subject) == 200

        def is_not_ready() -> bool:
            return _status(subject) == 503

        seen, over = _soonest(lambda: _suspended(torchserve), is_not_ready, is_ready)
        assert (seen < 1, over < 1) == (True, True), (seen, over)

        @contextlib.contextmanager
        def without_worker() -> Iterator[None]:
            (process,) = _workers(torchserve, "digits")
            psutil.Process(process).kill()
            yield
            seconds_until(is_ready, 60)

        for _ in range(2):
            seen, _over = _soonest(without_worker, is_not_ready, is_ready)
            assert seen < 1
