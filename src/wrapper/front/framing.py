"""Whether TorchServe's envelope reads frames: seen or asked for, and never believed."""

from __future__ import annotations

import asyncio

from wrapper.errors import ServingError
from wrapper.names import Target
from wrapper.openinference import binary, frames
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
        self._known: dict[Target, bool] = {}
        self._asking: dict[Target, asyncio.Task[bool]] = {}

    def is_read(self, target: Target) -> bool:
        """Tell whether a model is known to read frames."""
        return self._known.get(target, False)

    def see(self, target: Target, reply: Reply) -> None:
        """Take notice of an answer in JSON."""
        if self._may and reply.body.endswith(frames.MARK):
            self._known[target] = True

    def is_read_no_more(self, target: Target, error: TorchServeError) -> bool:
        """Tell whether a frame was refused because it is one, and forget what was known."""
        if error.case is not Case.NO_REQUEST:
            return False
        self._known.pop(target, None)
        return True

    async def ask(self, target: Target) -> bool:
        """Tell whether a model reads frames; ask it where that isn't known."""
        if not self._may or target in self._known:
            return self.is_read(target)
        task = self._asking.get(target)
        if task is None:
            task = self._asking[target] = asyncio.create_task(self._ask(target))
        # It is also asked for others, who go on waiting where the client of this one is gone.
        return await asyncio.shield(task)

    async def _ask(self, target: Target) -> bool:
        try:
            reply = await self._torchserve.ask(Verb.INFER, target, frames.EMPTY, HEADERS)
        except ServingError as error:
            if isinstance(error, TorchServeError) and error.case in _NO:
                self._known[target] = False
            # Others tell nothing of the envelope.
            return False
        finally:
            self._asking.pop(target, None)
        self._known[target] = reply.body == frames.EMPTY
        return self._known[target]
