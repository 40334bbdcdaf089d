"""Work in steps of a few milliseconds, so that an event loop can do other things between them.

The rules that read large bodies yield where they may be interrupted and know nothing of who has
them done: a loop goes on between the steps, everything else has them done at once.
"""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Generator
from typing import TypeVar

_Result = TypeVar("_Result")
_turns: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Lock] = (
    weakref.WeakKeyDictionary()
)
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
    """Do the work, and let the event loop do what else waits after each step.

    Of all that is worked on in one loop one step is done between two turns of it, so that many
    large bodies keep it from others no longer than one.
    """
    turn = _turn_of(asyncio.get_running_loop())
    while True:
        async with turn:
            try:
                next(steps)
            except StopIteration as ended:
                result: _Result = ended.value
                return result
            await asyncio.sleep(0)


def _turn_of(loop: asyncio.AbstractEventLoop) -> asyncio.Lock:
    """Give what one step at a time holds; whoever waits for it gets it in turn."""
    turn = _turns.get(loop)
    if turn is None:
        turn = _turns[loop] = asyncio.Lock()
    return turn
