"""With one port for both of TorchServe's REST servers gRPC tells a model's versions.

Stand-ins: TorchServe always has its gRPC server. What it answers itself is in test_versions.py.
"""

from __future__ import annotations

import dataclasses
import json
import logging
import os
import pickle
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import grpc
import pytest
import requests

from fixtures.torchserve import Endpoints
from matrix.running.timing import seconds_until
from tests.wrapper import running
from tests.wrapper.surroundings import settings
from tests.wrapper.torchserve.grpc_standin import GrpcStandin, standing_in_by_grpc
from tests.wrapper.torchserve.standin import Standin, description
from wrapper import forking
from wrapper.address import Address
from wrapper.names import Target
from wrapper.settings import Settings
from wrapper.torchserve import shared_port
from wrapper.torchserve.management import Management
from wrapper.torchserve.management_api import ManagementApi
from wrapper.torchserve.management_errors import ManagementError
from wrapper.torchserve.shared_port import SharedPort
from wrapper.torchserve.tokens import Keys

# Seconds, many times what it takes.
WITHIN = 30
MODEL = "digits"
VERSIONS = [description("1.0", "READY"), description("2.0", "READY"), description("10")]
OTHERS = {"1.0": None, "10": "it has no worker"}
UNAVAILABLE = (grpc.StatusCode.UNAVAILABLE, "")


def _tells(*states: str, version: str = "2.0") -> str:
    return json.dumps([description(version, *states)])


@pytest.fixture(autouse=True)
def rest(standin: Standin) -> Standin:
    """The REST servers: they know a model's default version, and 404 for all names below it."""
    standin.body = _tells("READY")
    standin.answers = lambda path, _: (
        (standin.status, standin.body) if path.count("/") == 2 else (404, "{}")
    )
    return standin


@pytest.fixture
def by_grpc() -> GrpcStandin:
    """What tells three versions."""
    standin = GrpcStandin()
    standin.versions = [*VERSIONS]
    return standin


@pytest.fixture
def port(by_grpc: GrpcStandin) -> Iterator[int]:
    """The port at which it does."""
    with standing_in_by_grpc(by_grpc) as port:
        yield port


def _settings(folder: Path, rest: Standin, port: int, **environment: str) -> Settings:
    shared = f"inference_address=http://127.0.0.1:{rest.server_port}\ngrpc_management_port={port}"
    return settings(folder, rest.server_port, shared, **environment)


def _looks_until(management: Management, condition: Callable[[], bool]) -> None:
    """Ask as readiness does until a condition holds."""

    def holds() -> bool:
        management.why_no_worker(MODEL)
        return condition()

    seconds_until(holds, WITHIN)


def _closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def test_rest_decides_whether_a_model_is_ready_and_grpc_tells_the_others(
    rest: Standin, by_grpc: GrpcStandin, port: int, tmp_path: Path
) -> None:
    by_grpc.delay = 0.5
    management = Management(_settings(tmp_path, rest, port), Keys(None))
    began = time.monotonic()
    assert management.why_no_worker(MODEL) is None
    assert time.monotonic() - began < 0.5, "gRPC was waited for"
    assert management.versions_last_seen(MODEL) == {"2.0": None}
    # Those that nobody has told yet are not said to be missing.
    assert management.has_more_to_tell(MODEL)
    assert not management.has_seen_all_versions(MODEL)
    _looks_until(management, lambda: management.has_seen_all_versions(MODEL))
    assert list(management.versions_last_seen(MODEL).items()) == [("2.0", None), *OTHERS.items()]
    described = management.last_described(MODEL) or ()
    assert [state for each in described for state in each.workers] == ["READY", "READY"]
    assert not management.has_more_to_tell(MODEL)
    rest.body = _tells("UNLOADING")
    assert management.why_no_worker(MODEL) == "none of its 1 workers is READY"
    assert management.versions_last_seen(MODEL)["1.0"] is None


class _Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_grpc_is_asked_now_and_then_and_at_once_when_the_default_version_changes(
    rest: Standin, by_grpc: GrpcStandin, port: int, tmp_path: Path
) -> None:
    clock = _Clock()
    api = ManagementApi(_settings(tmp_path, rest, port), Keys(None))
    shared = SharedPort(api, False, Address("127.0.0.1", port), clock)

    def questions_of_many_looks(at_least: int) -> int:
        def is_asked() -> bool:
            shared.look(MODEL)
            return len(by_grpc.asked) >= at_least

        by_grpc.asked.clear()
        seconds_until(is_asked, WITHIN)
        for _ in range(10):
            shared.look(MODEL)
            time.sleep(0.01)
        return len(by_grpc.asked)

    assert questions_of_many_looks(1) == 1
    clock.now += 2.9
    assert questions_of_many_looks(0) == 0
    clock.now += 0.2
    assert questions_of_many_looks(1) == 1
    for body in (_tells("UNLOADING"), _tells("READY"), _tells("READY", version="1.0")):
        rest.body = body
        assert questions_of_many_looks(1) == 1
    rest.status = 500
    with pytest.raises(ManagementError):
        shared.look(MODEL)
    rest.status = 200
    assert questions_of_many_looks(1) == 1


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask again, and give up, within fractions of a second."""
    monkeypatch.setattr(shared_port, "_ASK_AGAIN_AFTER", 0.2)
    monkeypatch.setattr(shared_port, "_GIVE_UP_AFTER", 1.0)


def _is_settled(management: Management) -> Callable[[], bool]:
    return lambda: management.has_seen_all_versions(MODEL)


def test_where_nobody_answers_by_grpc_the_default_version_is_all_there_is(
    rest: Standin,
    by_grpc: GrpcStandin,
    tmp_path: Path,
    hurried: None,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "wrapper")
    port = _closed_port()
    management = Management(_settings(tmp_path, rest, port), Keys(None))
    _looks_until(management, _is_settled(management))
    for _ in range(20):
        assert management.why_no_worker(MODEL) is None
    assert management.versions_last_seen(MODEL) == {"2.0": None}
    assert [each.version for each in management.describe(MODEL)] == ["2.0"]
    management.unregister(Target(MODEL, "2.0"))
    assert rest.paths[-1] == "/models/digits"
    (said,) = caplog.messages
    assert f"over gRPC alone, at 127.0.0.1:{port}" in said
    assert "UNAVAILABLE" in said
    with standing_in_by_grpc(by_grpc, port):
        _looks_until(management, lambda: len(management.versions_last_seen(MODEL)) == 3)
    assert len(caplog.messages) == 2


def test_grpc_may_begin_later_than_rest(
    rest: Standin, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    clock = _Clock()
    port = _closed_port()
    known = _settings(tmp_path, rest, port, MODEL_LOAD_TIMEOUT="0.5")
    shared = SharedPort(ManagementApi(known, Keys(None)), False, Address("127.0.0.1", port), clock)

    def are_all_after(seconds: float) -> bool:
        clock.now += seconds
        looks = []
        for _ in range(10):
            looks.append(shared.look(MODEL).are_all)
            time.sleep(0.02)
        return looks[-1]

    assert [are_all_after(seconds) for seconds in (0, 4, 4)] == [False] * 3
    # As when TorchServe is started anew.
    rest.silent_connections = {*range(100)}
    with pytest.raises(ManagementError):
        shared.look(MODEL)
    rest.silent_connections = set()
    assert [are_all_after(seconds) for seconds in (4, 4)] == [False] * 2
    assert caplog.messages == []
    clock.now += 10
    seconds_until(lambda: shared.look(MODEL).are_all, WITHIN)
    assert len(caplog.messages) == 1


def test_a_port_that_is_silent_costs_no_time(rest: Standin, tmp_path: Path, hurried: None) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        known = _settings(tmp_path, rest, port, MODEL_LOAD_TIMEOUT="1")
        management = Management(known, Keys(None))
        began = time.monotonic()
        for _ in range(10):
            assert management.why_no_worker(MODEL) is None
        assert time.monotonic() - began < 1
        assert not management.has_seen_all_versions(MODEL)
        _looks_until(management, _is_settled(management))
        assert management.versions_last_seen(MODEL) == {"2.0": None}


def test_versions_stay_and_are_not_ready_while_nobody_answers_by_grpc(
    rest: Standin, by_grpc: GrpcStandin, port: int, tmp_path: Path, hurried: None
) -> None:
    management = Management(_settings(tmp_path, rest, port), Keys(None))
    _looks_until(management, _is_settled(management))
    by_grpc.fails = UNAVAILABLE
    _looks_until(management, lambda: management.versions_last_seen(MODEL)["1.0"] is not None)
    why = "TorchServe doesn't answer over gRPC (UNAVAILABLE)"
    assert management.versions_last_seen(MODEL) == {"2.0": None, "1.0": why, "10": why}
    by_grpc.fails = None
    _looks_until(management, lambda: management.versions_last_seen(MODEL)["1.0"] is None)


def test_versions_go_with_their_model(
    rest: Standin, by_grpc: GrpcStandin, port: int, tmp_path: Path
) -> None:
    management = Management(_settings(tmp_path, rest, port), Keys(None))
    _looks_until(management, _is_settled(management))
    by_grpc.versions, rest.status = [], 404
    management.why_no_worker(MODEL)
    assert management.versions_last_seen(MODEL) == {}
    by_grpc.versions, rest.status = [*VERSIONS[:2]], 200
    assert management.why_no_worker(MODEL) is None
    assert not management.has_seen_all_versions(MODEL)
    _looks_until(management, _is_settled(management))
    assert list(management.versions_last_seen(MODEL)) == ["2.0", "1.0"]


def test_what_the_wrapper_changes_it_knows_at_once(
    rest: Standin, by_grpc: GrpcStandin, port: int, tmp_path: Path
) -> None:
    management = Management(_settings(tmp_path, rest, port), Keys(None))
    _looks_until(management, _is_settled(management))
    management.unregister(Target(MODEL, "10"))
    assert ("UnregisterModel", "10") in by_grpc.asked
    by_grpc.versions.append(description("11"))
    rest.answers = lambda *_: (200, rest.body)
    management.register(MODEL, "11.mar", 0)
    # By REST, since gRPC takes no workers for as many as TorchServe's configuration says.
    assert "initial_workers=0" in rest.paths[-1]
    management.why_no_worker(MODEL)
    assert list(management.versions_last_seen(MODEL)) == ["2.0", "1.0", "11"]


@pytest.mark.parametrize(
    ("code", "details", "status", "said"),
    [
        ("PERMISSION_DENIED", "Model API disabled\norg.pytorch.serve.A", 405, "Model API disabled"),
        ("PERMISSION_DENIED", "Token Authorization failed.", None, "TorchServe refuses the"),
        ("NOT_FOUND", "Model version: 1.0 does not exist\norg.x.A", 404, "Model version: 1.0 does"),
        # What it says of a default version before the others, and of a worker that has just died.
        ("UNKNOWN", "", 500, "TorchServe answers UNKNOWN over gRPC"),
    ],
)
def test_a_refusal_by_grpc_has_the_status_that_rest_has_for_it(
    rest: Standin,
    by_grpc: GrpcStandin,
    port: int,
    tmp_path: Path,
    code: str,
    details: str,
    status: int | None,
    said: str,
) -> None:
    management = Management(_settings(tmp_path, rest, port), Keys(None))
    _looks_until(management, _is_settled(management))
    by_grpc.fails = grpc.StatusCode[code], details
    with pytest.raises(ManagementError, match=said) as refused:
        management.unregister(Target(MODEL, "1.0"))
    assert refused.value.status == status


def test_with_tokens_everything_is_asked_by_grpc(
    rest: Standin, by_grpc: GrpcStandin, port: int, tmp_path: Path
) -> None:
    keys = tmp_path / "key_file.json"
    keys.write_text(json.dumps({"management": {"key": "man"}}))
    refusal = {"code": 400, "type": "Exception", "message": "Token Authorization failed."}
    rest.answers = lambda *_: (400, json.dumps(refusal))
    management = Management(_settings(tmp_path, rest, port), Keys(keys))
    _looks_until(management, _is_settled(management))
    management.register(MODEL, "3.0.mar", 1)
    management.unregister(Target(MODEL, "1.0"))
    assert {("RegisterModel", "3.0.mar"), ("UnregisterModel", "1.0")} <= {*by_grpc.asked}
    assert set(by_grpc.authorizations) == {"Bearer man"}


def test_a_process_that_is_about_to_fork_leaves_grpc_to_those_that_it_forks(
    rest: Standin,
    by_grpc: GrpcStandin,
    port: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    management = Management(_settings(tmp_path, rest, port), Keys(None))
    parent = os.getpid()
    with monkeypatch.context() as in_parent:
        in_parent.setattr(forking, "_before_a_fork", set())
        forking.is_ahead()
        for _ in range(20):
            assert management.why_no_worker(MODEL) is None
        assert by_grpc.asked == []
        # As in a child after a fork.
        with monkeypatch.context() as in_child:
            in_child.setattr(os, "getpid", lambda: parent + 1)
            _looks_until(management, _is_settled(management))
        by_grpc.asked.clear()
        management.why_no_worker(MODEL)
        assert by_grpc.asked == []
    _looks_until(management, lambda: bool(by_grpc.asked))


def test_a_process_that_is_spawned_asks_for_itself(
    rest: Standin, by_grpc: GrpcStandin, port: int, tmp_path: Path
) -> None:
    by_grpc.delay = 0.3
    management = Management(_settings(tmp_path, rest, port), Keys(None))
    management.why_no_worker(MODEL)
    spawned = pickle.loads(pickle.dumps(management))
    _looks_until(spawned, _is_settled(spawned))
    assert len(spawned.versions_last_seen(MODEL)) == 3


@pytest.mark.integration
@pytest.mark.parametrize("release", ["0.9.0", "0.12.1"])
def test_processes_that_an_sdk_forks_know_the_versions(
    release: str, rest: Standin, by_grpc: GrpcStandin, port: int, tmp_path: Path
) -> None:
    # Longer than the SDK takes to fork them: a question on its way then, they would wait for ever.
    by_grpc.delay = 2.0
    own = Endpoints("127.0.0.1", rest.server_port, rest.server_port, 9, 9, port)
    instance = dataclasses.replace(running.NOBODY, endpoints=own, models=(MODEL,))
    with running.wrapper(release, instance, tmp_path, flags="--workers 2", wait=False) as subject:
        url = f"{subject.url}/v2/models/{MODEL}/versions/1.0/ready"

        def are_ready() -> bool:
            # On connections of their own, each of which may be another process's.
            answers = [requests.get(url, timeout=30).ok for _ in range(16)]
            return all(answers)

        seconds_until(lambda: running.is_alive(subject.url), 60)
        seconds_until(are_ready, WITHIN)
