"""What the wrapper shall reach, and whether it does."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

FILE = Path(__file__).with_name("targets.toml")


@dataclass(frozen=True)
class Target:
    """A bound of one figure of the wrapper's rows; `at_most` or `at_least` is None."""

    way: str
    body: str
    connections: int
    figure: str
    at_most: float | None = None
    at_least: float | None = None

    def met(self, value: float) -> bool:
        """Tell whether a figure keeps the bound."""
        if self.at_most is not None:
            return value <= self.at_most
        assert self.at_least is not None
        return value >= self.at_least


@dataclass(frozen=True)
class Targets:
    """All targets, and the SDK's releases that they hold on."""

    kserve: tuple[str, ...]
    each: tuple[Target, ...]


def load(path: Path = FILE) -> Targets:
    """Read the targets."""
    told = tomllib.loads(path.read_text())
    return Targets(tuple(told["kserve"]), tuple(Target(**each) for each in told["target"]))
