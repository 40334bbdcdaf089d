"""Which commit results name."""

from __future__ import annotations

import os
import platform
import subprocess
from pathlib import Path

from kserve_conformance.results import surroundings


def test_a_machine_is_told_by_what_bears_on_results() -> None:
    assert surroundings.machine() == {
        "system": f"{os.uname().sysname} {os.uname().release}",
        "architecture": os.uname().machine,
        "cpus": os.cpu_count(),
        "python": platform.python_version(),
    }


def test_a_commit_is_that_of_the_file_and_not_of_whoever_has_it_installed(tmp_path: Path) -> None:
    def git(*arguments: str) -> str:
        author = ("-c", "user.name=a", "-c", "user.email=a@b")
        command = ["git", *author, *arguments]
        ran = subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, text=True)
        return ran.stdout.strip()

    installed = tmp_path / "environment" / "module.py"
    installed.parent.mkdir()
    installed.write_text("")
    assert surroundings.commit(str(installed)) is None
    git("init", "-q")
    beside = tmp_path / "installed.py"
    beside.write_text("")
    (tmp_path / ".gitignore").write_text("environment\ninstalled.py\n")
    (tmp_path / "own.py").write_text("")
    git("add", ".")
    git("commit", "-q", "-m", "One")
    assert surroundings.commit(str(installed)) is None
    assert surroundings.commit(str(beside)) is None
    assert surroundings.commit(str(tmp_path / "own.py")) == git("rev-parse", "HEAD")
    (tmp_path / "own.py").write_text("changed")
    assert surroundings.commit(str(tmp_path / "own.py")) == git("rev-parse", "HEAD") + "-dirty"
