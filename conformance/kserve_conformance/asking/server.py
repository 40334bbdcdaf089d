"""The server under judgement, as one check sees it."""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import itertools
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol, TypeVar
from urllib.parse import urlsplit

from google.protobuf.message import Message
from tritonclient.grpc import service_pb2

from kserve_conformance import VERSION, tensors
from kserve_conformance.asking import transcript
from kserve_conformance.asking.grpc_client import (
    CallFailed,
    GrpcClient,
    Streamed,
    curl,
    grpcurl,
    shown,
)
from kserve_conformance.asking.http_client import Answer, HttpClient, NoAnswer, Request
from kserve_conformance.asking.target import Target
from kserve_conformance.asking.transcript import Seen
from kserve_conformance.expect import Departure
from kserve_conformance.results.exhibit import Exhibit, Words
from kserve_conformance.results.verdict import Unsupported

T = TypeVar("T")

PRODUCT = f"kserve-conformance/{VERSION}"
# Of a stream. A server that never ends one is left.
MOST_ANSWERS = 1000


class Knowledge(Protocol):
    """What is known of the server besides its address; see `asking.offer.Offer`."""

    v1_sample: Mapping[str, Any] | None
    v2_sample: Mapping[str, Any] | None
    is_contract_v1: bool
    is_contract_v2: bool
    not_ready_model: str | None
    declared: frozenset[str]
    detected: frozenset[str]
    absent: Mapping[str, str]
    version: str | None

    def why_unsupported(self, profile: str, feature: str | None) -> str | None: ...


class Server:
    """Asks one server on behalf of one check, and keeps what was said.

    Each request has the check's id in User-Agent and X-Request-Id, so that the server's own log
    can be joined.

    Attributes:
        model: the model to ask.
        check: the id of the check.
        seen: what a client could tell of each answer.
    """

    def __init__(self, target: Target, check: str, http: HttpClient, known: Knowledge) -> None:
        self.target = target
        self.model = target.model
        self.known = known
        self.exhibit = Exhibit()
        self.seen: list[Seen] = []
        self.check = check
        self._http = http
        self._grpc: GrpcClient | None = None
        # Safe for requests that come at once, each from a thread.
        self._numbers = itertools.count(1)

    # ------------------------------------------------------------ REST

    def get(self, path: str, headers: Mapping[str, str | None] | None = None) -> Answer:
        """GET a path; see `ask`."""
        return self.ask("GET", path, None, headers)

    def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        headers: Mapping[str, str | None] | None = None,
    ) -> Answer:
        """Send a request.

        Args:
            body: bytes as they are, anything else as JSON; none where it is None.
            headers: more of them; a value of None leaves one out that would be sent else, as
                ``content-type: application/json`` of a request with a body is.

        Raises:
            NoAnswer: when the server doesn't answer.
        """
        number = next(self._numbers)
        request = self._request(number, method, path, body, headers or {})
        answer = self._kept(
            lambda: request.curl(self.target.access), lambda: self._http.send(request), Answer.shown
        )
        self._remember(transcript.of_answer(self.check, number, answer))
        return answer

    def predict(self, body: Any, model: str | None = None, **more: Any) -> Answer:
        """POST to the model's V1 ``:predict``; see `ask`."""
        return self.ask("POST", f"/v1/models/{model or self.model}:predict", body, **more)

    def explain(self, body: Any, model: str | None = None, **more: Any) -> Answer:
        """POST to the model's V1 ``:explain``; see `ask`."""
        return self.ask("POST", f"/v1/models/{model or self.model}:explain", body, **more)

    def infer(self, body: Any, model: str | None = None, **more: Any) -> Answer:
        """POST to the model's V2 ``/infer``; see `ask`."""
        return self.ask("POST", f"/v2/models/{model or self.model}/infer", body, **more)

    def generate(
        self, body: Any, model: str | None = None, streams: bool = False, **more: Any
    ) -> Answer:
        """POST to the model's V2 ``/generate``, or to ``/generate_stream``; see `ask`."""
        call = "generate_stream" if streams else "generate"
        return self.ask("POST", f"/v2/models/{model or self.model}/{call}", body, **more)

    def infer_binary(
        self, head: Mapping[str, Any] | bytes, raw: bytes, length: str | None = ""
    ) -> Answer:
        """POST a V2 request with binary tensors behind its JSON head.

        Args:
            length: Inference-Header-Content-Length; the head's where it is empty, and no such
                header where it is None.
        """
        written = head if isinstance(head, bytes) else encode(head)
        headers: dict[str, str | None] = {"content-type": "application/octet-stream"}
        if length is not None:
            headers["inference-header-content-length"] = length or str(len(written))
        return self.infer(written + raw, headers=headers)

    def send_bytes(self, data: bytes) -> bytes:
        """Send bytes that need be no HTTP on a connection of their own; give what comes back."""
        return self._kept(
            lambda: self._http.shown_bytes(data), lambda: self._http.send_bytes(data), repr
        )

    # ------------------------------------------------------------ gRPC

    def connect_by_grpc(self) -> None:
        """Connect; see `GrpcClient.connect`."""
        self._grpc_client().connect()

    def call(
        self, name: str, request: Message | None = None, metadata: Mapping[str, str] | None = None
    ) -> Any:
        """Make a call of inference.GRPCInferenceService, with an empty request where it is None.

        Raises:
            CallFailed: when it ends with another status than OK.
            Unsupported: when there is no gRPC target.
        """
        message = getattr(service_pb2, f"{name}Request")() if request is None else request
        client = self._grpc_client()
        number = next(self._numbers)
        sent = {"x-request-id": self._id(number), **(metadata or {})}
        line = self._grpcurl(client.target, name, message, sent)
        try:
            answer = self._kept(line, lambda: client.call(name, message, sent), shown)
        except CallFailed as error:
            self._remember(transcript.of_message(self.check, number, name, error.code, None))
            raise
        self._remember(transcript.of_message(self.check, number, name, "OK", answer))
        return answer

    def call_bytes(self, method: str, message: bytes) -> bytes:
        """Call any method of any service with bytes; see `GrpcClient.call_bytes`."""
        client = self._grpc_client()
        sent = {"x-request-id": self._id(next(self._numbers))}
        line = self._curl(client.target, method, sent, message)
        return self._kept(line, lambda: client.call_bytes(method, message, sent), repr)

    def told_beside(
        self, name: str, request: Message, metadata: Mapping[str, str]
    ) -> Mapping[str, Any]:
        """Make a call for what comes beside its answer; see `GrpcClient.told_beside`."""
        client = self._grpc_client()
        sent = {"x-request-id": self._id(next(self._numbers)), **metadata}
        line = self._grpcurl(client.target, name, request, sent)
        return self._kept(line, lambda: client.told_beside(name, request, sent), str)

    def stream_bytes(self, method: str, *messages: bytes, most: int = MOST_ANSWERS) -> Streamed:
        """Call any method with a stream of messages; see `GrpcClient.stream_bytes`.

        Raises:
            CallFailed: when the server doesn't end it in time.
        """
        client = self._grpc_client()
        sent = {"x-request-id": self._id(next(self._numbers))}
        line = self._curl(client.target, method, sent, *messages)
        streamed = self._kept(
            line, lambda: client.stream_bytes(method, messages, sent, most), Streamed.shown
        )
        if streamed.code == "DEADLINE_EXCEEDED":
            raise CallFailed(method, streamed.code, streamed.details)
        return streamed

    def infer_grpc(self, request: service_pb2.ModelInferRequest, **more: Any) -> Any:
        """Call ModelInfer; see `call`."""
        return self.call("ModelInfer", request, **more)

    def refused(self, name: str, request: Message, *codes: str) -> CallFailed:
        """Make a call that must end with one of these gRPC codes, any but OK where none is named.

        Raises:
            Departure: when it is answered, ends with another code, or doesn't end in time.
        """
        wanted = " or ".join(codes) or "an error status"
        try:
            self.call(name, request)
        except CallFailed as error:
            if error.is_no_answer or (
                error.code == "UNAVAILABLE" and "UNAVAILABLE" not in codes and self._is_gone()
            ):
                raise
            if codes and error.code not in codes:
                raise Departure(
                    f"{name}: expected {wanted}, got {error.code}: {error.details}",
                    list(codes),
                    error.code,
                ) from None
            return error
        raise Departure(f"{name}: expected {wanted}, got OK", list(codes) or "an error", "OK")

    @contextlib.contextmanager
    def aside(self) -> Iterator[None]:
        """Ask for what isn't judged, and keep none of it: a person is shown the last exchange."""
        judged = len(self.exhibit.told)
        try:
            yield
        finally:
            del self.exhibit.told[judged:]

    # ------------------------------------------------------------ what to ask with

    def v1_sample(self) -> dict[str, Any]:
        """Give a V1 request that the model answers; `Unsupported` where none is known."""
        return self._sample(self.known.v1_sample, "V1", '{"v1": {"instances": [...]}}')

    def v2_sample(self, **members: Any) -> dict[str, Any]:
        """Give a V2 request that the model answers, with more members; see `v1_sample`."""
        sample = self._sample(self.known.v2_sample, "V2", '{"v2": {"inputs": [...]}}')
        return {**sample, **members}

    def grpc_sample(self) -> service_pb2.ModelInferRequest:
        """Give the V2 sample as a gRPC request, typed where its datatypes have typed contents."""
        return tensors.any_request(self.model, self.v2_sample())

    def need_contract_v1(self) -> None:
        """Raise `Unsupported` where V1 instances don't come back as from the contract model."""
        if not self.known.is_contract_v1:
            raise Unsupported(_NO_CONTRACT.format("V1 instances"))

    def need_contract_v2(self) -> None:
        """Raise `Unsupported` where V2 tensors don't come back as from the contract model."""
        if not self.known.is_contract_v2:
            raise Unsupported(_NO_CONTRACT.format("V2 tensors called returned"))

    def need_v2_rest(self) -> None:
        """Raise `Unsupported` where there is no V2 REST to compare with."""
        if "v2" in self.known.absent:
            raise Unsupported(f"there is no V2 REST to compare with: {self.known.absent['v2']}")

    def not_ready_model(self) -> str:
        """Give a model that the server knows and that isn't ready; `Unsupported` without one."""
        if self.known.not_ready_model is None:
            raise Unsupported("no model is known that isn't ready: name one with --not-ready-model")
        return self.known.not_ready_model

    def version(self) -> str:
        """Give a version of the model that may be asked for by its name; `Unsupported` without."""
        if self.known.version is None:
            raise Unsupported("no version of the model is known that may be asked for by its name")
        return self.known.version

    def spare_model(self) -> str:
        """Give a model that may be unloaded and loaded again; `Unsupported` without one."""
        if self.target.spare_model is None:
            raise Unsupported("no model may be unloaded: name one with --spare-model")
        return self.target.spare_model

    def close(self) -> None:
        """Close what only this check used."""
        if self._grpc is not None:
            self._grpc.close()

    def _request(
        self, number: int, method: str, path: str, body: Any, headers: Mapping[str, str | None]
    ) -> Request:
        written = body if body is None or isinstance(body, bytes) else encode(body)
        sent: dict[str, str | None] = {
            "user-agent": f"{PRODUCT} ({self.check})",
            "x-request-id": self._id(number),
        }
        if written is not None:
            sent["content-type"] = "application/json"
        sent |= {name.lower(): value for name, value in headers.items()}
        kept = {name: value for name, value in sent.items() if value is not None}
        # A name may have a space, which ends a path.
        return Request(method, self._http.base + path.replace(" ", "%20"), kept, written)

    def _grpcurl(
        self, target: str, name: str, request: Message, metadata: Mapping[str, str]
    ) -> Words:
        # As it is sent: a check may change it then, and send it again.
        sent = copy.deepcopy(request)
        return lambda: grpcurl(target, name, sent, metadata, self.target.access)

    def _curl(
        self, target: str, method: str, metadata: Mapping[str, str], *messages: bytes
    ) -> Words:
        return lambda: curl(target, method, metadata, *messages, access=self.target.access)

    def _kept(self, line: Words, send: Callable[[], T], shown: Callable[[T], str]) -> T:
        """Send a request, and keep what a person is shown of it and of how it ended."""
        try:
            answer = send()
        except (NoAnswer, CallFailed) as error:
            self.exhibit.exchange(line, error.shown())
            raise
        self.exhibit.exchange(line, lambda: shown(answer))
        return answer

    def _remember(self, seen: Seen) -> None:
        # Where an ingress has their paths begin is no difference between servers, nor are names
        # that differ from one run to the next.
        begins = urlsplit(self._http.base).path
        if begins:
            seen = dataclasses.replace(seen, asked=seen.asked.replace(f" {begins}/", " /", 1))
        names = {self.known.not_ready_model: "$not_ready", self.target.spare_model: "$spare"}
        for name, word in names.items():
            if name:
                asked, form = (text.replace(name, word) for text in (seen.asked, seen.form))
                seen = dataclasses.replace(seen, asked=asked, form=form)
        self.seen.append(seen)

    def _id(self, number: int) -> str:
        return f"{self.check}-{number}"

    def _grpc_client(self) -> GrpcClient:
        if self.target.grpc is None:
            raise Unsupported("no gRPC address was given: name it with --grpc-target")
        if self._grpc is None:
            agent = f"{PRODUCT} ({self.check})"
            self._grpc = GrpcClient(
                self.target.grpc, agent, self.target.timeout, self.target.access
            )
        return self._grpc

    def _is_gone(self) -> bool:
        try:
            with self.aside():
                self.call("ServerLive")
        except CallFailed as error:
            return error.code == "UNAVAILABLE"
        return False

    def _sample(self, sample: Mapping[str, Any] | None, version: str, form: str) -> dict[str, Any]:
        if sample is None:
            raise Unsupported(
                f"no {version} request is known that the model answers: give one with --payloads, "
                f"a file that holds {form}"
            )
        return copy.deepcopy(dict(sample))


def encode(body: Any) -> bytes:
    """Write a JSON body."""
    # Half of a surrogate pair, which UTF-8 doesn't have, becomes JSON's escape of it.
    return json.dumps(body, ensure_ascii=False).encode(errors="backslashreplace")


_NO_CONTRACT = (
    "the model doesn't give back {}: what data becomes can be judged with the contract model "
    "only (docs/conformance.md)"
)
