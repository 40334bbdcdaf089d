"""The time that processes have had of a processor, which also holds on a busy machine."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable, Sequence

import psutil


def tree(pid: int) -> list[int]:
    """Give the ids of a process and of all that descend from it; none where it has ended."""
    try:
        first = psutil.Process(pid)
        return [pid, *(each.pid for each in first.children(recursive=True))]
    except psutil.NoSuchProcess:
        return []


def seconds(pids: Iterable[int]) -> float:
    """Give the seconds, user and system, that processes have had, with all their threads.

    They are the kernel's own, to the nanosecond: of /proc/PID/stat there are hundredths of a
    second. A process that has ended has had none.
    """
    total = 0.0
    for pid in pids:
        with contextlib.suppress(OSError):
            # Source: clock_getcpuclockid(3), and MAKE_PROCESS_CPUCLOCK in Linux.
            total += time.clock_gettime(~pid << 3 | 2)
    return total


class Meter:
    """Tells what groups of processes use from one moment to another.

    Args:
        groups: the ids of the processes of each; what they start later isn't counted.
    """

    def __init__(self, *groups: Sequence[int]) -> None:
        self._groups = groups
        self._before = [seconds(group) for group in groups]

    def used(self) -> list[float]:
        """Give the seconds that each group has had since this was made."""
        now = [seconds(group) for group in self._groups]
        return [after - before for after, before in zip(now, self._before, strict=True)]
