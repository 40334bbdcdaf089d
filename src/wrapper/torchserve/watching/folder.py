"""What the processes of one wrapper know together, in a folder that they share.

One of them watches TorchServe and writes down what it finds; the others read that. Who watches
holds a lock, which the kernel gives to another when that process ends, however it does.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import math
import os
import time
from pathlib import Path
from typing import Any

from wrapper.torchserve.news import News, Stamp, stamp_of
from wrapper.torchserve.watching.schedule import Wish

logger = logging.getLogger("wrapper")

# Seconds. Each of thousands of requests a second may want something.
_WANTS_AT_MOST_EVERY = 0.05
# Seconds between two signs of life, and without any. The process that watches may wait for a busy
# TorchServe for 5 s, and be itself on a busy machine.
_BEATS_EVERY = 0.5
_SILENCE = 15.0


class SharedFolder:
    """The folder of the processes that one wrapper has made or forked, and of the first one.

    Args:
        silence: seconds without a sign of life of the process that watches after which others no
            longer rely on it.
    """

    def __init__(self, path: Path, silence: float = _SILENCE) -> None:
        self._path = path
        self._silence = silence
        self._beat = path / "readiness-beat"
        self._beat_at = -math.inf
        self._last_beat: Stamp | None = None
        self._last_beat_at: float | None = None
        self._report = News(path / "readiness.json")
        self._seen: dict[Wish, Stamp] = {}
        self._wanted_at: dict[Wish, float] = {}
        self._lock: int | None = None
        self._locks_in: int | None = None
        self._fails = False

    def may_watch(self) -> bool:
        """Tell whether this process is the one that watches, from now on as long as it lives."""
        try:
            if self._locks_in != os.getpid():
                # Such a lock is a process's own: what a forked one inherits holds nothing.
                flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
                self._lock = os.open(self._path / "readiness.lock", flags, 0o600)
                self._locks_in = os.getpid()
            assert self._lock is not None
            fcntl.lockf(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError as error:
            self._tell(error)
        return True

    def news(self) -> bytes | None:
        """Give what the process that watches has found, None where nothing is new."""
        return self._report.read()

    def publish(self, report: bytes) -> None:
        """Tell the other processes what this one has found."""
        try:
            self._report.write(report)
        except OSError as error:
            self._tell(error)

    def beat(self) -> None:
        """Tell that this process, which watches, lives and can tell what it finds."""
        now = time.monotonic()
        if not self._fails and now - self._beat_at >= _BEATS_EVERY:
            self._beat_at = now
            with contextlib.suppress(OSError):
                self._beat.touch()

    def is_silent(self) -> bool:
        """Tell whether the process that watches has long stopped to tell anything."""
        now = time.monotonic()
        try:
            beat = stamp_of(self._beat.stat())
        except OSError:
            beat = None
        if beat is None and self._last_beat is None:
            # Nobody has begun to watch yet.
            return False
        if self._last_beat_at is None or beat != self._last_beat:
            self._last_beat, self._last_beat_at = beat, now
        return now - self._last_beat_at > self._silence

    def want(self, wish: Wish) -> None:
        """Have the process that watches ask TorchServe soon."""
        now = time.monotonic()
        if now - self._wanted_at.get(wish, -math.inf) >= _WANTS_AT_MOST_EVERY:
            self._wanted_at[wish] = now
            with contextlib.suppress(OSError):
                self._file_of(wish).touch()

    def wanted(self) -> set[Wish]:
        """Give what other processes have wanted since this was last asked."""
        found = set()
        for wish in Wish:
            with contextlib.suppress(OSError):
                stamp = stamp_of(self._file_of(wish).stat())
                if stamp != self._seen.get(wish):
                    found.add(wish)
                self._seen[wish] = stamp
        return found

    def _file_of(self, wish: Wish) -> Path:
        return self._path / f"readiness-{wish.name.lower()}"

    def _tell(self, error: OSError) -> None:
        """Say once that each process is on its own."""
        if not self._fails:
            self._fails = True
            logger.warning(
                "processes can't tell each other what becomes of TorchServe: %s can't be used (%s)",
                self._path,
                error.strerror,
            )

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_lock": None, "_locks_in": None, "_last_beat_at": None}
