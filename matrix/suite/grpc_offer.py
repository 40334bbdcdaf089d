"""Whether a cell's wrapper offers gRPC, as expectations.toml has it."""

from __future__ import annotations

from conformance.outcomes.verdicts import Unsupported, Verdict
from matrix import ports
from matrix.cells import Cell
from matrix.launch import RunningWrapper
from matrix.plan import Plan


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
