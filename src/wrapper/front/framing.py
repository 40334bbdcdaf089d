"""Whether TorchServe's envelope reads frames: seen or asked for, and never believed."""

from __future__ import annotations

import asyncio
import time
from typing import Union

from wrapper.errors import ServingError
from wrapper.front.deadline import Deadline
from wrapper.names import Target
from wrapper.openinference import binary, frames
from wrapper.torchserve import error_table
from wrapper.torchserve.error_table import Case, TorchServeError
from wrapper.torchserve.exchange import Reply, Verb
from wrapper.torchserve.service import TorchServe

HEADERS = {"content-type": binary.MEDIA_TYPE}

# What those that don't read frames, and handlers without an envelope, make of one.
_NO = (
    Case.NO_REQUEST,
    Case.REFUSED,
    Case.FAILED,
    Case.MODEL_FAILED,
    Case.MODEL_FAILED_ON_WHOLE_BODY,
    Case.WRONG_NUMBER_OF_RESULTS,
)
# Seconds for which a no is believed: TorchServe may begin anew with another envelope, and what is
# in `_NO` may have had another reason.
_NO_HOLDS = 30.0

# Whether frames are read, or why that can't be told now.
_Told = Union[bool, ServingError]


class Framing:
    """Knows of models and versions whether they are sent frames.

    An envelope that reads frames tells so by how its answers in JSON end, which costs nothing. To
    ask it takes a request of its own, for which TorchServe may wait with a batch; so that is left
    to what can't be sent as JSON. One that reads none refuses the question, as it does any body
    that is no request, before the handler is called.
    """

    def __init__(self, torchserve: TorchServe) -> None:
        self._torchserve = torchserve
        self._may = torchserve.settings.envelope.may_read_frames
        self._reading: set[Target] = set()
        # When each said no.
        self._refused: dict[Target, float] = {}
        self._asking: dict[Target, asyncio.Task[_Told]] = {}

    def is_read(self, target: Target) -> bool:
        """Tell whether a model is known to read frames."""
        return target in self._reading

    def see(self, target: Target, reply: Reply) -> None:
        """Take notice of an answer in JSON."""
        self._know(target, self._may and reply.body.endswith(frames.MARK))

    def forget_if_refused(self, target: Target, error: TorchServeError) -> bool:
        """Forget what was known where an error to a frame may mean that it is none any more.

        Returns:
            Whether it means nothing else, so that the request was not run and may go as JSON.
        """
        if error.case in _NO:
            self._know(target, False)
        return error.case is Case.NO_REQUEST

    async def ask(self, target: Target, deadline: Deadline) -> bool:
        """Tell whether a model reads frames; ask it where that isn't known.

        Raises:
            ServingError: when it can't be told now.
        """
        if not self._may or self.is_read(target) or self._has_just_refused(target):
            return self.is_read(target)
        left = deadline.left()
        task = self._asking.get(target)
        if task is None:
            task = self._asking[target] = asyncio.create_task(self._ask(target))
        try:
            # It is also asked for others, who go on waiting where this client doesn't.
            told = await asyncio.wait_for(asyncio.shield(task), left)
        except asyncio.TimeoutError:
            raise error_table.error(Case.TIMED_OUT) from None
        if isinstance(told, ServingError):
            # A new one each, as `error_table.error` says.
            raise ServingError(told.status, told.message, told.retry_after) from None
        return told

    def _know(self, target: Target, is_read: bool) -> None:
        if is_read:
            self._reading.add(target)
            self._refused.pop(target, None)
        else:
            self._reading.discard(target)

    def _has_just_refused(self, target: Target) -> bool:
        refused = self._refused.get(target)
        return refused is not None and time.monotonic() - refused < _NO_HOLDS

    async def _ask(self, target: Target) -> _Told:
        try:
            reply = await self._torchserve.ask(Verb.INFER, target, frames.EMPTY, HEADERS)
        except ServingError as error:
            if not isinstance(error, TorchServeError) or error.case not in _NO:
                # It tells nothing of the envelope.
                return error
            is_read = False
        else:
            is_read = reply.body == frames.EMPTY
        finally:
            self._asking.pop(target, None)
        self._know(target, is_read)
        if not is_read:
            self._refused[target] = time.monotonic()
        return is_read
