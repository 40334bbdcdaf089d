"""Which extensions a server is seen to have: each is asked for, and none believed."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from kserve_conformance import tensors
from kserve_conformance.asking import events, streams
from kserve_conformance.asking.grpc_client import HEALTH_CHECK, STREAM_INFER, CallFailed
from kserve_conformance.asking.http_client import Answer
from kserve_conformance.asking.server import Knowledge, Server
from kserve_conformance.expect import Departure

BINARY = "binary_tensor_data"
REPOSITORY = "model_repository"
EXPLAIN = "explain"
VERSIONS = "versions"
EVENTS = "cloudevents"
GRPC_HEALTH = "grpc_health"
GENERATE = "generate"
STREAMS = "stream_infer"
MODEL_LIST = "model_list"
METRICS = "metrics"
OPENAPI = "openapi"

# Where servers have their metrics, and of those paths that one has the description of its own.
METRICS_PATH = "/metrics"
OPENAPI_PATHS = ("/openapi.json", "/v2/docs/dataplane.json")

# What a gRPC server ends a call with that it doesn't have, or that it never answers.
_NO_CALL = ("UNIMPLEMENTED", "UNAVAILABLE", "DEADLINE_EXCEEDED")


def seen(server: Server, offer: Knowledge, has_index: bool) -> Iterator[str]:
    """Name the extensions that a server has.

    Args:
        offer: what is known of it up to then: the samples, and which profiles are absent.
        has_index: whether its model repository has one.
    """
    if has_index:
        yield REPOSITORY
    if offer.version is not None:
        yield VERSIONS
    for extension, (profile, is_there) in _LOOKS.items():
        if profile is None or (profile in server.target.profiles and profile not in offer.absent):
            with contextlib.suppress(Departure):
                if is_there(server, offer):
                    yield extension


def ask(server: Server, path: str, body: Any = None) -> Answer | None:
    """Get a path, or post a body to it; None where nothing comes that is an answer."""
    try:
        return server.ask("GET" if body is None else "POST", path, body)
    except Departure:
        return None


def told_by(answer: Answer | None) -> Any:
    """Give the JSON of an answer, None where it has none or is no success."""
    try:
        return answer.success() if answer is not None else None
    except Departure:
        return None


def openapi_path(server: Server) -> str | None:
    """Give the path at which a server describes itself, None where it doesn't."""
    for path in OPENAPI_PATHS:
        told = told_by(ask(server, path))
        if isinstance(told, dict) and "openapi" in told:
            return path
    return None


def _explains(server: Server, offer: Knowledge) -> bool:
    return offer.v1_sample is not None and server.explain(offer.v1_sample).status == 200


def _has_events(server: Server, offer: Knowledge) -> bool:
    if offer.v1_sample is None:
        return False
    structured = {**events.ATTRIBUTES, "data": offer.v1_sample}
    for body, headers in (
        (offer.v1_sample, events.headers()),
        (structured, {"content-type": events.STRUCTURED}),
    ):
        with contextlib.suppress(Departure):
            if events.read(server.predict(body, headers=headers)) is not None:
                return True
    return False


def _has_binary_data(server: Server, offer: Knowledge) -> bool:
    if offer.v2_sample is None:
        return False
    head, raw = tensors.binary({"inputs": offer.v2_sample["inputs"]})
    return server.infer_binary(head, raw).status == 200


def _generates(server: Server, _: Knowledge) -> bool:
    told = told_by(server.generate({"text_input": "conformance"}))
    return isinstance(told, dict) and isinstance(told.get("text_output"), str)


def _has_health(server: Server, _: Knowledge) -> bool:
    try:
        server.call_bytes(HEALTH_CHECK, b"")
    except CallFailed as error:
        return error.code not in _NO_CALL
    return True


def _streams(server: Server, offer: Knowledge) -> bool:
    if offer.v2_sample is None:
        return False
    request = tensors.any_request(server.model, offer.v2_sample)
    answers = server.stream_bytes(STREAM_INFER, request.SerializeToString(), most=1).answers
    return bool(answers) and not isinstance(streams.read(answers[0]), str)


def _lists_models(server: Server, _: Knowledge) -> bool:
    told = told_by(ask(server, "/v2/models"))
    return isinstance(told, dict) and isinstance(told.get("models"), list)


def _has_metrics(server: Server, _: Knowledge) -> bool:
    answer = server.get(METRICS_PATH)
    return answer.status == 200 and answer.media_type in (
        "text/plain",
        "application/openmetrics-text",
    )


def _is_described(server: Server, _: Knowledge) -> bool:
    return openapi_path(server) is not None


# Which profile an extension is one of, None for all, and how it is looked for.
_LOOKS: Mapping[str, tuple[str | None, Callable[[Server, Knowledge], bool]]] = {
    METRICS: (None, _has_metrics),
    EXPLAIN: ("v1", _explains),
    EVENTS: ("v1", _has_events),
    BINARY: ("v2", _has_binary_data),
    GENERATE: ("v2", _generates),
    MODEL_LIST: ("v2", _lists_models),
    OPENAPI: ("v2", _is_described),
    GRPC_HEALTH: ("grpc", _has_health),
    STREAMS: ("grpc", _streams),
}
