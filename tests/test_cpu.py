"""The CPU of processes is all that they have had, whichever thread or child had it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from benchmarks import cpu

# Burns as many seconds as a line says, in a thread that ends and in a child; then answers.
BURNS = """\
import os, sys, threading, time

def burn(seconds):
    ends = time.thread_time() + seconds
    while time.thread_time() < ends:
        pass

work, done = os.pipe(), os.pipe()
if os.fork() == 0:
    while told := os.read(work[0], 20):
        burn(float(told))
        os.write(done[1], b".")
print("ready", flush=True)
for line in sys.stdin:
    os.write(work[1], line.encode())
    os.read(done[0], 1)
    thread = threading.Thread(target=burn, args=[float(line)])
    thread.start()
    thread.join()
    print("burned", flush=True)
"""


@pytest.fixture
def burning() -> Iterator[subprocess.Popen[str]]:
    pipe = subprocess.PIPE
    process = subprocess.Popen([sys.executable, "-c", BURNS], stdin=pipe, stdout=pipe, text=True)
    with process:
        assert process.stdout is not None
        process.stdout.readline()
        children = cpu.tree(process.pid)[1:]
        yield process
        for child in children:
            os.kill(child, signal.SIGKILL)


def test_all_threads_and_children_count(burning: subprocess.Popen[str]) -> None:
    assert burning.stdin is not None
    assert burning.stdout is not None
    first, child = cpu.tree(burning.pid)
    meter = cpu.Meter([first, child], [child], [])
    burning.stdin.write("0.2\n")
    burning.stdin.flush()
    assert burning.stdout.readline() == "burned\n"
    both, alone, none = meter.used()
    # Of the processor's time, whatever else the machine does.
    assert both == pytest.approx(0.4, rel=0.2)
    assert alone == pytest.approx(0.2, rel=0.2)
    assert none == 0


def test_what_has_ended_has_had_nothing() -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    assert cpu.tree(process.pid) == []
    assert cpu.seconds([process.pid]) == 0
