"""Makes the environment of a release from its lock, once per machine."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from kserve_conformance.results.verdict import Unprovisioned
from kserve_conformance.text import messages
from packaging.version import Version

from fixtures import cache
from matrix.environments import bytecode, interpreters, locking, uv_tool
from matrix.environments.locking import Lock
from matrix.environments.uv_tool import UvFailed
from matrix.planning import axes
from matrix.planning.release import Release

ENVIRONMENTS = "environments"

# Written last, so that an environment without it was never finished.
_MARKER = "complete.json"
# Part of an environment's key: another number means that they are made in another way.
RECIPE = 1
_INSTALL_WITHIN = 1200.0
# ray alone takes over 10 s to import from a cold disk.
_IMPORT_WITHIN = 180.0
_IMPORT = "import {}, importlib.metadata as m; print(m.version({!r}))"


@dataclass(frozen=True)
class Environment:
    """An environment with what one lock holds.

    Attributes:
        release: the version of what it was made for.
        lock_digest: the SHA-256 of the lock that it was made from, in hexadecimal.
    """

    release: str
    python: Path
    lock_digest: str


def provision(release: str) -> Environment:
    """Give the environment of a release of the KServe SDK; see `of_lock`.

    Raises:
        Unprovisioned: when it can't be made here; says why and what to do.
        LockError: when the release has no lock, or one that is out of date.
        AxesError: when axes.toml doesn't have the release.
    """
    return of_lock(locking.find(axes.load().release(release)))


def of_lock(lock: Lock) -> Environment:
    """Give the environment of a lock, making it if this machine doesn't have it.

    Any number of processes may ask at the same time; one makes it and the others wait.

    Raises:
        Unprovisioned: when it can't be made here; says why and what to do.
    """
    interpreter = interpreters.find(lock.release.python)
    folder = _folder(lock, interpreter)
    if not _is_complete(folder):
        with cache.lock(folder.name):
            # It may have been finished while this process waited.
            if not _is_complete(folder):
                _make(folder, lock, interpreter)
    return _of_folder(folder, lock)


def found(lock: Lock) -> Environment | None:
    """Give the environment of a lock where this machine has it ready for use; make none."""
    interpreter = interpreters.installed(lock.release.python)
    if interpreter is None:
        return None
    folder = _folder(lock, interpreter)
    return _of_folder(folder, lock) if _is_complete(folder) else None


def is_made(release: Release) -> bool:
    """Tell whether `provision` would find the environment of a release ready for use."""
    return not locking.out_of_date(release) and found(locking.find(release)) is not None


def _make(folder: Path, lock: Lock, interpreter: Path) -> None:
    began = time.monotonic()
    shutil.rmtree(folder, ignore_errors=True)
    try:
        uv_tool.run("venv", "--quiet", "--no-project", "--python", interpreter, folder)
        uv_tool.run(
            *("pip", "sync", "--quiet", "--require-hashes", "--python", _python(folder)),
            *locking.install_options(lock.release),
            lock.path,
            environment=uv_tool.NO_COMPILER,
            seconds=_INSTALL_WITHIN,
        )
        bytecode.adopt(folder)
        _verify(folder, lock.release)
    except UvFailed as error:
        what = f"the environment of {lock.release} can't be made"
        if not error.no_network:
            raise Unprovisioned(f"{what} from its lock. uv said: {error}") from None
        raise Unprovisioned(
            f"{what}: the package index can't be reached. Check this machine's network and "
            f"proxy, or name an index that it reaches in UV_DEFAULT_INDEX. uv said: {error}"
        ) from None
    made = {
        "release": lock.release.release,
        "lock": lock.digest,
        "interpreter": str(interpreter),
        "seconds": round(time.monotonic() - began, 1),
    }
    cache.write_whole(folder / _MARKER, json.dumps(made, indent=1))


def _verify(folder: Path, release: Release) -> None:
    """Import the package once, or what stands for it.

    Raises:
        Unprovisioned: when it can't be imported or the package is another release.
    """
    what = f"the environment of {release} was made but can't be used"
    modules = release.modules or release.package
    environment = {name: value for name, value in os.environ.items() if name[:6] != "PYTHON"}
    try:
        imported = subprocess.run(
            [_python(folder), "-c", _IMPORT.format(modules, release.package)],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=_IMPORT_WITHIN,
        )
    except subprocess.TimeoutExpired:
        raise Unprovisioned(
            f"{what}: `import {modules}` took over {_IMPORT_WITHIN:.0f} s"
        ) from None
    if imported.returncode != 0:
        last = messages.telling_line(imported.stderr) or "no word on stderr"
        raise Unprovisioned(f"{what}: `import {modules}` ended with: {last}")
    version = imported.stdout.split()[-1]
    if Version(version) != Version(release.release):
        raise Unprovisioned(f"{what}: it holds {release.title} {version}")


def _folder(lock: Lock, interpreter: Path) -> Path:
    key = cache.digest(lock.digest, str(interpreter), str(RECIPE))[:16]
    name = f"{lock.release.package}-{lock.release.release}-{key}"
    return cache.directory(ENVIRONMENTS) / name


def _of_folder(folder: Path, lock: Lock) -> Environment:
    return Environment(lock.release.release, _python(folder), lock.digest)


def _python(folder: Path) -> Path:
    return folder / "bin" / "python"


def _is_complete(folder: Path) -> bool:
    # The interpreter is a link to one that may have been removed since.
    return (folder / _MARKER).is_file() and _python(folder).exists()
