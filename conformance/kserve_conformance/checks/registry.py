"""Joins checks to the statements that they check, one to one."""

from __future__ import annotations

from collections.abc import Callable

from kserve_conformance.asking.server import Server

Check = Callable[[Server], None]

CHECKS: dict[str, Check] = {}


def check(statement: str) -> Callable[[Check], Check]:
    """Make a function the check of a statement.

    It returns where the server keeps the statement, and raises `expect.Departure` where it departs
    from it, or `results.verdict.Unsupported` where that can't be seen.

    Args:
        statement: its id.
    """

    def join(function: Check) -> Check:
        if statement in CHECKS:
            raise ValueError(f"{statement} has two checks")
        CHECKS[statement] = function
        return function

    return join
