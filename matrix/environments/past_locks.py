"""Locks as they were at another commit of this repository."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

from matrix.environments import locking
from matrix.environments.locking import LockError
from matrix.planning.release import Release
from matrix.planning.subject import REPOSITORY


def with_digest(release: Release, digest: str, commit: str | None, folder: Path) -> Path | None:
    """Find the lock of a digest: where locks are kept, or else in a commit.

    Args:
        digest: its SHA-256 in hexadecimal.
        commit: as results have it, which may end with ``-dirty``; None where it isn't known.
        folder: where a file goes that is taken from the commit.

    Returns:
        The file that was written to the folder; None where the kept one is the same.

    Raises:
        LockError: when neither has it; says what to do.
    """
    kept = locking.path_of(release)
    if kept.is_file() and _digest(kept.read_bytes()) == digest:
        return None
    what = f"the lock of {release} isn't the one of the results (SHA-256 {digest[:12]}...)"
    if commit is None:
        raise LockError(f"{what}, and the results name no commit to take that from")
    name = commit.removesuffix("-dirty")
    shown = subprocess.run(
        ["git", "show", f"{name}:{kept.relative_to(REPOSITORY).as_posix()}"],
        cwd=REPOSITORY,
        capture_output=True,
        check=False,
    )
    if shown.returncode != 0:
        raise LockError(
            f"{what}, and this clone can't give that of the commit {name}: fetch it "
            f"(`git fetch origin {name}`) and try again, or check it out"
        )
    if _digest(shown.stdout) != digest:
        dirty = " with changes that weren't committed" if commit != name else ""
        raise LockError(f"{what}, nor is that of the commit {name}, which was run{dirty}")
    folder.mkdir(parents=True, exist_ok=True)
    written = folder / kept.name
    written.write_bytes(shown.stdout)
    return written


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
