"""Where and when a run was: its machine, the commit of the suite, the hour."""

from __future__ import annotations

import datetime
import os
import platform
import subprocess
from pathlib import Path


def machine() -> dict[str, str | int]:
    """Describe this machine."""
    return {
        "system": f"{platform.system()} {platform.release()}",
        "architecture": platform.machine(),
        "cpus": os.cpu_count() or 1,
        "python": platform.python_version(),
    }


def commit(file: str = __file__) -> str | None:
    """Give the commit of a file's checkout, with ``-dirty`` where any file was changed since.

    None where git doesn't have the file: one that was installed is of no checkout, even if it
    lies in somebody's.
    """
    path = Path(file).resolve()

    def git(*arguments: str) -> str:
        return subprocess.run(
            ["git", *arguments], cwd=path.parent, capture_output=True, text=True, check=True
        ).stdout.strip()

    try:
        git("ls-files", "--error-unmatch", path.name)
        return git("rev-parse", "HEAD") + ("-dirty" if git("status", "--porcelain") else "")
    except (OSError, subprocess.CalledProcessError):
        return None


def now() -> str:
    """Give the date and time, UTC, as results hold it."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
