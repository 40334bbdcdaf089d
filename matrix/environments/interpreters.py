"""Finds a Python of a given minor version: on PATH, among pyenv's and uv's, else by uv."""

from __future__ import annotations

import functools
import itertools
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from kserve_conformance.results.verdict import Unprovisioned

from matrix.environments import uv_tool
from matrix.environments.uv_tool import UvFailed

_INSTALL_WITHIN = 300.0
_ANSWER_WITHIN = 20.0
# Builds made from source lack modules whose libraries the machine did not have; environments
# made from them can't be used.
# The executable behind a shim or a virtual environment is what environments are made from.
_QUESTION = (
    "import ctypes, platform, ssl, sys, zlib; "
    "print(platform.python_implementation(), '%d.%d' % sys.version_info[:2]); "
    "print(getattr(sys, '_base_executable', '') or sys.executable)"
)


def find(python: str) -> Path:
    """Find an interpreter of a minor version, e.g. ``3.9``, and have uv install one if none is.

    Raises:
        Unprovisioned: when none is had; says what to install.
    """
    problem = None if installed(python) else _install(python)
    found = installed(python)
    if found is None:
        why = problem or "what uv installed doesn't run"
        raise Unprovisioned(
            f"Python {python} is lacking: it is neither on PATH nor among pyenv's or uv's "
            f"versions, and {why}. Install it, e.g. with "
            f"`uv python install {python}`, `pyenv install {python}` or your system's package "
            "manager"
        )
    return found


@functools.cache
def installed(python: str) -> Path | None:
    """Find an interpreter of a minor version on this machine; install none."""
    answers = (executable(path, python) for path in _candidates(python))
    return next((answer for answer in answers if answer), None)


def executable(path: Path, python: str) -> Path | None:
    """Give the executable behind a path that starts a complete CPython of a minor version.

    None where the path starts something else, or nothing.
    """
    environment = {name: value for name, value in os.environ.items() if name[:6] != "PYTHON"}
    try:
        answer = subprocess.run(
            [path, "-I", "-c", _QUESTION],
            env=environment,
            capture_output=True,
            text=True,
            timeout=_ANSWER_WITHIN,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    what, _, where = answer.stdout.strip().partition("\n")
    is_it = answer.returncode == 0 and what == f"CPython {python}"
    return Path(where) if is_it else None


@functools.cache
def _install(python: str) -> str | None:
    """Have uv install a version, once per process; say why it can't, None when it could."""
    try:
        uv_tool.run("python", "install", "--no-bin", python, seconds=_INSTALL_WITHIN)
    except UvFailed as error:
        why = "it can't be reached" if error.no_network else str(error)
        return f"uv can't download one: {why}"
    installed.cache_clear()
    return None


def _candidates(python: str) -> Iterator[Path]:
    seen: set[Path] = set()
    own = Path(sys.executable)
    is_own = python == f"{sys.version_info[0]}.{sys.version_info[1]}"
    for path in itertools.chain(
        [own] if is_own else [], _on_path(python), _of_pyenv(python), _of_uv(python)
    ):
        if path not in seen and path.is_file():
            seen.add(path)
            yield path


def _on_path(python: str) -> Iterator[Path]:
    folders = [Path(folder) for folder in os.get_exec_path() if folder]
    for name in (f"python{python}", "python3"):
        for folder in folders:
            yield folder / name


def _of_pyenv(python: str) -> Iterator[Path]:
    root = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    for folder in sorted((root / "versions").glob(f"{python}.*"), reverse=True):
        yield folder / "bin" / f"python{python}"


def _of_uv(python: str) -> Iterator[Path]:
    try:
        found = uv_tool.run(
            "python", "find", "--no-project", "--managed-python", "--no-python-downloads", python
        )
    except UvFailed:
        return
    yield Path(found.strip())
