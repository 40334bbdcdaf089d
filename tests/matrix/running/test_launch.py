"""Starting and ending a wrapper: what it is told, how it ends, and that nothing stays behind."""

from __future__ import annotations

import contextlib
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from kserve_conformance.results.verdict import SubjectFailed

from fixtures.torchserve import Endpoints
from matrix.planning.subject import REPOSITORY, Subject
from matrix.running import launch, ports, refusal
from matrix.running.launch import RunningWrapper, Situation
from matrix.running.ports import PortError
from matrix.running.quiet import Quiet
from matrix.running.timing import seconds_until

TINY = Path(__file__).with_name("tiny_wrapper.py")
PYTHON = Path(sys.executable)


def situation(folder: Path, protocol_version: str | None = "v1") -> Situation:
    nowhere = Endpoints("127.0.0.1", 9, 9, 9, 9, 9)
    return Situation(
        protocol_version, "kserve", nowhere, ("a", "b"), folder / "cell", {"MARK": str(folder)}
    )


def marked(folder: Path) -> list[psutil.Process]:
    """List the processes that the wrappers of a test have left."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.environ().get("MARK") == str(folder):
                found.append(process)
    return found


def script(folder: Path, text: str) -> Subject:
    """Make a wrapper out of a few lines."""
    file = folder / "script.py"
    file.write_text(text)
    return Subject("script", f"{{python}} {file}", None)


def test_a_wrapper_is_told_what_a_pod_tells(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("PROTOCOL_VERSION", "TS_CONFIG_FILE", "PYTHONSTARTUP", "MODEL_LOAD_MAX_TRY"):
        monkeypatch.setenv(name, "leak")
    environment = situation(tmp_path, None).environment()
    assert "leak" not in environment.values()
    assert "PROTOCOL_VERSION" not in environment
    assert situation(tmp_path, "").environment()["PROTOCOL_VERSION"] == ""
    assert environment["TS_SERVICE_ENVELOPE"] == "kserve"
    assert environment["MARK"] == str(tmp_path)
    config = Path(environment["CONFIG_PATH"]).read_text()
    assert "inference_address=http://127.0.0.1:9\n" in config
    assert '"a": {"1.0": ' in config


@pytest.mark.parametrize(
    ("end", "by"),
    [(RunningWrapper.stop, signal.SIGTERM), (RunningWrapper.kill, signal.SIGKILL)],
    ids=["stop", "kill"],
)
def test_a_wrapper_starts_and_ends(
    end: Callable[[RunningWrapper], None], by: signal.Signals, tmp_path: Path
) -> None:
    wrapper = launch.start(
        Subject("tiny", f"{{python}} {TINY}", None), PYTHON, situation(tmp_path), ("a", "b")
    )
    assert ports.is_open(wrapper.http_port)
    assert wrapper.exit_code() is None
    end(wrapper)
    assert not ports.is_open(wrapper.http_port)
    assert wrapper.exit_code() == -by


def test_a_wrapper_that_ends_is_told_with_its_log(tmp_path: Path) -> None:
    subject = script(tmp_path, "import sys; sys.exit('no such model')")
    with pytest.raises(SubjectFailed, match="exit code 1 before it was ready: no such model\n"):
        launch.start(subject, PYTHON, situation(tmp_path), ("a",))


def test_a_wrapper_that_is_never_ready_is_told_and_ended(tmp_path: Path) -> None:
    subject = script(tmp_path, "import time; print('waiting', flush=True); time.sleep(600)")
    with pytest.raises(SubjectFailed, match="didn't call a ready within 1 s: waiting\n"):
        launch.start(subject, PYTHON, situation(tmp_path), ("a",), timeout=1)
    assert marked(tmp_path) == []


STUBBORN = """
import signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
code = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"
child = subprocess.Popen([sys.executable, "-c", code])
print(child.pid, flush=True)
if "LEADER_ENDS":
    sys.exit(0)
time.sleep(600)
"""


def has_ended(pid: int) -> bool:
    """Tell whether a process has ended; a zombie has, whoever has yet to notice."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


@pytest.mark.parametrize("leader_ends", [True, False])
def test_the_whole_group_is_ended(leader_ends: bool, tmp_path: Path) -> None:
    text = STUBBORN if leader_ends else STUBBORN.replace("LEADER_ENDS", "")
    subject = script(tmp_path, text)
    around = situation(tmp_path)
    with launch.situation_log(around) as log:
        process = launch.spawn(subject, subject.argv(PYTHON, 1, 2), around, log, log)
    while not (told := around.log.read_text().strip()):
        time.sleep(0.02)
    launch.end_group(process)
    # A machine may be so busy that what was killed has yet to come to its end.
    seconds_until(lambda: has_ended(int(told)), 60)
    assert [each for each in marked(tmp_path) if not has_ended(each.pid)] == []


def test_a_port_that_is_held_is_not_free() -> None:
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]
        assert not ports.is_free(port)
        with pytest.raises(PortError, match=f"port {port} is still held"):
            ports.wait_free((port,), seconds=0.1)
    assert ports.is_free(port)


def test_ports_are_given_out_once() -> None:
    assert len({*ports.free(2), *ports.free(2)}) == 4


def test_two_processes_are_never_given_the_same_port() -> None:
    code = "from matrix.running import ports; print(*ports.free(2), flush=True); input()"
    command = [sys.executable, "-c", code]
    both = [
        subprocess.Popen(
            command, cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    told = [process.stdout.readline().split() for process in both if process.stdout]
    for process in both:
        process.communicate("\n")
    blocks = {(int(port) - 21000) // 50 for ports_of_one in told for port in ports_of_one}
    assert len(blocks) == 2


def test_a_refusal_is_observed(tmp_path: Path) -> None:
    subject = Subject("tiny", f"{{python}} {TINY} --exit-code 7", None)
    seen = refusal.observe(subject, PYTHON, situation(tmp_path, "v3"), Quiet(tmp_path))
    line = "PROTOCOL_VERSION='v3' is not supported: use v1, v2 or grpc-v2 (unset means v1)\n"
    assert (seen.exit_code, seen.stdout, seen.stderr) == (7, "", line)
    assert seen.termination_log == line
    assert seen.opened_ports == ()
    assert seen.took is not None
    assert seen.took.best > 0


def test_a_wrapper_that_serves_instead_of_refusing_is_ended(tmp_path: Path) -> None:
    subject = Subject("tiny", f"{{python}} {TINY}", None)
    seen = refusal.observe(subject, PYTHON, situation(tmp_path, "v1"), Quiet(tmp_path))
    assert seen.exit_code is None
    assert seen.opened_ports == ("http",)
    assert seen.took is None
