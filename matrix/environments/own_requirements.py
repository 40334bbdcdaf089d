"""Locks that hold a wrapper's own requirements beside a release: that of the release, and more.

Each version that the release's lock has is kept, with its hashes, and what the requirements need
beside is resolved as of the same day. Such a lock is kept in the cache by what it is made of, and
says so in its header, so that it can be told apart, compared, and given again with ``--lock``. It
is another lock, and so another environment: that of the release alone stays as it is.
"""

from __future__ import annotations

import hashlib
import re
import shlex
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from kserve_conformance.results.verdict import Unprovisioned
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from fixtures import cache
from matrix.environments import interpreters, locking, provision
from matrix.environments.locking import Lock, LockError
from matrix.environments.uv_tool import UvFailed
from matrix.planning.release import Release

# Beside the environments, so that who keeps these keeps them, too.
_FOLDER = "locks"
_LINE = re.compile(r"^# (Requirement: (.+))$", re.MULTILINE)
# Each run of uv waits for the index most of its time.
_SIDE_BY_SIDE = 4


@dataclass(frozen=True)
class Locks:
    """The locks of a run's releases, and why some have none.

    Attributes:
        found: by release.
        lacking: by release, a sentence that names the requirement and the release.
    """

    found: Mapping[str, Lock]
    lacking: Mapping[str, str]


def beside(locks: Mapping[str, Lock], requirements: Sequence[str]) -> Locks:
    """Give the locks of a run's releases with a wrapper's own requirements in them.

    Args:
        locks: those of the releases; one that holds these requirements already stays as it is.
        requirements: as `matrix.planning.requirements` reads them.
    """

    def one(lock: Lock) -> Lock | str:
        try:
            return make(lock, requirements)
        except Unprovisioned as error:
            return str(error)

    if not requirements:
        return Locks(locks, {})
    with ThreadPoolExecutor(_SIDE_BY_SIDE) as pool:
        made = dict(zip(locks, pool.map(one, locks.values()), strict=True))
    return Locks(
        {release: each for release, each in made.items() if isinstance(each, Lock)},
        {release: each for release, each in made.items() if isinstance(each, str)},
    )


def make(lock: Lock, requirements: Sequence[str]) -> Lock:
    """Give the lock of a release with requirements beside it; resolved where the cache lacks it.

    Raises:
        Unprovisioned: when they can't be resolved; names which, and the release.
    """
    if _held_by(lock) == list(requirements):
        return lock
    path = kept(lock, requirements)
    if not path.is_file():
        base = locking.entries_in(lock.path.read_text(encoding="utf-8"))
        entries = {**locking.entries_in(_resolved(lock, requirements)), **base}
        pins = "\n".join(entries[name] for name in sorted(entries))
        cache.write_whole(path, f"{_header(lock, requirements)}\n{pins}\n")
    return Lock(lock.release, path, _digest(path))


def kept(lock: Lock, requirements: Sequence[str]) -> Path:
    """Give where the lock of a release with requirements beside it is, or would be."""
    key = cache.digest(lock.digest, *requirements)[:16]
    return (
        cache.directory(provision.ENVIRONMENTS, _FOLDER)
        / f"{locking.path_of(lock.release).stem}-{key}.txt"
    )


def lines_in(lock: Lock) -> list[str]:
    """List the lines of a lock's header that name requirements; none in that of a release alone."""
    return [found[1] for found in _LINE.finditer(lock.path.read_text(encoding="utf-8"))]


def is_made(release: Release, requirements: Sequence[str]) -> bool:
    """Tell whether the environment of a release with requirements beside it is ready for use.

    Raises:
        Unprovisioned: when they can't be resolved.
    """
    if locking.out_of_date(release):
        return False
    return provision.found(make(locking.find(release), requirements)) is not None


def with_digest(release: Release, requirements: Sequence[str], digest: str, beside: Path) -> Path:
    """Find the lock of results again: where their run has left it, or else made anew.

    Args:
        digest: its SHA-256 in hexadecimal.
        beside: the folder of the locks that the run has left, which may not be there.

    Raises:
        LockError: when neither is the same.
        DataFileError: when the release's own lock can't be used.
        Unprovisioned: when it can't be resolved here.
    """
    left = locking.path_of(release, beside)
    if left.is_file() and _digest(left) == digest:
        return left
    made = make(locking.find(release), requirements)
    if made.digest != digest:
        raise LockError(
            f"the lock of {release} with {_listed(requirements)} isn't the one of the results "
            f"(SHA-256 {digest[:12]}...), which their run has left as {left}"
        )
    return made.path


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _held_by(lock: Lock) -> list[str]:
    return [found[2] for found in _LINE.finditer(lock.path.read_text(encoding="utf-8"))]


def _resolved(lock: Lock, requirements: Sequence[str]) -> str:
    python = interpreters.find(lock.release.python)
    try:
        return locking.resolve(lock.release, python, _for(lock, requirements), lock.path)
    except UvFailed as error:
        if not error.no_network:
            raise Unprovisioned(_why_not(lock, requirements, python, error)) from None
        raise Unprovisioned(
            f"the requirements {_listed(requirements)} can't be resolved for {lock.release}, since "
            f"the package index can't be reached: {error}"
        ) from None


def _for(lock: Lock, requirements: Sequence[str]) -> list[str]:
    """Give the requirements with the release in place of what they say of the SDK."""
    parsed = [Requirement(each) for each in requirements]
    for each in parsed:
        if canonicalize_name(each.name) == lock.release.package:
            each.specifier = SpecifierSet(f"=={lock.release.release}")
    return [str(each) for each in parsed]


def _why_not(lock: Lock, requirements: Sequence[str], python: Path, error: UvFailed) -> str:
    """Say which requirement it is: the first that can't be had alone, or else all together."""
    culprit, said = _listed(requirements), error
    for each in requirements:
        try:
            locking.resolve(lock.release, python, _for(lock, [each]), lock.path)
        except UvFailed as alone:
            culprit, said = each, alone
            break
    day = lock.release.cut_off.isoformat()
    return (
        f"{lock.release} can't have the wrapper's requirement {culprit} beside its lock, as of "
        f"{day} and from wheels: {said}"
    )


def _listed(requirements: Sequence[str]) -> str:
    return " and ".join(requirements)


def _header(lock: Lock, requirements: Sequence[str]) -> str:
    release = lock.release
    command = ["python", "-m", "matrix", "run", f"--kserve={release.release}"]
    command += [f"--with={each}" for each in requirements]
    return locking.header(
        release,
        [
            f"{release.contents}, and what a wrapper needs beside it, resolved by",
            f"  {shlex.join(command)}",
        ],
        [f"Lock: sha256:{lock.digest}", *(f"Requirement: {each}" for each in requirements)],
    )
