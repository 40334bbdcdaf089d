"""Shares what an interpreter compiled: environments hold the same releases of many packages.

uv links the files of a package into each environment, so that the same file is the same inode.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path


def adopt(environment: Path) -> int:
    """Link into an environment the bytecode that those beside it have of its very files.

    An interpreter takes bytecode by the size and the time of its source, which are the same, and
    puts the path that it imported from into it. Where the files aren't linked, such as where uv's
    cache is on another filesystem, there is none to adopt.

    Returns:
        How many files of bytecode it took over.
    """
    packages = _packages(environment)
    if packages is None:
        return 0
    lacking = dict(_compiled(packages))
    adopted = 0
    for other in environment.parent.iterdir():
        # Bytecode is of one minor release of Python.
        theirs = _packages(other) if other != environment else None
        if theirs is None or theirs.parent.name != packages.parent.name:
            continue
        for inode, compiled in _compiled(theirs):
            if inode in lacking and Path(compiled).exists():
                own = Path(lacking.pop(inode))
                # It may be that of an environment which is removed at this moment.
                with contextlib.suppress(OSError):
                    own.parent.mkdir(exist_ok=True)
                    own.hardlink_to(compiled)
                    adopted += 1
    return adopted


def _packages(environment: Path) -> Path | None:
    return next(iter(environment.glob("lib/python3.*/site-packages")), None)


def _compiled(packages: Path) -> Iterator[tuple[int, str]]:
    """Give the inode of each source, and where the bytecode of it is if there is any."""
    tag = packages.parent.name.replace("python", "cpython-").replace(".", "")
    folders = [str(packages)]
    while folders:
        folder = folders.pop()
        with contextlib.suppress(OSError), os.scandir(folder) as entries:
            for entry in entries:
                if entry.name.endswith(".py"):
                    yield entry.inode(), f"{folder}/__pycache__/{entry.name[:-3]}.{tag}.pyc"
                elif entry.is_dir(follow_symlinks=False) and entry.name != "__pycache__":
                    folders.append(entry.path)
