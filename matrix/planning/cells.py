"""A cell: one point of the matrix, where one wrapper meets one TorchServe."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

# The names of PROTOCOL_VERSION values hold hyphens, those of envelopes don't.
_ID = re.compile(r"kserve(\d+(?:\.\d+)*)-(.+)-([^-]+)-torchserve(\d+(?:\.\d+)*)", re.ASCII)
AXES = ("kserve", "protocol", "envelope", "torchserve", "runtime")
_FORM = "an id is kserveRELEASE-PROTOCOL-ENVELOPE-torchserveRELEASE"


@dataclass(frozen=True)
class Cell:
    """One point of the matrix.

    Attributes:
        kserve: release of the KServe SDK in whose environment the wrapper runs.
        protocol: the name in axes.toml of the PROTOCOL_VERSION value, e.g. ``unset``.
        envelope: TorchServe's service envelope, ``kserve``, ``kservev2`` or ``kservev2_faithful``.
        torchserve: TorchServe release.
        runtime: how TorchServe runs, ``container`` or ``process``.
        attempt: which of the attempts at its checks this is, from 1; each has a wrapper of its own.
    """

    kserve: str
    protocol: str
    envelope: str
    torchserve: str
    runtime: str
    attempt: int = 1

    @classmethod
    def named(cls, name: str, runtime: str) -> Cell:
        """Give the cell of an id.

        Raises:
            ValueError: when it is no id of a cell.
        """
        found = _ID.fullmatch(name)
        if found is None:
            raise ValueError(f"{name!r} is not a cell id: {_FORM}")
        kserve, protocol, envelope, torchserve = found.groups()
        return cls(kserve, protocol, envelope, torchserve, runtime)

    @classmethod
    def at(cls, axes: Mapping[str, str]) -> Cell:
        """Give the cell of a point on every axis, as results have it; see `axes`."""
        kserve, protocol, envelope, torchserve, runtime = (axes[axis] for axis in AXES)
        return cls(kserve, protocol, envelope, torchserve, runtime)

    @property
    def id(self) -> str:
        """Give the cell's name, the same for both runtimes so that their runs compare."""
        return f"kserve{self.kserve}-{self.protocol}-{self.envelope}-torchserve{self.torchserve}"

    @property
    def visit(self) -> str:
        """Name this attempt, by the cell's id alone where it is the first."""
        return self.id if self.attempt == 1 else f"{self.id}@{self.attempt}"

    def axes(self) -> dict[str, str]:
        """Give the cell as plain data, for results."""
        return {axis: getattr(self, axis) for axis in AXES}
