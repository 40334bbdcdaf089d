"""One request on each way that inference has, and what TorchServe then gets of it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from functools import partial
from typing import Any

from hypothesis import HealthCheck, settings
from kserve_conformance import tensors as encodings
from tritonclient.grpc import service_pb2

from tests.wrapper.surroundings import AnsweringTorchServe
from wrapper import steps
from wrapper.errors import ServingError
from wrapper.front import Answer, Front
from wrapper.front.answer import refusal
from wrapper.names import Target
from wrapper.openinference import infer_messages, messages
from wrapper.torchserve.exchange import Reply

# For properties: machines may be slow, and nothing is left behind.
thoroughly = settings(
    max_examples=200, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow]
)

WAYS = ("json", "binary", "typed", "raw")
# What the stand-in answers where a test doesn't say.
_ANSWER = {"model_name": "digits", "outputs": []}
_INFER = "/v2/models/digits/infer"


class Ways:
    """Sends requests that are written as V2 bodies, and keeps what TorchServe got of the last.

    Attributes:
        is_long: whether messages are read as long ones.
    """

    is_long = False

    def __init__(self, torchserve: AnsweringTorchServe) -> None:
        self.torchserve = torchserve
        self.reply(_ANSWER)
        self._front = Front(torchserve)

    def reply(self, answer: Mapping[str, Any]) -> None:
        """Have TorchServe answer this from now on."""
        self.torchserve.reply = Reply(json.dumps(answer).encode())

    def ask(self, way: str, body: Mapping[str, Any]) -> Answer:
        """Send a request by one of `WAYS`; over gRPC only a refusal is an answer with a body."""
        self.torchserve.calls.clear()
        if way == "json":
            return self.post(json.dumps(body).encode())
        if way == "binary":
            head, raw = encodings.binary(body)
            return self.post_binary(head, raw)
        write = encodings.request if way == "typed" else encodings.raw_request
        try:
            self.infer(write("digits", body))
        except ServingError as error:
            return refusal(error)
        return Answer(200, b"")

    def post(self, body: bytes, **headers: str) -> Answer:
        """Post a body to the infer route."""
        route = self._front.route("POST", _INFER)
        assert route is not None
        return asyncio.run(
            _awaited(route(body, {name.replace("_", "-"): each for name, each in headers.items()}))
        )

    def post_binary(self, head: Mapping[str, Any], raw: bytes) -> Answer:
        """Post a request of the binary extension."""
        written = json.dumps(head).encode()
        return self.post(written + raw, inference_header_content_length=str(len(written)))

    def infer(self, message: Any, response: Any = None) -> Any:
        """Make the call ModelInfer with any release's message; the response is filled.

        Raises:
            ServingError: as the call ends.
        """
        asked = message
        if self.is_long:
            reading = infer_messages.long_request(type(message), message.SerializeToString())
            asked = steps.at_once(reading)
        read = partial(messages.request_to_json, asked)
        answer = asyncio.run(self._front.inference.infer_document(Target("digits"), read, {}))
        response = service_pb2.ModelInferResponse() if response is None else response
        steps.at_once(
            messages.fill_response(response, answer, raw=bool(message.raw_input_contents))
        )
        return response

    def received(self) -> Any:
        """Give the document that TorchServe got of the last request."""
        (_verb, body, _headers) = self.torchserve.calls[-1]
        return json.loads(body)


async def _awaited(answer: Any) -> Answer:
    told: Answer = await answer
    return told


def tensor(datatype: str, shape: list[int], data: Any, **more: Any) -> dict[str, Any]:
    """Write an input called x, or an output."""
    return {**encodings.tensor("x", datatype, shape, data), **more}
