"""A cell: one point of the matrix, where one wrapper meets one TorchServe."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Cell:
    """One point of the matrix.

    Attributes:
        kserve: release of the KServe SDK in whose environment the wrapper runs.
        protocol: the name in axes.toml of the PROTOCOL_VERSION value, e.g. ``unset``.
        envelope: TorchServe's service envelope, ``kserve``, ``kservev2`` or ``kservev2_faithful``.
        torchserve: TorchServe release.
        runtime: how TorchServe runs, ``container`` or ``process``.
    """

    kserve: str
    protocol: str
    envelope: str
    torchserve: str
    runtime: str

    @property
    def id(self) -> str:
        """Give the cell's name, the same for both runtimes so that their runs compare."""
        return f"kserve{self.kserve}-{self.protocol}-{self.envelope}-torchserve{self.torchserve}"

    def axes(self) -> dict[str, Any]:
        """Give the cell as plain data, for results."""
        return asdict(self)
