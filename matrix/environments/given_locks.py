"""Locks that a person names: of an earlier commit, or one that mixes two releases' packages.

A lock says in its own header what it is for, so that none needs axes.toml beside it, and
none is held against axes.toml: what is given is used as it is.
"""

from __future__ import annotations

import dataclasses
import datetime
import hashlib
import re
from collections.abc import Iterable
from pathlib import Path

from kserve_conformance.errors import DataFileError, located

from matrix.environments import locking
from matrix.environments.locking import Lock
from matrix.planning.axes import Axes, AxesError
from matrix.planning.plan import PlanError

_PYTHON = re.compile(r"^# Valid for: CPython (\d+\.\d+) ", re.MULTILINE)
_CUT_OFF = re.compile(r"^# Cut-off: (\d{4}-\d{2}-\d{2})T00:00:00Z$", re.MULTILINE)
_FROM_SOURCE = re.compile(r"^# From source: (.+)$", re.MULTILINE)


def read(path: Path, axes: Axes) -> Lock:
    """Read a lock of a KServe release.

    Raises:
        DataFileError: when the file can't be read, or isn't a lock of a release in axes.toml.
    """
    try:
        content = path.read_bytes()
        text = content.decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DataFileError(f"the lock {path} can't be read: {error}") from None
    python, cut_off, from_source = (
        pattern.search(text) for pattern in (_PYTHON, _CUT_OFF, _FROM_SOURCE)
    )
    if not (python and cut_off and from_source):
        raise DataFileError(
            f"{path} is no lock: its header doesn't say what it is valid for, its cut-off and "
            "what is installed from source, as `python -m matrix lock` writes them"
        )
    with located(path):
        locking.refuse_other_lines(text, "python -m matrix lock")
    listed = [] if from_source[1] == "nothing" else from_source[1].split(", ")
    pinned = locking.pins_in(text).get("kserve")
    if pinned is None:
        raise DataFileError(f"{path} holds no KServe SDK: a line kserve==RELEASE is lacking")
    try:
        known = axes.release(pinned)
    except AxesError as error:
        raise DataFileError(str(error), path=path) from None
    release = dataclasses.replace(
        known,
        python=python[1],
        cut_off=datetime.date.fromisoformat(cut_off[1]),
        from_source=tuple(listed),
    )
    return Lock(release, path, hashlib.sha256(content).hexdigest())


def of_run(paths: Iterable[str], axes: Axes, wanted: Iterable[str]) -> dict[str, Lock]:
    """Give the lock of each release of a run: the given one, else that of the repository.

    Args:
        wanted: the releases that are run.

    Raises:
        DataFileError: when a file is no lock.
        PlanError: when two are of one release, or of one not run.
        LockError: when a release has no lock, or one that is out of date.
    """
    wanted = dict.fromkeys(wanted)
    locks: dict[str, Lock] = {}
    for path in paths:
        lock = read(Path(path), axes)
        name = lock.release.release
        if name not in wanted:
            raise PlanError(f"--lock {path} is of {lock.release}, which this run doesn't have")
        if name in locks:
            raise PlanError(f"--lock {path} is of {lock.release}, as {locks[name].path} is")
        locks[name] = lock
    return {name: locks.get(name) or locking.find(axes.release(name)) for name in wanted}
