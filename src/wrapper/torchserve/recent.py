"""What management said a moment ago of a model: asked once for all who want to know at one moment.

Where TorchServe's word for a refusal isn't enough, management tells what it means. Refusals come in
thousands, such as those of a full queue, and all of a moment have the same reason.
"""

from __future__ import annotations

import asyncio
import http
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Optional

from wrapper.torchserve.description import Description
from wrapper.torchserve.management_errors import ManagementError

# Seconds for which an answer is good.
_MOMENT = 0.5

# Nothing where it has no such model; None where it didn't say.
Said = Optional[Sequence[Description]]


class _Heard(NamedTuple):
    when: float
    said: Said


class Recent:
    """Asks what TorchServe says of a model, unless somebody just has."""

    def __init__(self, describe: Callable[[str], Sequence[Description]]) -> None:
        """Take what asks, on a thread; it may raise a ManagementError."""
        self._describe = describe
        self._heard: dict[str, _Heard] = {}
        self._asking: dict[str, asyncio.Task[Said]] = {}

    async def describe(self, model: str) -> Said:
        """Give what TorchServe says of each version of a model, the default one first.

        Returns:
            Nothing where it has no such model, None where it doesn't say.
        """
        heard = self._heard.get(model)
        if heard is not None and time.monotonic() - heard.when < _MOMENT:
            return heard.said
        loop = asyncio.get_running_loop()
        asking = self._asking.get(model)
        if asking is None or asking.get_loop() is not loop:
            asking = self._asking[model] = loop.create_task(self._ask(model))
        # One who waits may be called off; the others want to know all the same.
        return await asyncio.shield(asking)

    async def _ask(self, model: str) -> Said:
        try:
            said: Said = await asyncio.to_thread(self._describe, model)
        except ManagementError as error:
            said = [] if error.status == http.HTTPStatus.NOT_FOUND else None
        finally:
            self._asking.pop(model, None)
        self._heard[model] = _Heard(time.monotonic(), said)
        return said

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_asking": {}}
