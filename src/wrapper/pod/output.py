"""The container's log: the lines of each process, told apart by its name.

A line is written whole, whoever else writes, with every byte that it had. One that is longer than
a MiB comes in pieces: the first after ``|``, each other one after ``+``.
"""

from __future__ import annotations

import collections
import itertools
import os
import select
import threading
import time
from collections.abc import Sequence

_CHUNK = 1 << 16
_LONGEST_PIECE = 1 << 20
# Of each output of a process: what is read last of one must not drive out the end of another.
_KEPT_LINES = 10
# Characters of a line among the last ones; all of it is in the log.
_KEPT_OF_A_LINE = 500
# The process that says something itself; see `Output.say`.
_OWN_NAME = "pod"
_STDERR = 2


class Output:
    """Carries what processes write into this one's stdout and stderr, until they have ended."""

    def __init__(self) -> None:
        # One for both targets, which may be the same file.
        self._writing = threading.Lock()
        # Apart from that one, which is held for as long as nobody reads the log.
        self._keeping = threading.Lock()
        self._carriers: dict[str, list[threading.Thread]] = collections.defaultdict(list)
        # By process and target, each line with its place among all.
        self._last: dict[str, dict[int, collections.deque[tuple[int, bytes]]]] = {}
        self._places = itertools.count()
        # Its own lines go the way of all: who says one never waits for a reader of the log.
        source, self._own = os.pipe()
        os.set_blocking(self._own, False)
        self.carry(_OWN_NAME, source, _STDERR)

    def carry(self, name: str, source: int, target: int) -> None:
        """Begin to carry lines from one descriptor to another, until the source is closed."""
        with self._keeping:
            by_target = self._last.setdefault(name, {})
            by_target.setdefault(target, collections.deque(maxlen=_KEPT_LINES))
        # A daemon: a reader of the log that has stopped reading must not keep the container.
        thread = threading.Thread(target=self._carry, args=(name, source, target), daemon=True)
        self._carriers[name].append(thread)
        thread.start()

    def say(self, line: str) -> None:
        """Write a line of this process's own, unless the log has long been read by nobody."""
        try:
            os.write(self._own, line.encode() + b"\n")
        except BlockingIOError:
            return

    def last_lines(self, name: str) -> list[str]:
        """Give the last lines of each output of a process, each without its end if it is long."""
        with self._keeping:
            last = sorted(itertools.chain.from_iterable(self._last[name].values()))
        return [line.decode(errors="replace") for _, line in last]

    def finish(self, names: Sequence[str], within: float) -> None:
        """Wait until all that ended processes have written is in the log.

        Args:
            within: seconds after which it is given up, as nobody reads the log.
        """
        deadline = time.monotonic() + within
        for name in names:
            for thread in self._carriers[name]:
                thread.join(max(0.0, deadline - time.monotonic()))

    def close(self, within: float) -> None:
        """Write what was said, and end; see `finish`."""
        os.close(self._own)
        self.finish([_OWN_NAME], within)

    def _carry(self, name: str, source: int, target: int) -> None:
        begin, more = (f"{name:<10} {sign} ".encode() for sign in "|+")
        rest = b""
        mark = begin
        while chunk := os.read(source, _CHUNK):
            *lines, rest = (rest + chunk).split(b"\n")
            if len(rest) >= _LONGEST_PIECE:
                lines.append(rest)
                rest = b""
                following = more
            else:
                following = begin if lines else mark
            if lines:
                self._write(name, target, lines, mark, begin)
            mark = following
        if rest:
            self._write(name, target, [rest], mark, begin)
        os.close(source)

    def _write(
        self, name: str, target: int, lines: Sequence[bytes], first_mark: bytes, mark: bytes
    ) -> None:
        with self._keeping:
            self._last[name][target].extend(
                (next(self._places), line[:_KEPT_OF_A_LINE]) for line in lines[-_KEPT_LINES:]
            )
        text = first_mark + (b"\n" + mark).join(lines) + b"\n"
        with self._writing:
            _write_all(target, text)


def _write_all(target: int, text: bytes) -> None:
    left = memoryview(text)
    while left:
        try:
            left = left[os.write(target, left) :]
        except BlockingIOError:
            select.select([], [target], [])
        except OSError:
            # Nobody reads it any more. Who wrote it must not be blocked by that.
            return
