"""What is begun for somebody, and called off where nobody can use it any more.

The rule, apart from who applies it: a front sees that a client has gone, `torchserve.waiting` that
a model has. What is called off gives back all that it holds, since its task is cancelled: its
place among the requests in flight, and its connection to TorchServe, which is closed.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from contextvars import ContextVar
from types import TracebackType
from typing import Any, Generic, TypeVar

from wrapper.errors import ServingError

_Each = TypeVar("_Each", bound="Errand")


class ClientGone(ServingError):
    """Nobody waits for the answer any more. The status is nginx's."""

    def __init__(self) -> None:
        super().__init__(499, "Client Closed Request")


class Errand:
    """What a task does as a context: it is done, or somebody calls it off.

    Args:
        rounds: those in which it is looked at while it goes on.

    Raises (at its end, where it was called off):
        Exception: the one that was given.
    """

    # Of the class, since each request has two of these and hardly one is ever called off.
    _task: asyncio.Task[object] | None = None
    _instead: Exception | None = None

    def __init__(self, rounds: Rounds[Any]) -> None:
        self._rounds = rounds

    def call_off(self, instead: Exception) -> None:
        """End it where it is, unless it is done, and have it raise this."""
        if self._task is not None and self._instead is None:
            self._instead = instead
            self._task.cancel()

    def __enter__(self) -> None:
        self._task = asyncio.current_task()
        self._rounds.add(self)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        task, self._task = self._task, None
        self._rounds.discard(self)
        if self._instead is None or kind is not asyncio.CancelledError:
            return
        # Since Python 3.11 a task counts who has cancelled it. One that the server cancels, too,
        # is not ours to keep.
        if task is not None and hasattr(task, "uncancel") and task.uncancel():
            return
        instead, self._instead = self._instead, None
        try:
            raise instead from None
        finally:
            # It and this frame would keep each other, and what was sent.
            del instead


class Rounds(Generic[_Each]):
    """Looks, from time to time, at each errand that goes on, for as long as any does.

    One that is done before it is looked at has cost next to nothing: no timer of its own, no task.
    They belong to the event loop that uses them; on another one they begin anew.
    """

    def __init__(self, seconds: float, look: Callable[[_Each], None]) -> None:
        """Take the time between two looks, and what is called with each errand."""
        self._seconds = seconds
        self._look = look
        self._going_on: set[_Each] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._is_due = False

    def add(self, each: _Each) -> None:
        """Look at it from now on."""
        loop = asyncio.get_running_loop()
        if self._loop is not loop:
            self._loop, self._going_on, self._is_due = loop, set(), False
        self._going_on.add(each)
        if not self._is_due:
            self._is_due = True
            loop.call_later(self._seconds, self._go)

    def discard(self, each: _Each) -> None:
        """Look at it no more."""
        self._going_on.discard(each)

    def _go(self) -> None:
        self._is_due = bool(self._going_on)
        if self._loop is not None and self._is_due:
            self._loop.call_later(self._seconds, self._go)
        for each in tuple(self._going_on):
            self._look(each)

    def __getstate__(self) -> dict[str, object]:
        return {**self.__dict__, "_going_on": set(), "_loop": None, "_is_due": False}


_NOBODYS = contextlib.nullcontext()
# That of whoever sent the request that is being answered, where the SDK's own routes answer it,
# which hand on nothing of its connection.
of_client: ContextVar[contextlib.AbstractContextManager[None]] = ContextVar(
    "of_client", default=_NOBODYS
)
