"""What TorchServe's answers mean to the client of the wrapper: one table.

docs/errors.md shows the same rows.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Sequence
from typing import Any

from wrapper.errors import ServingError
from wrapper.torchserve import tokens


@dataclasses.dataclass(frozen=True)
class Row:
    """What one kind of answer becomes.

    Attributes:
        name: what happened, for docs and tests.
        rest: the HTTP statuses that TorchServe tells it by.
        grpc: the gRPC codes that TorchServe tells it by.
        saying: words in TorchServe's message that tell it from other cases.
        status: the HTTP status for the client.
        sentence: what the client is told; ``{said}`` is TorchServe's own message.
    """

    name: str
    rest: tuple[int, ...]
    grpc: tuple[str, ...]
    status: int
    sentence: str
    saying: str = ""


class ManagementError(Exception):
    """TorchServe answers a management request with an error, or not at all.

    Attributes:
        status: its HTTP status, None when it doesn't answer.
    """

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


# Cases that the wrapper has to know again.
_TOKEN_REFUSED = Row(
    "token refused",
    (400, 401, 403),
    ("PERMISSION_DENIED", "UNAUTHENTICATED", "INTERNAL"),
    503,
    "TorchServe refuses the wrapper's token: set TORCHSERVE_KEY_FILE to its key_file.json. An "
    "expired token is renewed only where TorchServe's REST servers have a port each",
    saying=tokens.REFUSAL,
)
_NO_WORKER = Row(
    "no worker",
    (503,),
    ("INTERNAL", "UNAVAILABLE", "RESOURCE_EXHAUSTED"),
    503,
    "TorchServe has no worker for this model now",
    saying="has no worker",
)
_WORKER_DIED = Row(
    "worker died",
    (500, 503),
    ("INTERNAL", "UNAVAILABLE"),
    503,
    "The model's worker died while it answered (an answer beyond max_response_size ends a "
    "worker, too); TorchServe starts another",
    saying="Worker died",
)

# The first row that fits decides. Over gRPC TorchServe says INTERNAL to much that has a
# status of its own over REST, so that its words have to tell.
TABLE = (
    _TOKEN_REFUSED,
    _NO_WORKER,
    Row(
        "out of memory",
        (507,),
        ("INTERNAL", "RESOURCE_EXHAUSTED"),
        503,
        "The model ran out of memory",
        saying="Out of",
    ),
    _WORKER_DIED,
    Row(
        "model failed",
        (500, 503),
        ("UNAVAILABLE", "INTERNAL"),
        500,
        "The model failed on this request; TorchServe's model log (MODEL_LOG) says why",
        saying="Prediction failed",
    ),
    Row(
        "wrong number of results",
        (503,),
        ("UNAVAILABLE", "INTERNAL"),
        500,
        "The model's handler answered another number of results than it was asked for",
        saying="batch response mismatched",
    ),
    Row(
        "too slow",
        (408, 504),
        ("DEADLINE_EXCEEDED",),
        504,
        "The model didn't answer within TorchServe's response timeout",
    ),
    Row(
        "request too large",
        (413,),
        ("RESOURCE_EXHAUSTED", "CANCELLED"),
        413,
        "The request is larger than TorchServe takes: max_request_size is {max_request_size} bytes",
    ),
    Row(
        "no such model",
        (404,),
        ("NOT_FOUND", "INTERNAL"),
        404,
        "TorchServe has no such model: {said}",
        saying="odel not found",
    ),
    Row(
        "refused",
        tuple(range(400, 500)),
        ("INVALID_ARGUMENT", "FAILED_PRECONDITION"),
        400,
        "TorchServe refuses the request: {said}",
    ),
    Row("not available", (503,), ("UNAVAILABLE",), 503, "TorchServe can't answer now: {said}"),
    Row(
        "failed",
        tuple(range(500, 600)),
        ("INTERNAL", "UNKNOWN"),
        500,
        "The model failed: {said}",
    ),
)

UNREACHABLE = ServingError(503, "TorchServe doesn't accept connections: it is starting or has gone")
# Whether TorchServe has run the request is not known, so nothing here says to try again.
INTERRUPTED = ServingError(502, "TorchServe closed the connection before it had answered")
TIMED_OUT = ServingError(504, "TorchServe didn't answer in time")
QUEUE_FULL = ServingError(
    503, "The model's job queue is full (TorchServe's job_queue_size): try again", retry_after=1
)

TOKEN_REFUSED = _TOKEN_REFUSED.sentence
NO_WORKER = _NO_WORKER.sentence
WORKER_DIED = _WORKER_DIED.sentence

_URL = re.compile(r"\b[a-z]+://\S+|(?<![\w.])/[\w.\-/]{3,}|\b\d{1,3}(\.\d{1,3}){3}(:\d+)?\b")
_CLASS = re.compile(r"\b(?:[a-z_]\w*\.){2,}[A-Z]\w*:?\s*")


def from_answer(status: int, body: bytes, max_request_size: int) -> ServingError:
    """Turn an error answer of TorchServe's REST API into what the client is told.

    Args:
        status: TorchServe's HTTP status, 300-599.
        body: its body, usually ``{"code", "type", "message"}``, sometimes empty.
        max_request_size: TorchServe's limit in bytes.
    """
    said = message(body)
    for row in TABLE:
        if status in row.rest and row.saying in said:
            # A handler can choose a status of its own (PredictionException).
            told = status if row.name == "refused" else row.status
            return _error(row, said, max_request_size, told)
    return ServingError(502, f"TorchServe answered {status}, which can't be passed on")


def from_status(code: str, details: str, max_request_size: int) -> ServingError:
    """Turn an error status of TorchServe's gRPC API into what the client is told.

    Args:
        code: the status code's name, such as ``NOT_FOUND``.
        details: its message. TorchServe puts its exception's class below the first line.
    """
    lines = details.splitlines()
    for row in TABLE:
        if code in row.grpc and row.saying in details:
            return _error(row, lines[0] if lines else "", max_request_size, row.status)
    return ServingError(502, f"TorchServe answered {code}, which can't be passed on")


def too_slow(limit: float) -> ServingError:
    """Say that a worker took longer than it may.

    Args:
        limit: seconds, TorchServe's ``responseTimeout`` of the model.
    """
    return ServingError(
        504, f"The model didn't answer within {limit:g} s (TorchServe's default_response_timeout)"
    )


def _error(row: Row, said: str, max_request_size: int, status: int) -> ServingError:
    sentence = row.sentence.format(
        said=without_internals(said) or "it doesn't say why", max_request_size=max_request_size
    )
    return ServingError(status, sentence)


def without_internals(said: str) -> str:
    """Give a message of TorchServe without addresses, paths and classes of the pod."""
    lines: Sequence[str] = said.strip().splitlines()
    return _CLASS.sub("", _URL.sub("...", lines[0])) if lines else ""


def message(body: bytes) -> str:
    """Give what TorchServe says in the body of an error, the empty string where that is nothing.

    What it refuses has a ``message``; what it tried and failed at has a ``status``.
    """
    try:
        answer: Any = json.loads(body)
    except ValueError:
        return ""
    told = answer.get("message", answer.get("status")) if isinstance(answer, dict) else None
    return told if isinstance(told, str) else ""
