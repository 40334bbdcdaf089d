"""Joins checks to the statements that they check, one to one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

from kserve_conformance.asking.server import Server

T = TypeVar("T")
Check = Callable[[Server], None]

CHECKS: dict[str, Check] = {}


def check(statement: str, *needs: Check) -> Callable[[Check], Check]:
    """Make a function the check of a statement.

    It returns where the server keeps the statement, and raises `expect.Departure` where it departs
    from it, or `results.verdict.Unsupported` where that can't be seen.

    Args:
        statement: its id.
        needs: called first; each raises `Unsupported` where the check can't be made.
    """

    def join(function: Check) -> Check:
        def made(server: Server) -> None:
            for need in needs:
                need(server)
            function(server)

        if statement in CHECKS:
            raise ValueError(f"{statement} has two checks")
        CHECKS[statement] = made
        return function

    return join


def check_each(
    given: Mapping[str, T], *needs: Check
) -> Callable[[Callable[[Server, T], None]], Callable[[Server, T], None]]:
    """Make a function the check of several statements: by id, what it is given besides."""

    def join(function: Callable[[Server, T], None]) -> Callable[[Server, T], None]:
        def with_value(value: T) -> Check:
            return lambda server: function(server, value)

        for statement, value in given.items():
            check(statement, *needs)(with_value(value))
        return function

    return join
