"""Where a peer listens, and what starts it there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

MODEL = "contract"
"""The model of each peer: see fixtures/peers and fixtures/models."""

Start = tuple[list[str], Mapping[str, str]]
"""The command that starts a peer, and the variables that it is told by."""


@dataclass(frozen=True)
class Place:
    """Where a peer listens: its ports, and a folder for what it writes."""

    http: int
    grpc: int
    metrics: int
    folder: Path

    @property
    def mark(self) -> str:
        """Give a name that no other peer has, for what lies outside of its folder."""
        return "-".join(self.folder.parts[-2:])

    @property
    def url(self) -> str:
        """Give the base of its REST routes."""
        return f"http://127.0.0.1:{self.http}"
