"""Watches a wrapper that is started with a PROTOCOL_VERSION it must refuse."""

from __future__ import annotations

import subprocess
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from matrix.planning.subject import Subject
from matrix.running import launch, ports
from matrix.running.forks import ForkServers, Process
from matrix.running.launch import Situation
from matrix.running.quiet import Measured, Quiet

# A wrapper that swallows the value has opened its port by then, and is caught earlier;
# one of the usual design dies of the value after 3-7 s.
WATCH_FOR = 60.0
# Seconds from process start to exit. kserve alone takes 2 s and more to import.
AT_MOST = 0.3


@dataclass(frozen=True)
class Refusal:
    """What a wrapper did with a value that it must refuse.

    Attributes:
        exit_code: None where it did not end by itself.
        termination_log: the file's text, None where it wrote none.
        opened_ports: which of its two ports it opened, ``http`` and ``grpc``.
        took: from process start to exit; None where it didn't end.
    """

    exit_code: int | None
    stdout: str
    stderr: str
    termination_log: str | None
    opened_ports: tuple[str, ...]
    took: Measured | None

    @property
    def output(self) -> dict[str, str]:
        """Give what it wrote, by where it did."""
        return {"stdout": self.stdout, "stderr": self.stderr}

    @property
    def termination_line(self) -> str | None:
        """Give the line of the termination log, all of it where it has more; None without one."""
        log = self.termination_log
        return None if log is None else log.removesuffix("\n")


def output_of(line: str) -> dict[str, str]:
    """Give what a wrapper has to write that refuses to start with a line."""
    return {"stdout": "", "stderr": f"{line}\n"}


def observe(subject: Subject, python: Path, situation: Situation, quiet: Quiet) -> Refusal:
    """Start the wrapper, watched; then again, only timed.

    Raises:
        SubjectFailed: when the command can't be run.
    """
    watched = watch(subject, python, situation)
    if watched.exit_code is None:
        return watched
    # Timed in a start of its own: connecting to the ports costs time too.
    took = quiet.best(lambda: _time(subject, python, situation), AT_MOST)
    return replace(watched, took=took)


def watch(
    subject: Subject, python: Path, situation: Situation, forks: ForkServers | None = None
) -> Refusal:
    """Start the wrapper and tell what it does, but for the time that it takes.

    Args:
        forks: what starts it by a fork, where it can be started so.

    Raises:
        SubjectFailed: when the command can't be run.
        Unprovisioned: when it can't be forked, and may not be started otherwise.
    """
    http, grpc = ports.of(subject)
    names = {"http": http, "grpc": grpc}
    opened: set[str] = set()

    def has_opened() -> bool:
        opened.update(name for name, port in names.items() if ports.is_open(port))
        return bool(opened)

    situation.termination_log.unlink(missing_ok=True)
    with tempfile.TemporaryFile() as stdout, tempfile.TemporaryFile() as stderr:
        argv = subject.argv(python, http, grpc)
        process = launch.spawn(subject, argv, situation, stdout.fileno(), stderr.fileno(), forks)
        try:
            _wait(process, has_opened)
            exit_code = process.poll()
        finally:
            launch.end_group(process)
        ports.wait_free((http, grpc), seconds=10)
        texts = []
        for file in (stdout, stderr):
            file.seek(0)
            texts.append(file.read().decode("utf-8", "replace"))
    log = situation.termination_log
    told = log.read_text(encoding="utf-8") if log.is_file() else None
    return Refusal(exit_code, texts[0], texts[1], told, tuple(sorted(opened)), None)


def _wait(process: Process, is_enough: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WATCH_FOR
    while process.poll() is None and not is_enough() and time.monotonic() < deadline:
        time.sleep(0.005)


def _time(subject: Subject, python: Path, situation: Situation) -> float:
    http, grpc = ports.of(subject)
    argv = subject.argv(python, http, grpc)
    started = time.perf_counter()
    process = launch.spawn(subject, argv, situation, subprocess.DEVNULL, subprocess.DEVNULL)
    # Not wait(timeout): that looks every 50 ms only.
    watchdog = threading.Timer(WATCH_FOR, process.kill)
    watchdog.start()
    try:
        process.wait()
        return time.perf_counter() - started
    finally:
        watchdog.cancel()
        launch.end_group(process)
