"""Inference over HTTP: what is checked, what is passed on as it came, what is rewritten."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, Callable

from wrapper import json_body, steps
from wrapper.errors import ServingError
from wrapper.front import framing, v1_body, v2_body
from wrapper.front.answer import JSON, Answer
from wrapper.front.deadline import Deadline
from wrapper.front.framing import Framing
from wrapper.front.limits import JsonLimit
from wrapper.metrics import kinds
from wrapper.metrics.requests import Requests
from wrapper.metrics.timeline import Timeline
from wrapper.names import Target
from wrapper.openinference import answer as answers
from wrapper.openinference import binary, frames, long_data, long_request, normal_form, request
from wrapper.openinference.frames import Packer
from wrapper.openinference.request import Wanted
from wrapper.openinference.to_json import Spend, TensorWriter, Writer, Writing
from wrapper.spliced import LONG, Content
from wrapper.steps import Steps, one_by_one
from wrapper.torchserve.error_table import Case, TorchServeError
from wrapper.torchserve.exchange import Reply, Verb
from wrapper.torchserve.service import TorchServe

# What clients send when nobody chose a type: curl's default for -d, and the unknown type.
_UNDECLARED = ("application/x-www-form-urlencoded", binary.MEDIA_TYPE)


_V1_KINDS = {Verb.PREDICT: kinds.V1_PREDICT, Verb.EXPLAIN: kinds.V1_EXPLAIN}

# Gives a request that isn't JSON as what it stands for, the data of its tensors by a writer.
_Read = Callable[[Writing], Steps[dict[str, Any]]]


class Inference:
    """Answers predict, explain and infer."""

    def __init__(self, torchserve: TorchServe, requests: Requests) -> None:
        self._torchserve = torchserve
        self._requests = requests
        self._envelope = torchserve.settings.envelope
        self._forwarded = torchserve.settings.forwarded
        self._framing = Framing(torchserve)

    async def answer_v1(
        self, verb: Verb, target: Target, body: bytes, headers: Mapping[str, str]
    ) -> Answer:
        """Answer ``POST /v1/models/{model}:predict`` or ``:explain``."""
        with self._requests.counting(_V1_KINDS[verb], target.model) as timeline:
            self._torchserve.check_protocol(target, verb)
            forwarded = self._forwarded(headers)
            content: Content = body
            if self._is_raw(body, headers):
                forwarded["content-type"] = headers["content-type"]
            elif len(body) <= LONG:
                content = v1_body.passed_on(body, self._envelope)
            else:
                content = await one_by_one(v1_body.long_passed_on(body, self._envelope))
            reply = await self._torchserve.ask(verb, target, content, forwarded, None, timeline)
            return await self._v1_answer(reply)

    async def infer(self, target: Target, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Answer ``POST .../infer`` to a model or a version, JSON or of the binary extension."""
        with self._requests.counting(kinds.V2_INFER, target.model) as timeline:
            self._torchserve.check_protocol(target, Verb.INFER)
            deadline = self._deadline(None)
            forwarded = self._forwarded(headers)
            length = headers.get(binary.LENGTH_HEADER)
            if length is not None:
                read = partial(_read_binary, body, length)
                asked = await self._ask_other(target, read, forwarded, deadline, timeline)
                return await self._v2_answer(*asked)
            _check_media_type(headers)
            content: Content = body
            takes = self._envelope, self._torchserve.signature(target)
            if len(body) <= LONG:
                content, wanted = v2_body.passed_on(body, *takes)
            else:
                content, wanted = await one_by_one(v2_body.long_passed_on(body, *takes))
            reply: Reply | Case | None = None
            if wanted.is_anything_binary and self._framing.is_read(target):
                writing = frames.around(content, *self._limits())
                reply = await self._ask_by_frame(target, writing, forwarded, deadline, timeline)
            if not isinstance(reply, Reply):
                reply = await self._torchserve.ask(
                    Verb.INFER, target, content, forwarded, deadline.left(), timeline
                )
                self._framing.see(target, reply)
            return await self._v2_answer(reply, wanted)

    async def explain_v2(self, target: Target, *_: Any) -> Answer:
        """Refuse ``POST /v2/models/{model}/explain``, which isn't part of the protocol."""
        with self._requests.counting(kinds.V2_EXPLAIN, target.model):
            self._torchserve.check_known(target)
            if self._envelope.speaks == "V2":
                how = f", and TorchServe's envelope {self._envelope.name} reads no V1"
            else:
                how = f": ask in V1, POST /v1/models/{target.model}:explain"
            raise ServingError(501, f"The Open Inference Protocol has no explanations{how}")

    async def infer_document(
        self,
        target: Target,
        read: _Read,
        headers: Mapping[str, str],
        timeout: float | None = None,
        timeline: Timeline | None = None,
    ) -> dict[str, Any]:
        """Answer a request that came in another encoding, as the JSON that it stands for.

        Args:
            read: gives that JSON; it is called once the names are right.
            timeout: seconds that the client still waits.
            timeline: gets the moments at which TorchServe was asked and had answered.

        Raises:
            ServingError: for whatever keeps the request from being answered.
        """
        self._torchserve.check_protocol(target, Verb.INFER)
        rest = self._forwarded(headers), self._deadline(timeout), timeline
        reply, wanted = await self._ask_other(target, read, *rest)
        if len(reply.body) <= LONG:
            return answers.read(reply.body, wanted)
        return await one_by_one(answers.long_read(reply.body, wanted))

    async def _ask_other(
        self,
        target: Target,
        read: _Read,
        headers: Mapping[str, str],
        deadline: Deadline,
        timeline: Timeline | None,
    ) -> tuple[Reply, Wanted]:
        """Have TorchServe answer what isn't JSON: as a frame where those are read, else as JSON."""

        async def by_frame() -> tuple[Reply, Wanted] | Case:
            asked, wanted = await one_by_one(self._judged(target, read, Packer))
            writing = frames.write(asked, *self._limits())
            reply = await self._ask_by_frame(target, writing, headers, deadline, timeline)
            return (reply, wanted) if isinstance(reply, Reply) else reply

        told = await by_frame() if self._framing.is_read(target) else None
        if isinstance(told, tuple):
            return told
        too_large = Case.REQUEST_TOO_LARGE
        try:
            asked, wanted = await one_by_one(self._judged(target, read))
            body = long_data.write(asked)
            reply = await self._torchserve.ask(
                Verb.INFER, target, body, headers, deadline.left(), timeline
            )
        except TorchServeError as error:
            # A frame that was too large isn't tried again.
            may_be_frame = error.case is too_large and told is not too_large
            if may_be_frame and await self._framing.ask(target, deadline):
                told = await by_frame()
                if isinstance(told, tuple):
                    return told
            raise
        self._framing.see(target, reply)
        return reply, wanted

    async def _ask_by_frame(
        self,
        target: Target,
        writing: Steps[Content],
        headers: Mapping[str, str],
        deadline: Deadline,
        timeline: Timeline | None,
    ) -> Reply | Case:
        """Give the answer to a frame, or why it has to be JSON: too large, or no request."""
        headers = {**headers, **framing.HEADERS}
        try:
            frame = await one_by_one(writing)
            return await self._torchserve.ask(
                Verb.INFER, target, frame, headers, deadline.left(), timeline
            )
        except TorchServeError as error:
            is_refused = self._framing.forget_if_refused(target, error)
            # JSON may be shorter: it has integers in as many digits as they need.
            if is_refused or error.case is Case.REQUEST_TOO_LARGE:
                return error.case
            raise

    def _deadline(self, timeout: float | None) -> Deadline:
        """Give that of a client that waits so many seconds, TORCHSERVE_REQUEST_TIMEOUT for None."""
        return Deadline(self._torchserve.settings.request_timeout if timeout is None else timeout)

    def _limits(self) -> tuple[int, Spend]:
        """Give the most bytes of the answer to a frame, and what those of the frame are told."""
        settings = self._torchserve.settings
        return settings.max_response_size, JsonLimit(settings.max_request_size).spend

    def _judged(
        self, target: Target, read: _Read, around: Callable[[Writer], TensorWriter] = lambda it: it
    ) -> Steps[tuple[dict[str, Any], Wanted]]:
        """Give a request as TorchServe gets it, once it is known to be one that the model takes.

        Args:
            around: makes of what writes tensors as JSON what writes those of this request.
        """
        limit = JsonLimit(self._torchserve.settings.max_request_size)
        asked = yield from read(lambda size: around(Writer(self._envelope, size, limit.spend)))
        wanted = yield from request.check_in_steps(asked, self._envelope)
        self._torchserve.signature(target).check(asked)
        return asked, wanted

    def _is_raw(self, body: bytes, headers: Mapping[str, str]) -> bool:
        content_type = headers.get("content-type", "")
        if not content_type or json_body.is_json(content_type):
            return False
        if _may_be_json(content_type) and json_body.begins_as_one(body):
            return False
        if not self._envelope.reads_bytes:
            raise ServingError(
                415,
                f"TorchServe's envelope {self._envelope.name} reads JSON only: send the data in "
                '"instances", with Content-Type application/json',
            )
        return True

    async def _v1_answer(self, reply: Reply) -> Answer:
        body = reply.body
        is_long = len(body) > LONG
        content_type = reply.content_type or await self._likely_type(body)
        if json_body.is_json(content_type) and (
            await one_by_one(json_body.long_holds_nan(body))
            if is_long
            else json_body.holds_nan(body)
        ):
            raise ServingError(
                500,
                "The model answered NaN or infinity, which JSON can't hold: answer null or a text",
            )
        return Answer(200, body, content_type)

    async def _likely_type(self, body: bytes) -> str:
        if self._envelope.speaks:
            return JSON
        if len(body) <= LONG:
            is_document = json_body.is_document(body)
        else:
            is_document = await one_by_one(json_body.long_is_document(body))
        return JSON if is_document else binary.MEDIA_TYPE

    async def _v2_answer(self, reply: Reply, wanted: Wanted) -> Answer:
        if len(reply.body) <= LONG:
            return steps.at_once(self._v2_answered(reply.body, wanted, False))
        return await one_by_one(self._v2_answered(reply.body, wanted, True))

    def _v2_answered(self, body: bytes, wanted: Wanted, is_long: bool) -> Steps[Answer]:
        # An envelope that writes V2 is believed where nothing in the bytes speaks against it.
        envelope = self._envelope
        believed = envelope.speaks == "V2" and not frames.is_frame(body)
        if believed and wanted.is_everything_in_json:
            if is_long:
                needs_reading = yield from answers.long_needs_reading(body, envelope)
            else:
                needs_reading = answers.needs_reading(body, envelope)
            if not needs_reading:
                return Answer(200, body)
        if is_long:
            answer = yield from answers.long_read(body, wanted)
        else:
            answer = answers.read(body, wanted)
        if not any(wanted.is_binary(output["name"]) for output in answer["outputs"]):
            answer = yield from answers.in_json(answer)
            return Answer(200, bytes(answers.to_json(answer)))
        packed, length = yield from answers.to_binary(answer, wanted)
        return Answer(200, packed, binary.MEDIA_TYPE, {binary.LENGTH_HEADER: str(length)})


def _read_binary(body: bytes, length: str, writing: Writing) -> Steps[dict[str, Any]]:
    head, data = binary.split(body, length)
    if len(head) <= LONG:
        asked = normal_form.of_request(json_body.read(head))
    else:
        document = yield from json_body.judge(head)
        asked, _ = yield from long_request.read(document)
    return (yield from binary.to_json(asked, data, writing(len(body))))


def _may_be_json(content_type: str) -> bool:
    return json_body.media_type(content_type) in _UNDECLARED


def _check_media_type(headers: Mapping[str, str]) -> None:
    content_type = headers.get("content-type", "")
    if not content_type or json_body.is_json(content_type) or _may_be_json(content_type):
        return
    raise ServingError(
        415,
        "An Open Inference request is JSON: send it with Content-Type application/json, or "
        "binary tensors with the header Inference-Header-Content-Length",
    )
