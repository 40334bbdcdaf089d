"""What is done to a wrapper, its TorchServe and its surroundings while it serves.

A fault takes a `drill.scene.Scene` and gives the figures that only it can tell; those of the load
and the probe are taken for each alike, by `drill.figures`.
"""

from drill.faults import clients, inference, processes, surroundings
from drill.faults.registry import FAULTS

__all__ = ["FAULTS", "clients", "inference", "processes", "surroundings"]
