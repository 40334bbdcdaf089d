"""Where and when a run was: its machine, the commit of the suite, the hour."""

from __future__ import annotations

import datetime
import os
import platform
import subprocess
from pathlib import Path

_REPOSITORY = Path(__file__).resolve().parents[3]


def machine() -> dict[str, str | int]:
    """Describe this machine."""
    return {
        "system": f"{platform.system()} {platform.release()}",
        "architecture": platform.machine(),
        "cpus": os.cpu_count() or 1,
        "python": platform.python_version(),
    }


def commit() -> str | None:
    """Give the commit of this checkout, with ``-dirty`` where files were changed since."""

    def git(*arguments: str) -> str:
        return subprocess.run(
            ["git", *arguments], cwd=_REPOSITORY, capture_output=True, text=True, check=True
        ).stdout.strip()

    try:
        return git("rev-parse", "HEAD") + ("-dirty" if git("status", "--porcelain") else "")
    except (OSError, subprocess.CalledProcessError):
        return None


def now() -> str:
    """Give the date and time, UTC, as results hold it."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
