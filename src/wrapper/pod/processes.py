"""The processes of this container, which all come to this one when their own parents die.

That is what process 1 is for, and what any other process becomes by PR_SET_CHILD_SUBREAPER
(see prctl(2)); each of them has to be waited for, or it stays as a zombie.
"""

from __future__ import annotations

import ctypes
import dataclasses
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from wrapper.pod.output import Output

_PR_SET_CHILD_SUBREAPER = 36
_STDOUT, _STDERR = 1, 2
_UNTIL_THE_NEXT_LOOK = 0.005


@dataclasses.dataclass
class Child:
    """A server of this container, from its start on.

    Attributes:
        name: what the log calls it.
        process: what was started.
        pid: the process whose end is its end: the launcher's at first, then the server's.
        is_launcher: whether what was started will end and leave the server behind, and hasn't yet.
        code: how it ended: its exit code, or less than 0 for the signal that ended it.
            None while it runs.
    """

    name: str
    process: subprocess.Popen[bytes]
    pid: int
    is_launcher: bool = False
    code: int | None = None
    _told: signal.Signals | None = None

    def send(self, number: signal.Signals) -> None:
        """Send it a signal, unless it has ended."""
        self._told = number
        if self.code is None:
            os.kill(self.pid, number)

    def follow(self, pid: int) -> None:
        """Take a process that the launcher has left for the server."""
        self.pid = pid
        self.is_launcher = False
        if self._told is not None:
            os.kill(pid, self._told)


class Family:
    """The processes that were started here, and those that came here from them."""

    def __init__(self) -> None:
        _become_subreaper()
        self._children: list[Child] = []

    def start(
        self, name: str, argv: Sequence[str], environment: Mapping[str, str], output: Output
    ) -> Child:
        """Start a server in a session of its own, whose output goes to the log.

        Raises:
            OSError: when it is no program.
        """
        process = subprocess.Popen(
            argv,
            env=environment,
            bufsize=0,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            # A terminal's Ctrl-C comes here, and not to those who are to be ended in order.
            start_new_session=True,
        )
        for pipe, target in ((process.stdout, _STDOUT), (process.stderr, _STDERR)):
            if pipe is not None:
                output.carry(name, os.dup(pipe.fileno()), target)
                pipe.close()
        child = Child(name, process, process.pid)
        self._children.append(child)
        return child

    def launch(
        self, name: str, argv: Sequence[str], environment: Mapping[str, str], output: Output
    ) -> Child:
        """Start a launcher, which leaves the server behind; see `start`."""
        child = self.start(name, argv, environment, output)
        child.is_launcher = True
        return child

    def reap(self) -> None:
        """Take note of every process that has ended, ours and orphans alike."""
        while (pid := _ended()) is not None:
            for child in self._children:
                self._settle(child)
            code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
            for child in self._children:
                if pid == child.process.pid:
                    child.process.returncode = code
                if pid == child.pid:
                    child.code = code

    def end(self, within: float) -> bool:
        """Kill every process that is left, and tell whether none is.

        Args:
            within: seconds that the kernel may take for it.
        """
        deadline = time.monotonic() + within
        # Again, since the children of who is killed come here then.
        while left := list(_children()):
            for each in left:
                os.kill(each.pid, signal.SIGKILL)
            # Nearly all are in these, and are killed even where time runs out.
            for child in self._children:
                with suppress(ProcessLookupError):
                    os.killpg(child.process.pid, signal.SIGKILL)
            self.reap()
            if time.monotonic() > deadline:
                return False
            time.sleep(_UNTIL_THE_NEXT_LOOK)
        return True

    def _settle(self, child: Child) -> None:
        """Follow the server of a launcher that has ended, before either is reaped.

        A server that ended before its launcher is still there, as nobody has waited for it.
        """
        if child.code is None and child.is_launcher and _has_ended(child.pid):
            left = [
                each
                for each in _children()
                if each.session == child.process.pid and each.pid != child.pid
            ]
            if left:
                child.follow(min(left, key=lambda each: each.started).pid)


@dataclasses.dataclass(frozen=True)
class _Entry:
    """A process as proc(5) tells of it in ``stat``."""

    pid: int
    parent: int
    session: int
    started: int


def _children() -> Iterator[_Entry]:
    own = os.getpid()
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with suppress(OSError):
                # The name in field 2 may hold anything, blanks and brackets too.
                fields = (folder / "stat").read_bytes().rpartition(b")")[2].split()
                entry = _Entry(int(folder.name), int(fields[1]), int(fields[3]), int(fields[19]))
                if entry.parent == own:
                    yield entry


def _ended() -> int | None:
    """Give a child that has ended, without reaping it; None where there is none."""
    with suppress(ChildProcessError):
        found = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        return found.si_pid if found else None
    return None


def _has_ended(pid: int) -> bool:
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _become_subreaper() -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
