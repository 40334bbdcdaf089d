"""A run of one cell and two checks, for tests of what is made of runs."""

from __future__ import annotations

from kserve_conformance.results.record import Header

CELL = "kserve0.9.0-unset-kserve-torchserve0.12.0"
AXES = {
    "kserve": "0.9.0",
    "protocol": "unset",
    "envelope": "kserve",
    "torchserve": "0.12.0",
    "runtime": "process",
}
HEADER = Header(
    run="r",
    started="2026-11-24T03:00:00+00:00",
    machine={"system": "Linux", "architecture": "x86_64", "cpus": 2, "python": "3.11.4"},
    commit=None,
    runtime="process",
    torchserve=[{"release": "0.12.0", "envelope": "kserve", "identity": "x"}],
    locks={"0.9.0": None},
    wrapper={"name": "w", "command": "c", "constructor": None},
    planned={CELL: ["starts", "v1-predict"]},
)
