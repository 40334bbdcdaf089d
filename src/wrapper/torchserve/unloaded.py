"""Models that were unloaded on purpose, and what they are loaded from again.

All processes of a wrapper know them, and so does one that is started anew beside the same
TorchServe: they are kept in a file. One that is started anew itself begins with all of its models.
"""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import hashlib
import json
import logging
import os
import stat
import tempfile
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Callable, NamedTuple

from wrapper.torchserve.news import News

logger = logging.getLogger("wrapper")

# The second is a file system in memory that containers have whose own is read-only.
_PARENTS = (None, "/dev/shm")


class Stored(NamedTuple):
    """What a version is loaded from, and with how many workers."""

    archive: str
    workers: int


@dataclasses.dataclass(frozen=True)
class _Record:
    """What is kept of one model.

    Attributes:
        stored: what its versions are loaded from, the default one first.
        is_out: whether it is unloaded; an unload that failed midway has something stored, too.
    """

    stored: Mapping[str, Stored] = dataclasses.field(default_factory=dict)
    is_out: bool = False


_Records = Mapping[str, _Record]


def file_for(wrapper: str) -> Path | None:
    """Give the file of one wrapper, in a folder that nobody else can write to.

    Args:
        wrapper: what tells this wrapper from another one on the same machine, and is the same
            when it is started again.

    Returns:
        None where there is no such folder, which the log says then.
    """
    name = hashlib.sha256(wrapper.encode()).hexdigest()[:16]
    for parent in _PARENTS:
        with contextlib.suppress(OSError):
            return _own_folder(parent) / f"unloaded-{name}.json"
    logger.warning(
        "which models were unloaded is forgotten when the wrapper ends: neither the folder for "
        "temporary files nor %s can be written to",
        _PARENTS[-1],
    )
    return None


def _own_folder(parent: str | None) -> Path:
    folder = Path(parent or tempfile.gettempdir()) / f"torchserve-kserve-wrapper-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    status = folder.lstat()
    is_own = stat.S_ISDIR(status.st_mode) and status.st_uid == os.getuid()
    if not is_own or stat.S_IMODE(status.st_mode) & 0o022:
        raise PermissionError(f"{folder} is somebody else's")
    with tempfile.TemporaryFile(dir=folder):
        return folder


class Unloaded:
    """The models that are unloaded, as all processes know them.

    Args:
        path: the file that they are kept in; None where this process alone knows them.

    Attributes:
        torchserve: what tells the TorchServe of now from its successors; empty if not known.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._file = None if path is None else News(path)
        self.torchserve = ""
        # Replaced as a whole, so that readers need no lock.
        self._records: _Records = {}
        self._of = ""
        self._changing = threading.Lock()
        self.look()

    def names(self) -> frozenset[str]:
        """Give the names of the models that are unloaded."""
        records = self._records
        if not records:
            return frozenset()
        return frozenset(name for name, record in records.items() if record.is_out)

    def stored(self, model: str) -> Mapping[str, Stored]:
        """Give what a model's versions are loaded from again; empty where nothing is known."""
        return self._records.get(model, _Record()).stored

    def keep(self, model: str, versions: Mapping[str, Stored]) -> None:
        """Keep what a model is loaded from, before it is unloaded."""
        self._change(model, lambda record: dataclasses.replace(record, stored=dict(versions)))

    def take_out(self, model: str) -> None:
        """Count a model as unloaded."""
        self._change(model, lambda record: dataclasses.replace(record, is_out=True))

    def bring_back(self, *models: str) -> None:
        """Count models in again, and forget what they were loaded from."""
        for model in models:
            self._change(model, lambda _: None)

    def look(self) -> bool:
        """Read what other processes have written; tell whether that is something else."""
        told = None if self._file is None else self._file.read()
        if told is None:
            return False
        before = self._records
        self._of, self._records = _read(told)
        return before != self._records

    def begin_anew(self) -> bool:
        """Forget what an earlier TorchServe's were; tell whether there was something."""
        self.look()
        if not self._records or self._of in ("", self.torchserve):
            return False
        self.bring_back(*self._records)
        return True

    def _change(self, model: str, change: Callable[[_Record], _Record | None]) -> None:
        """Change a model's record, None takes it away; what others have written stays."""
        with self._changing, self._locked():
            self.look()
            records = dict(self._records)
            changed = change(records.pop(model, _Record()))
            self._records = records if changed is None else {**records, model: changed}
            self._of = self.torchserve
            self._write()

    def _write(self) -> None:
        if self._file is None:
            return
        models = {name: dataclasses.asdict(record) for name, record in self._records.items()}
        text = json.dumps({"torchserve": self._of, "models": models}).encode()
        try:
            self._file.write(text)
        except OSError as error:
            logger.warning("which models were unloaded can't be kept: %s", error)

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        if self._path is None:
            yield
            return
        with contextlib.ExitStack() as stack:
            with contextlib.suppress(OSError):
                file = stack.enter_context(self._path.with_suffix(".lock").open("w"))
                fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_changing"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._changing = threading.Lock()


def _read(text: bytes) -> tuple[str, _Records]:
    """Read what was written; nothing where another hand has been there."""
    try:
        told = json.loads(text)
        records = {
            str(name): _Record(
                {version: Stored(*each) for version, each in record["stored"].items()},
                bool(record["is_out"]),
            )
            for name, record in told["models"].items()
        }
        return str(told["torchserve"]), records
    except (ValueError, KeyError, TypeError, AttributeError):
        return "", {}
