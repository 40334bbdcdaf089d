"""A forked start equals an exact one, on every SDK of the default profile."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import shutil
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from matrix.environments import preload, provision
from matrix.planning import axes
from matrix.planning.subject import base_environment
from matrix.running import forks, launch, pod_files
from matrix.running.forks import CantFork, ForkServerLost, ForkServers
from tests import processes

pytestmark = pytest.mark.integration

# One SDK is enough for what doesn't depend on it.
RELEASE = "0.21.0"
_SUBJECT = Path(__file__).with_name("told_start.py")

Start = Callable[..., forks.Process]


@pytest.fixture(scope="module")
def servers() -> Iterator[ForkServers]:
    shared = processes.of_sdks()
    with contextlib.ExitStack() as stack:
        yield shared or stack.enter_context(_made())


@contextlib.contextmanager
def _made() -> Iterator[ForkServers]:
    # pytest's own folders have names that are too long for sockets.
    with tempfile.TemporaryDirectory(prefix="forks-") as folder:
        made = ForkServers.make(Path(folder, "forks"), "kserve", base_environment())
        with contextlib.closing(made):
            yield made


def _start(start: Start, folder: Path, release: str, *words: str, **more: str) -> forks.Process:
    shutil.copy(_SUBJECT, folder)
    environment = {**base_environment(), "PROTOCOL_VERSION": "v1", **more}
    argv = [str(provision.provision(release).python), "-m", *words]
    with (folder / "log").open("wb") as log:
        return start(argv, environment, folder, log.fileno(), log.fileno())


def _ended(start: Start, folder: Path, release: str, *words: str, **more: str) -> tuple[int, str]:
    """Run a module to its end; give its exit code and what it wrote."""
    exit_code = _start(start, folder, release, *words, **more).wait()
    return exit_code, (folder / "log").read_text()


@pytest.mark.parametrize("release", axes.load().profile("default"))
def test_a_forked_start_equals_an_exact_one(
    servers: ForkServers, release: str, tmp_path: Path
) -> None:
    told = []
    for start in (launch.start_group, servers.start):
        # Wrappers read what only looks like gRPC's own.
        more = {"MORE": "of it", "GRPC_REFLECTION": "true"}
        ended = _ended(start, tmp_path, release, "told_start", "return", "--flag", **more)
        assert ended[0] == 0, ended
        told.append({"log": ended[1], **json.loads((tmp_path / "told.json").read_text())})
    exact, forked = told
    assert forked == exact


@pytest.mark.parametrize("end", ["exit", "text", "raise", "interrupt", "kill"])
def test_it_ends_as_an_exact_one_does(servers: ForkServers, end: str, tmp_path: Path) -> None:
    exact, forked = (
        _ended(start, tmp_path, RELEASE, "told_start", end)
        for start in (launch.start_group, servers.start)
    )
    assert forked == exact


def test_a_refusal_is_told_as_by_an_exact_one(servers: ForkServers, tmp_path: Path) -> None:
    log = tmp_path / "termination-log"
    refused = []
    for start in (launch.start_group, servers.start):
        variables = {"PROTOCOL_VERSION": "v3", "TERMINATION_LOG_PATH": str(log)}
        ended = _ended(start, tmp_path, RELEASE, "wrapper", **variables)
        refused.append((*ended, log.read_text()))
        log.unlink()
    exact, forked = refused
    assert forked == exact
    assert exact[0] == 2


@pytest.mark.skipif(pod_files.only_where_named() is not None, reason="the kernel doesn't let it")
def test_it_finds_what_an_exact_one_finds_at_the_paths_of_a_pod(
    servers: ForkServers, tmp_path: Path
) -> None:
    models = tmp_path / "models"
    models.mkdir()
    (models / "config").write_text("of this cell")
    found = []
    for start in (launch.start_group, servers.start):
        at_pods = functools.partial(start, pod_models=models)
        assert _ended(at_pods, tmp_path, RELEASE, "told_start", "return")[0] == 0
        found.append(json.loads((tmp_path / "told.json").read_text()))
    exact, forked = found
    assert forked == exact
    assert exact["models"] == "of this cell"


def test_it_is_told_to_stop_alone(servers: ForkServers, tmp_path: Path) -> None:
    started = _start(servers.start, tmp_path, RELEASE, "told_start", "sleep")
    assert started.poll() is None
    assert os.getpgid(started.pid) == started.pid
    started.terminate()
    assert started.wait() == -signal.SIGTERM
    assert started.poll() == -signal.SIGTERM


def test_one_whose_starter_has_gone_is_killed(servers: ForkServers, tmp_path: Path) -> None:
    started = _start(servers.start, tmp_path, RELEASE, "told_start", "sleep")
    pid = started.pid
    del started
    _until(lambda: not psutil.pid_exists(pid))


def test_servers_end_with_their_folder(tmp_path: Path) -> None:
    with _made() as made:
        started = _start(made.start, tmp_path, RELEASE, "told_start", "sleep")
        server = psutil.Process(started.pid).parent()
        assert server is not None
    _until(lambda: not server.is_running() or server.status() == psutil.STATUS_ZOMBIE)
    assert started.wait() == -signal.SIGKILL


def test_with_a_server_that_is_killed_goes_what_it_started(tmp_path: Path) -> None:
    with _made() as made:
        started = _start(made.start, tmp_path, RELEASE, "told_start", "sleep")
        server = psutil.Process(started.pid).parent()
        assert server is not None
        server.kill()
        with pytest.raises(ForkServerLost, match=f"of process {started.pid} has ended"):
            started.wait()
        _until(lambda: not psutil.pid_exists(started.pid))
        launch.end_group(started)
        with pytest.raises(CantFork, match="doesn't answer"):
            _start(made.start, tmp_path, RELEASE, "told_start", "return")


def test_streams_are_opened_as_the_interpreter_does(servers: ForkServers, tmp_path: Path) -> None:
    """A pipe can't be sought in, unlike the file that the server writes to."""
    told = []
    for start in (launch.start_group, servers.start):
        read, write = os.pipe()
        shutil.copy(_SUBJECT, tmp_path)
        argv = [str(provision.provision(RELEASE).python), "-m", "told_start", "text"]
        started = start(argv, base_environment(), tmp_path, write, write)
        os.close(write)
        with os.fdopen(read) as written:
            told.append((started.wait(), written.read()))
    exact, forked = told
    assert forked == exact


def test_the_subject_is_read_and_never_run_to_know_its_imports(tmp_path: Path) -> None:
    package = tmp_path / "a_subject"
    package.mkdir()
    (package / "__init__.py").write_text("raise SystemExit('it was run')\n")
    (package / "deploy.py").write_text("import tabnanny, not_there\nopen('deployed', 'w')\n")
    environment = {**base_environment(), "PYTHONPATH": str(tmp_path)}
    python = provision.provision(RELEASE).python
    listed = preload.modules(python, "kserve", "a_subject", environment)
    assert {"tabnanny", "fastapi", "grpc"} <= set(listed)
    assert not [each for each in listed if each.startswith(("kserve", "a_subject"))]
    assert not list(tmp_path.rglob("deployed"))


def test_what_to_preload_is_asked_for_again_only_where_imports_change(tmp_path: Path) -> None:
    subject = tmp_path / "a_subject.py"
    environment = {**base_environment(), "PYTHONPATH": str(tmp_path)}
    asked = tmp_path / "python.log"
    python = tmp_path / "python"
    real = provision.provision(RELEASE).python
    python.write_text(f'#!/bin/sh\necho asked >>{asked}\nexec {real} "$@"\n')
    python.chmod(0o755)

    def listed(body: str) -> list[str]:
        subject.write_text(body)
        return preload.modules(python, "kserve", "a_subject", environment)

    first = listed("import tabnanny\n")
    assert listed("import tabnanny\n\nVERBOSE = tabnanny.verbose\n") == first
    assert asked.read_text().count("asked") == 1
    assert "tabnanny" in first
    assert "tabnanny" not in listed("import pyclbr\n")
    assert asked.read_text().count("asked") == 2


@pytest.mark.parametrize(
    ("words", "variables", "why"),
    [
        (["script.py"], {}, "only PYTHON -m MODULE can be forked"),
        (["-m", "wrapper"], {"PYTHONHASHSEED": "1"}, "its interpreter's environment is another"),
        (["-m", "wrapper"], {"LANG": "tlh"}, "its interpreter's environment is another"),
        (["-m", "wrapper"], {"GRPC_TRACE": "api"}, "its interpreter's environment is another"),
    ],
)
def test_what_cant_be_forked_is_told(
    servers: ForkServers, words: list[str], variables: dict[str, str], why: str
) -> None:
    with pytest.raises(CantFork, match=f"^{why}$"):
        servers.start(["python", *words], {**base_environment(), **variables}, None, 1, 2)


def test_a_server_that_doesnt_start_is_told_and_not_tried_again(tmp_path: Path) -> None:
    broken = tmp_path / "python"
    broken.write_text("#!/bin/sh\necho tried >>$0.log; echo no such interpreter; exit 1\n")
    broken.chmod(0o755)
    with _made() as made:
        for _ in range(2):
            with pytest.raises(CantFork, match="didn't start: no such interpreter"):
                made.start([str(broken), "-m", "wrapper"], base_environment(), None, 1, 2)
    # Once to know its imports, once for the server.
    assert (tmp_path / "python.log").read_text().count("tried") == 2
    with _made() as made, pytest.raises(CantFork, match=r"didn't start: .*No such file"):
        made.start(["no-python", "-m", "wrapper"], base_environment(), None, 1, 2)


def _until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)
