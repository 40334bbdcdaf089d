"""Gives a process the paths that it has in its pod: one folder is /mnt/models, for it alone.

Many wrappers run side by side, each with a configuration of its own, and one path can't be all of
theirs. So the process gets a mount namespace, in which its folder is mounted there; nobody else
sees it, and it ends with the process. Root may do so, and anybody else where the kernel allows
user namespaces; the process stays the same user.

As a program, ``python pod_paths.py FOLDER`` only tries it, and exits 1 with why it can't.
Standalone, and for Python 3.9 and later: nothing of the harness is installed in SDK environments.
"""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path

MODELS = "/mnt/models"
_PARENT = "/mnt"

# Of sched.h and sys/mount.h.
_NEW_MOUNTS, _NEW_USERS = 0x00020000, 0x10000000
_BIND, _RECURSIVELY, _PRIVATE = 4096, 16384, 1 << 18
_DETACH = 2
# Of linux/capability.h: the version whose sets have 64 bits.
_CAPABILITIES = 0x20080522

_libc = ctypes.CDLL(None, use_errno=True)


def enter(folder: str) -> None:
    """Mount a folder at /mnt/models, in a mount namespace that is made for this process.

    What is imported and opened for it is so before: a child between fork and exec calls this.

    Args:
        folder: an absolute path, which holds ``config`` and ``model-store``; its parent is
            written to.

    Raises:
        OSError: when the kernel doesn't let it, or there is no /mnt.
    """
    own_users = have_own(_NEW_MOUNTS, "a mount namespace")
    # What is mounted from here on stays in here.
    _mount("none", "/", _RECURSIVELY | _PRIVATE)
    if not Path(MODELS).is_dir():
        _make_room(f"{folder}.mnt")
    _mount(folder, MODELS, _BIND | _RECURSIVELY)
    if own_users and os.getuid() != 0:
        # An exec would end what its own user namespace allows it; a forked start makes none.
        header = (ctypes.c_uint32 * 2)(_CAPABILITIES, 0)
        _done(_libc.capset(header, (ctypes.c_uint32 * 6)()), "no capabilities")


def have_own(kind: int, what: str) -> bool:
    """Give this process a namespace of its own, in a user namespace where it may not else.

    Args:
        kind: its flag, of sched.h.
        what: what an error calls it.

    Returns:
        Whether there is a user namespace, too; the user is the same in it.

    Raises:
        OSError: when the kernel doesn't let it.
    """
    uid, gid = os.getuid(), os.getgid()
    try:
        _done(_libc.unshare(kind), what)
        return False
    except OSError:
        _done(_libc.unshare(kind | _NEW_USERS), what)
    _write("/proc/self/setgroups", "deny")
    _write("/proc/self/uid_map", f"{uid} {uid} 1")
    _write("/proc/self/gid_map", f"{gid} {gid} 1")
    return True


def _make_room(kept: str) -> None:
    """Put a folder in place of /mnt that holds the same and one more."""
    Path(kept).mkdir(exist_ok=True)
    _mount(_PARENT, kept, _BIND | _RECURSIVELY)
    _mount("tmpfs", _PARENT, 0, kind="tmpfs")
    for entry in Path(kept).iterdir():
        place = Path(_PARENT, entry.name)
        if entry.is_symlink():
            place.symlink_to(entry.readlink())
            continue
        if entry.is_dir():
            place.mkdir()
        else:
            place.touch()
        _mount(str(entry), str(place), _BIND | _RECURSIVELY)
    Path(MODELS).mkdir()
    _done(_libc.umount2(kept.encode(), _DETACH), kept)


def _mount(source: str, target: str, flags: int, kind: str | None = None) -> None:
    kind_too = kind.encode() if kind else None
    done = _libc.mount(source.encode(), target.encode(), kind_too, ctypes.c_ulong(flags), None)
    _done(done, target)


def _done(code: int, what: str) -> None:
    if code != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), what)


def _write(path: str, text: str) -> None:
    file = os.open(path, os.O_WRONLY)
    try:
        os.write(file, text.encode())
    finally:
        os.close(file)


if __name__ == "__main__":
    try:
        enter(sys.argv[1])
    except OSError as error:
        sys.exit(f"{error.filename}: {error.strerror}")
