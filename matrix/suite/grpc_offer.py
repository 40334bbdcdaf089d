"""Whether a cell's wrapper offers gRPC, as expectations.toml has it."""

from __future__ import annotations

from kserve_conformance.results.verdict import Unsupported, Verdict

from matrix.planning.cells import Cell
from matrix.planning.plan import Plan
from matrix.running import ports
from matrix.running.launch import RunningWrapper


def need_grpc(plan: Plan, cell: Cell, check: str, wrapper: RunningWrapper) -> None:
    """Go on only where gRPC is offered.

    Raises:
        Unsupported: where the SDK has no gRPC server, and the port is closed indeed.
        AssertionError: where something listens on that port all the same.
    """
    if plan.expected_verdict(cell, check) is Verdict.UNSUPPORTED:
        assert not ports.is_open(wrapper.grpc_port), (
            "the gRPC port is open, though this SDK has no gRPC server"
        )
        raise Unsupported(f"KServe {cell.kserve} has no gRPC server; its gRPC port is closed")
