"""A TorchServe with the wrapper's own envelope for V2, all of it in this process."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tests.wrapper.envelopes import worker
from tests.wrapper.surroundings import AnsweringTorchServe, settings
from wrapper.errors import ServingError
from wrapper.metrics.timeline import Timeline
from wrapper.names import Target
from wrapper.openinference import frames
from wrapper.openinference.signature import Signature
from wrapper.spliced import Content
from wrapper.torchserve import error_table
from wrapper.torchserve.error_table import Case
from wrapper.torchserve.exchange import Reply, Verb

Handle = Callable[[list[Any], Any], Any]


class WorkedTorchServe(AnsweringTorchServe):
    """A TorchServe with the envelope of this release, or of one that reads no frames.

    Attributes:
        reads_frames: whether it is that of this release.
        told: the errors that it is to answer first, one a call.
        bodies: what it got of requests, without the question for frames.
        questions: how often it was asked whether it reads them.
        declared: what the model's author declares of its tensors.
    """

    def __init__(self, folder: Path, handle: Handle, **more: int) -> None:
        lines = [f"{name}={value}" for name, value in more.items()]
        config = "\n".join(["service_envelope=kservev2_faithful", *lines])
        super().__init__(settings(folder, more=config))
        self.handle = handle
        self.reads_frames = True
        self.told: list[ServingError] = []
        self.bodies: list[bytes] = []
        self.questions = 0
        self.declared = Signature()

    def signature(self, target: Target) -> Signature:
        """Give what the test declares."""
        return self.declared

    async def ask(
        self,
        verb: Verb,
        target: Target,
        body: Content,
        headers: Mapping[str, str],
        timeout: float | None = None,
        timeline: Timeline | None = None,
    ) -> Reply:
        """Answer as a worker does."""
        got = bytes(body)
        await asyncio.sleep(0)
        if self.told:
            raise self.told.pop(0)
        most = self.settings.max_request_size
        if len(got) > most:
            raise error_table.error(Case.REQUEST_TOO_LARGE, max_request_size=most)
        if got == frames.EMPTY:
            self.questions += 1
        else:
            self.bodies.append(got)
        # The wrapper says what TorchServe makes of a body for its worker.
        is_json = headers.get("content-type") != "application/octet-stream"
        row = {"body": json.loads(got) if is_json else bytearray(got)}
        if frames.is_frame(got) and not self.reads_frames:
            row = {"body": bytearray(b"\0")}
        try:
            (answer,), _ = worker.told("kservev2_faithful", self.handle, row)
            if not self.reads_frames:
                answer = answer.removesuffix(frames.MARK)
        except worker.PredictionException as error:
            said = {"code": error.error_code, "message": error.message}
            text = json.dumps(said).encode()
            raise error_table.from_answer(error.error_code, text, worker.LIMITS) from None
        return Reply(bytes(answer))
