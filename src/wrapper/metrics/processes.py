"""Counting together in several processes, by prometheus_client's multiprocess mode.

In it each process keeps its numbers in files of one folder, and whoever is asked for /metrics sums
them up (https://prometheus.github.io/client_python/multiprocess/).
"""

from __future__ import annotations

import atexit
import contextlib
import multiprocessing
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

from prometheus_client import multiprocess, values

VARIABLE = "PROMETHEUS_MULTIPROC_DIR"

# The second is a file system in memory that containers have whose own is read-only.
_PARENTS = (None, "/dev/shm")


class NoFolderError(OSError):
    """There is no folder for the numbers. Its text is one line: what, where, what to do."""


def count_together(folder: Path | None) -> Path:
    """Have this process and all that it will start or fork count into one folder.

    Has to be called before anything is counted. What an earlier start left there is removed.

    Args:
        folder: the one that PROMETHEUS_MULTIPROC_DIR names; None makes one, for as long as this
            process lives.

    Returns:
        The folder, which all of them share.

    Raises:
        NoFolderError: when the folder can't be written to, or none can be made.
    """
    kept = _temporary() if folder is None else _emptied(folder)
    os.environ[VARIABLE] = str(kept)
    # The library decides when it is imported, which the SDK has done by now. What has no labels
    # yet has no values either, so that nothing is lost.
    values.ValueClass = values.get_value_class()  # type: ignore[no-untyped-call]
    return kept


def is_together() -> bool:
    """Tell whether this process counts together with others."""
    return VARIABLE in os.environ


class _Collector(multiprocess.MultiProcessCollector):
    """Sums up what there is, beside processes that begin to count at this moment."""

    def collect(self) -> Any:
        """Give the metrics of all files but those that a process has made and not yet filled."""
        files = [str(each) for each in Path(os.environ[VARIABLE]).glob("*.db") if _size(each)]
        return self.merge(files, accumulate=True)  # type: ignore[no-untyped-call]


def _size(file: Path) -> int:
    with contextlib.suppress(OSError):
        return file.stat().st_size
    return 0


def collector() -> multiprocess.MultiProcessCollector:
    """Give what sums up the numbers of all processes."""
    folder = os.environ[VARIABLE]
    for gauges in Path(folder).glob("gauge_live*.db"):
        pid = int(gauges.stem.rpartition("_")[2])
        if not _lives(pid):
            multiprocess.mark_process_dead(pid, folder)  # type: ignore[no-untyped-call]
    return _Collector(None)  # type: ignore[no-untyped-call]


def _temporary() -> Path:
    for parent in _PARENTS:
        with contextlib.suppress(OSError):
            made = tempfile.mkdtemp(prefix="torchserve-kserve-wrapper-metrics-", dir=parent)
            atexit.register(_remove, made, os.getpid())
            return Path(made)
    raise NoFolderError(
        "several processes need a folder to count requests in, and neither the one for temporary "
        f"files nor {_PARENTS[-1]} can be written to: set {VARIABLE} to one that can"
    )


def _remove(folder: str, owner: int) -> None:
    # Forked processes inherit what is to be done at the end.
    if os.getpid() != owner:
        return
    # They count what they answer while they drain; daemons are ended by multiprocessing.
    for child in multiprocessing.active_children():
        if not child.daemon:
            child.join()
    shutil.rmtree(folder, ignore_errors=True)


def _emptied(folder: Path) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for left in folder.glob("*.db"):
            left.unlink()
        with tempfile.TemporaryFile(dir=folder):
            return folder
    except OSError as error:
        raise NoFolderError(
            f"{VARIABLE}={str(folder)!r} can't be used ({error.strerror}): name a folder that can "
            "be written to, or leave it out"
        ) from None


def _lives(pid: int) -> bool:
    """Tell whether a process runs; one that nobody has waited for yet doesn't."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return False
    return state.rpartition(")")[2].split()[0] not in ("Z", "X")
