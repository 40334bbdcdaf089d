"""The pod with cheap programs in the place of TorchServe and the wrapper; see `test_for_real`."""

from __future__ import annotations

import array
import fcntl
import os
import signal
import termios
import time
from pathlib import Path

import psutil
import pytest

from tests.wrapper.pod.running import ATTEMPTS, WITHIN, RunningPod, stand_in_pod

# Of a pipe with less room than that nothing may be left for a line.
PAGE = 4096

SERVES = """
import signal, sys, time
print(NAME, "serves", flush=True)
while True:
    time.sleep(60)
"""
# It answers what is in flight before it ends. The signal may come while `print` is still at work,
# which can't be called again then.
DRAINS = """
import os, signal, sys, time
def drain(*_):
    os.write(1, f"{NAME} is told\\n".encode())
    time.sleep(0.3)
    os.write(1, f"{NAME} has drained\\n".encode())
    sys.exit(0)
signal.signal(signal.SIGTERM, drain)
print(NAME, "serves", flush=True)
while True:
    time.sleep(60)
"""
IGNORES = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print(NAME, "serves", flush=True)
while True:
    time.sleep(60)
"""


def torchserve(text: str) -> str:
    """Give the text of a program that stands in for TorchServe."""
    return f"NAME = 'torchserve'\n{text}"


def wrapper(text: str) -> str:
    """Give the text of a program that stands in for the wrapper."""
    return f"NAME = 'wrapper'\n{text}"


def wait_for_both(pod: RunningPod) -> None:
    """Wait until both serve."""
    pod.wait_for(lambda: "torchserve serves" in pod.log and "wrapper serves" in pod.log)


@pytest.mark.parametrize("name", ["torchserve", "wrapper"])
def test_ten_of_ten_kills_end_it(name: str, tmp_path: Path) -> None:
    for number in range(10):
        attempts = (tmp_path / f"{number}-{attempt}" for attempt in range(ATTEMPTS))
        assert any(_seconds_to_end(name, folder) < WITHIN for folder in attempts)


def _seconds_to_end(name: str, folder: Path) -> float:
    """Kill one of the two, and give how long it took until the container had ended as it should."""
    program = {"torchserve": "server.py", "wrapper": "-m wrapper"}[name]
    other = {"torchserve": "wrapper", "wrapper": "torchserve"}[name]
    folder.mkdir()
    with stand_in_pod(folder, torchserve(SERVES), wrapper(DRAINS)) as pod:
        wait_for_both(pod)
        everyone = pod.processes()
        (victim,) = pod.processes(program)
        victim.kill()
        killed = time.monotonic()
        assert pod.process.wait(60) == 128 + signal.SIGKILL
        took = time.monotonic() - killed
        assert f"{name} was ended by SIGKILL" in pod.log
        assert f"{other} is ended, too" in pod.log
        message = pod.termination_message.splitlines()
        assert message[0].startswith(
            f"the container ends with exit code 137, since {name} was ended by SIGKILL"
        )
        assert message[1] == f"{name} serves"
        assert psutil.wait_procs(everyone, 30)[1] == []
    return took


@pytest.mark.parametrize(
    ("text", "code", "said"),
    [
        ("import sys; print('no port', flush=True); sys.exit(7)", 7, "by itself with exit code 7"),
        ("print('no port', flush=True)", 1, "by itself with exit code 0"),
        ("import os; print('no port', flush=True); os.kill(os.getpid(), 15)", 143, "by SIGTERM"),
    ],
)
@pytest.mark.parametrize("name", ["torchserve", "wrapper"])
def test_its_exit_code_is_that_of_who_ended(
    name: str, text: str, code: int, said: str, tmp_path: Path
) -> None:
    programs = {"torchserve": torchserve(SERVES), "wrapper": wrapper(SERVES), name: text}
    with stand_in_pod(tmp_path, programs["torchserve"], programs["wrapper"]) as pod:
        assert pod.process.wait(60) == code
        line, last = pod.termination_message.splitlines()
        assert line.startswith(f"the container ends with exit code {code}, since {name} ")
        assert said in line
        assert last == "no port"
        assert f"{line}. Its last lines:\npod        |   {name}: no port\n" in pod.log


@pytest.mark.parametrize(
    ("launcher", "code"), [("import sys; sys.exit('no java')", 1), ("print('no java')", 1)]
)
def test_a_torchserve_that_does_not_start_is_told(launcher: str, code: int, tmp_path: Path) -> None:
    with stand_in_pod(tmp_path, "", wrapper(SERVES), launcher=launcher) as pod:
        assert pod.process.wait(60) == code
        assert "since torchserve did not start" in pod.termination_message
        assert pod.termination_message.endswith("\nno java\n")


def test_a_server_that_ends_before_its_launcher_is_seen(tmp_path: Path) -> None:
    # The launcher doesn't wait for it, so both come to be reaped at the same time.
    launcher = (
        "import subprocess, sys, time\n"
        "subprocess.Popen([sys.executable, '-c', 'raise SystemExit(9)'])\n"
        "time.sleep(1)\n"
    )
    with stand_in_pod(tmp_path, "", wrapper(SERVES), launcher=launcher) as pod:
        assert pod.process.wait(60) == 9


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_drains_the_wrapper_first(number: signal.Signals, tmp_path: Path) -> None:
    with stand_in_pod(tmp_path, torchserve(DRAINS), wrapper(DRAINS)) as pod:
        wait_for_both(pod)
        pod.process.send_signal(number)
        assert pod.process.wait(60) == 0
        said = [line.partition("| ")[2] for line in pod.log.splitlines()]
        # What the pod itself says is written beside what the two say.
        (begun,) = (line for line in said if line.startswith(f"{number.name}: the wrapper answers"))
        assert said.index(begun) < said.index("torchserve is told")
        said.remove(begun)
        assert said[2:] == [
            "wrapper is told",
            "wrapper has drained",
            "torchserve is told",
            "torchserve has drained",
            "both have ended",
        ]
        assert not (tmp_path / "termination-log").exists()


def test_those_who_do_not_drain_are_ended(tmp_path: Path) -> None:
    more = {"SHUTDOWN_GRACE_PERIOD": "0.1"}
    with stand_in_pod(tmp_path, torchserve(SERVES), wrapper(IGNORES), more=more) as pod:
        wait_for_both(pod)
        everyone = pod.processes()
        assert pod.end() == 0
        assert "the wrapper did not end in its time" in pod.log
        assert psutil.wait_procs(everyone, 30)[1] == []


def test_a_torchserve_that_is_lost_while_it_drains_is_a_failure(tmp_path: Path) -> None:
    text = DRAINS.replace("0.3", "2")
    with stand_in_pod(tmp_path, torchserve(SERVES), wrapper(text)) as pod:
        wait_for_both(pod)
        pod.process.send_signal(signal.SIGTERM)
        pod.wait_for(lambda: "wrapper is told" in pod.log)
        pod.processes("server.py")[0].kill()
        assert pod.process.wait(60) == 128 + signal.SIGKILL
        assert "wrapper has drained" in pod.log
        assert "torchserve was ended by SIGKILL" in pod.termination_message


def test_orphans_are_reaped(tmp_path: Path) -> None:
    # A worker of a worker: nobody is left to wait for it but the pod.
    leaves = """
import os, time
if os.fork() == 0:
    if os.fork() == 0:
        print("orphan", os.getpid(), flush=True)
        time.sleep(0.5)
    os._exit(0)
os.wait()
"""
    with stand_in_pod(tmp_path, torchserve(leaves + SERVES), wrapper(SERVES)) as pod:
        wait_for_both(pod)
        pod.wait_for(lambda: "orphan" in pod.log)
        orphan = int(pod.log.partition("orphan ")[2].split()[0])
        # As a zombie it would be there for ever.
        pod.wait_for(lambda: not psutil.pid_exists(orphan))
        assert len(pod.processes()) == 2
        assert pod.end() == 0


def test_nothing_of_either_log_is_lost_or_mixed(tmp_path: Path) -> None:
    writes = """
import os, sys
for number in range(COUNT):
    text = b"%s line %d \\xff\\x00 " % (NAME.encode(), number) + b"x" * (number % 300) + b"\\n"
    for part in (text[:7], text[7:]):
        os.write(1 + number % 2, part)
os.write(1, b"the end of " + NAME.encode())
"""
    count = 3000
    text = f"COUNT = {count}\n{writes}"
    # The wrapper's end is the end of all; TorchServe's text is in the log by then.
    waits = f"import time\ntime.sleep(2)\n{text}"
    with stand_in_pod(tmp_path, torchserve(text + SERVES), wrapper(waits)) as pod:
        assert pod.process.wait(60) == 1
        log = (tmp_path / "pod.log").read_bytes().split(b"\n")
        assert "the end of wrapper" in pod.termination_message.splitlines()
    for name in ("torchserve", "wrapper"):
        mark = f"{name:<10} | ".encode()
        for parity in range(2):
            found = [
                line.removeprefix(mark)
                for line in log
                if line.startswith(mark + name.encode() + b" line ")
                and int(line.split()[4]) % 2 == parity
            ]
            assert found == [
                b"%s line %d \xff\x00 " % (name.encode(), number) + b"x" * (number % 300)
                for number in range(parity, count, 2)
            ]
        assert sum(line.startswith(mark + b"the end of " + name.encode()) for line in log) == 1


def test_it_ends_though_nobody_reads_its_log(tmp_path: Path) -> None:
    writes = "import os\nwhile True:\n    os.write(1, b'x' * 1000 + b'\\n')\n"
    # Never read: it is soon full, and who writes to it is blocked.
    source, sink = os.pipe()
    room = fcntl.fcntl(sink, fcntl.F_GETPIPE_SZ)
    try:
        with stand_in_pod(tmp_path, torchserve(writes), wrapper(SERVES), stdout=sink) as pod:
            pod.wait_for(lambda: _unread(source) > room - PAGE)
            pod.processes("server.py")[0].kill()
            assert pod.process.wait(60) == 128 + signal.SIGKILL
    finally:
        os.close(source)
        os.close(sink)


def _unread(source: int) -> int:
    """Count the bytes that wait in a pipe."""
    size = array.array("i", [0])
    fcntl.ioctl(source, termios.FIONREAD, size)
    return size[0]
