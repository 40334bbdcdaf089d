"""Runs uv, which resolves the locks and makes the environments."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

import uv
from kserve_conformance.errors import NotKnown
from kserve_conformance.results.verdict import Unprovisioned

# What uv says when it can't reach the package index or where Python builds are kept.
_NO_NETWORK = re.compile(
    r"error sending request|dns error|client error \(Connect\)|timed out"
    r"|Failed to fetch|network (was|connectivity is) disabled",
    re.IGNORECASE,
)
# A virtual environment or a module path of whoever calls must not reach what uv runs.
_NOT_INHERITED = ("VIRTUAL_ENV", "PYTHONPATH", "PYTHONHOME", "UV_PYTHON", "UV_EXCLUDE_NEWER")

# A lock never needs a compiler. Whatever calls one fails, also where there is one.
NO_COMPILER = {"CC": "false", "CXX": "false"}


class UvFailed(NotKnown):
    """A run of uv that failed. Its text is what uv gave as the cause, in one paragraph.

    Attributes:
        no_network: whether it failed because something could not be reached.
    """

    def __init__(self, said: str) -> None:
        super().__init__(_shorten(said))
        self.no_network = bool(_NO_NETWORK.search(said))


def binary() -> Path:
    """Find uv's executable.

    Raises:
        Unprovisioned: when there is none.
    """
    try:
        return Path(uv.find_uv_bin())
    except FileNotFoundError:
        raise Unprovisioned("uv is lacking: install it with `pip install uv`") from None


def run(
    *arguments: str | Path,
    stdin: str = "",
    environment: Mapping[str, str] | None = None,
    seconds: float = 600.0,
) -> str:
    """Run uv and give what it wrote on stdout.

    Raises:
        UvFailed: when it fails or takes longer than ``seconds``.
        Unprovisioned: when there is no uv.
    """
    inherited = {name: value for name, value in os.environ.items() if name not in _NOT_INHERITED}
    try:
        ran = subprocess.run(
            [binary(), *arguments],
            input=stdin,
            env={**inherited, "NO_COLOR": "1", **(environment or {})},
            capture_output=True,
            text=True,
            timeout=seconds,
        )
    except subprocess.TimeoutExpired:
        raise UvFailed(f"uv timed out after {seconds:.0f} s") from None
    if ran.returncode != 0:
        raise UvFailed(ran.stderr)
    return ran.stdout


def _shorten(said: str, limit: int = 1500) -> str:
    """Put uv's causes into one paragraph, without the hints on its own options."""
    told = re.split(r"^hint:", said, maxsplit=1, flags=re.MULTILINE)[0]
    paragraph = re.sub(r"\s*\n\s*", "; ", told.strip())
    return paragraph if len(paragraph) <= limit else f"{paragraph[:limit]} ..."
