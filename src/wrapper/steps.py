"""Work in steps of a few milliseconds, so that an event loop can do other things between them.

The rules that read large bodies yield where they may be interrupted and know nothing of who has
them done: a loop goes on between the steps, everything else has them done at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from typing import TypeVar

_Result = TypeVar("_Result")
# Yields nothing; returns what the work came to.
Steps = Generator[None, None, _Result]


def at_once(steps: Steps[_Result]) -> _Result:
    """Do the work without a pause."""
    while True:
        try:
            next(steps)
        except StopIteration as ended:
            result: _Result = ended.value
            return result


async def one_by_one(steps: Steps[_Result]) -> _Result:
    """Do the work, and let the event loop do what else waits after each step."""
    while True:
        try:
            next(steps)
        except StopIteration as ended:
            result: _Result = ended.value
            return result
        await asyncio.sleep(0)
