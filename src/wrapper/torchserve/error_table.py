"""What TorchServe's errors mean to the client of the wrapper: one table.

This is the one place that recognises TorchServe's words. Whoever has to know an error again asks
for its case; the sentences are for the client. docs/errors.md shows the same rows.
"""

from __future__ import annotations

import dataclasses
import enum
import json
import re
from typing import Any, NamedTuple

from wrapper.errors import ServingError


class Case(enum.Enum):
    """What happened. The value is its name in docs/errors.md."""

    TOKEN_REFUSED = "token refused"
    NO_WORKER = "no worker"
    OUT_OF_MEMORY = "out of memory"
    WORKER_KILLED = "worker killed"
    WORKER_DIED = "worker died"
    MODEL_FAILED = "model failed"
    MODEL_FAILED_ON_WHOLE_BODY = "model failed on whole body"
    WRONG_NUMBER_OF_RESULTS = "wrong number of results"
    TOO_SLOW = "too slow"
    REQUEST_TOO_LARGE = "request too large"
    NO_SUCH_MODEL = "no such model"
    NO_SUCH_VERSION = "no such version"
    NO_REQUEST = "no request"
    REFUSED = "refused"
    NOT_AVAILABLE = "not available"
    FAILED = "failed"
    UNREACHABLE = "unreachable"
    INTERRUPTED = "interrupted"
    UNLOADED = "unloaded"
    TIMED_OUT = "timed out"
    QUEUE_FULL = "queue full"
    WORKER_TOO_SLOW = "worker too slow"
    UNLISTED = "unlisted"


class Again(enum.Enum):
    """Whether the same request may be sent again, by whoever doesn't know what is in it.

    The statuses follow: gateways and clients repeat a 503 (UNAVAILABLE) by themselves, and nothing
    else that is answered. So that is the status where it is safe, and only there.
    """

    YES = "yes"
    NO = "no"
    NOT_KNOWN = "not known"


class Limits(NamedTuple):
    """TorchServe's limits in bytes, which sentences quote."""

    max_request_size: int
    max_response_size: int


class TorchServeError(ServingError):
    """A request that TorchServe didn't answer, or with an error.

    Attributes:
        case: what happened, by which the wrapper knows it again.
    """

    def __init__(
        self, case: Case, status: int, message: str, retry_after: int | None = None
    ) -> None:
        super().__init__(status, message, retry_after)
        self.case = case


@dataclasses.dataclass(frozen=True)
class Row:
    """What one case becomes for the client.

    Attributes:
        status: the HTTP status for the client.
        again: whether the request may be sent again.
        sentence: what the client is told; ``{said}`` is TorchServe's own message.
        rest: the HTTP statuses that TorchServe tells the case by, none where the wrapper finds
            it by itself.
        grpc: the gRPC codes that TorchServe tells it by.
        saying: words in TorchServe's message that tell it from other cases.
        retry_after: seconds after which the same request may succeed.
    """

    case: Case
    status: int
    again: Again
    sentence: str
    rest: tuple[int, ...] = ()
    grpc: tuple[str, ...] = ()
    saying: str = ""
    retry_after: int | None = None


# The first row that fits decides. Over gRPC TorchServe says INTERNAL to much that has a
# status of its own over REST, so that its words have to tell.
TABLE = (
    Row(
        Case.TOKEN_REFUSED,
        503,
        Again.YES,
        "TorchServe refuses the wrapper's token: set TORCHSERVE_KEY_FILE to its key_file.json. An "
        "expired token is renewed only where TorchServe's REST servers have a port each",
        (400, 401, 403),
        ("PERMISSION_DENIED", "UNAUTHENTICATED", "INTERNAL"),
        "Token Authorization failed",
    ),
    Row(
        Case.NO_WORKER,
        503,
        Again.YES,
        "TorchServe has no worker for this model now",
        (503,),
        ("INTERNAL", "UNAVAILABLE", "RESOURCE_EXHAUSTED"),
        "has no worker",
    ),
    Row(
        Case.OUT_OF_MEMORY,
        503,
        Again.YES,
        "The model ran out of memory",
        (507,),
        ("INTERNAL", "RESOURCE_EXHAUSTED"),
        "Out of",
    ),
    # TorchServe tells it by the exit code, 137: signal 9, which no model sends by itself.
    Row(
        Case.WORKER_KILLED,
        503,
        Again.YES,
        "The model's worker was killed from outside while it answered, mostly for want of memory; "
        "TorchServe starts another",
        (507,),
        ("RESOURCE_EXHAUSTED",),
        "Worker died",
    ),
    Row(
        Case.WORKER_DIED,
        502,
        Again.NO,
        "The model's worker died while it answered, and the request may be why: it crashed, or its "
        "answer is larger than max_response_size, {max_response_size} bytes; TorchServe starts "
        "another",
        (500, 503),
        ("INTERNAL", "UNAVAILABLE", "UNKNOWN"),
        "Worker died",
    ),
    Row(
        Case.MODEL_FAILED,
        500,
        Again.NO,
        "The model failed on this request; TorchServe's model log (MODEL_LOG) says why",
        (500, 503),
        ("UNAVAILABLE", "INTERNAL"),
        "Prediction failed",
    ),
    Row(
        Case.WRONG_NUMBER_OF_RESULTS,
        500,
        Again.NO,
        "The model's handler answered another number of results than it was asked for",
        (503,),
        ("UNAVAILABLE", "INTERNAL"),
        "batch response mismatched",
    ),
    Row(
        Case.TOO_SLOW,
        504,
        Again.NOT_KNOWN,
        "The model didn't answer within TorchServe's response timeout",
        (408, 504),
        ("DEADLINE_EXCEEDED",),
    ),
    Row(
        Case.REQUEST_TOO_LARGE,
        413,
        Again.NO,
        "The request is larger than TorchServe takes: max_request_size is {max_request_size} bytes",
        (413,),
        ("RESOURCE_EXHAUSTED", "CANCELLED"),
    ),
    Row(
        Case.NO_SUCH_MODEL,
        404,
        Again.NO,
        "TorchServe has no such model: {said}",
        (404,),
        ("NOT_FOUND", "INTERNAL"),
        "odel not found",
    ),
    # One that was unloaded a moment ago: the wrapper knows the others by itself.
    Row(
        Case.NO_SUCH_VERSION,
        404,
        Again.NO,
        "TorchServe has no such version of the model: {said}",
        (404,),
        ("NOT_FOUND", "INTERNAL"),
        "odel version",
    ),
    Row(
        Case.NO_REQUEST,
        400,
        Again.NO,
        "TorchServe refuses the request: {said}",
        (400,),
        ("INVALID_ARGUMENT",),
        "no Open Inference request",
    ),
    Row(
        Case.REFUSED,
        400,
        Again.NO,
        "TorchServe refuses the request: {said}",
        tuple(range(400, 500)),
        ("INVALID_ARGUMENT", "FAILED_PRECONDITION"),
    ),
    Row(
        Case.NOT_AVAILABLE,
        503,
        Again.YES,
        "TorchServe can't answer now: {said}",
        (503,),
        ("UNAVAILABLE",),
    ),
    Row(
        Case.FAILED,
        500,
        Again.NO,
        "The model failed: {said}",
        tuple(range(500, 600)),
        ("INTERNAL", "UNKNOWN"),
    ),
    # From here on TorchServe has not said it in so many words.
    Row(
        Case.UNREACHABLE,
        503,
        Again.YES,
        "TorchServe doesn't accept connections: it is starting or has gone",
    ),
    # Whether TorchServe has run the request is not known, so nothing here says to try again.
    Row(
        Case.INTERRUPTED,
        502,
        Again.NOT_KNOWN,
        "TorchServe closed the connection before it had answered",
    ),
    Row(
        Case.UNLOADED,
        502,
        Again.NOT_KNOWN,
        "The model was unloaded before it had answered",
    ),
    Row(Case.TIMED_OUT, 504, Again.NOT_KNOWN, "TorchServe didn't answer in time"),
    Row(
        Case.MODEL_FAILED_ON_WHOLE_BODY,
        500,
        Again.NO,
        "The model failed on this request; TorchServe's model log (MODEL_LOG) says why. TorchServe "
        "has no envelope, so that its handler got the whole body: if it was written for one, set "
        "service_envelope (TS_SERVICE_ENVELOPE) to kserve for V1 or kservev2 for V2",
    ),
    Row(
        Case.QUEUE_FULL,
        503,
        Again.YES,
        "The model's job queue is full (TorchServe's job_queue_size): try again",
        retry_after=1,
    ),
    Row(
        Case.WORKER_TOO_SLOW,
        504,
        Again.NOT_KNOWN,
        "The model didn't answer within {limit:g} s (TorchServe's default_response_timeout)",
    ),
    # The last row is for what no other one fits.
    Row(
        Case.UNLISTED, 502, Again.NOT_KNOWN, "TorchServe answered {code}, which can't be passed on"
    ),
)

# TorchServe puts its exception's class below the first line of a gRPC error. An error without it
# is of gRPC's own making, in gRPC's words.
_TORCHSERVES_OWN = "org.pytorch"
_NOT_CONNECTED = "connect"

# How the wrapper's own envelopes begin an error, and no answer (envelopes/faithful_batch.py).
_ERROR_BODY = b'{"code": '

_URL = re.compile(r"\b[a-z]+://\S+|(?<![\w.])/[\w.\-/]{3,}|\b\d{1,3}(\.\d{1,3}){3}(:\d+)?\b")
_CLASS = re.compile(r"\b(?:[a-z_]\w*\.){2,}[A-Z]\w*:?\s*")


def error(case: Case, **facts: object) -> TorchServeError:
    """Give a new error of a case. One that is raised twice would hold on to both requests.

    Args:
        facts: what the case's sentence quotes.
    """
    return _error(next(row for row in TABLE if row.case is case), "", **facts)


def from_answer(status: int, body: bytes, limits: Limits) -> TorchServeError:
    """Turn an error answer of TorchServe's REST API into what the client is told.

    Args:
        status: TorchServe's HTTP status, 300-599.
        body: its body, usually ``{"code", "type", "message"}``, sometimes empty.
    """
    row = _row_for_answer(status, body)
    told = _error(row, message(body), **limits._asdict(), code=status)
    if row.case is Case.REFUSED:
        # A handler can choose a status of its own (PredictionException).
        told.status = status
    return told


def from_status(code: str, details: str, limits: Limits) -> TorchServeError:
    """Turn an error status of TorchServe's gRPC API into what the client is told.

    Args:
        code: the status code's name, such as ``NOT_FOUND``.
        details: its message. TorchServe puts its exception's class below the first line.
    """
    fitting = (row for row in TABLE if code in row.grpc and row.saying in details)
    row = next(fitting, TABLE[-1])
    return _error(row, details, **limits._asdict(), code=code)


def from_call(code: str, details: str, size: int, limits: Limits) -> TorchServeError:
    """Turn the error of a gRPC call, gRPC's own or TorchServe's, into what the client is told.

    Args:
        size: the bytes of the request's body.
    """
    if code == "UNAVAILABLE" and _TORCHSERVES_OWN not in details:
        return error(Case.UNREACHABLE if _NOT_CONNECTED in details else Case.INTERRUPTED)
    if code == "DEADLINE_EXCEEDED":
        return error(Case.TIMED_OUT)
    if code == "CANCELLED" and size <= limits.max_request_size:
        return error(Case.INTERRUPTED)
    return from_status(code, details, limits)


def from_prediction(prediction: bytes, limits: Limits) -> TorchServeError | None:
    """Give the error that an answer over gRPC holds, None where it is an answer.

    TorchServe's gRPC server has no status for one request of a batch, so that the wrapper's own
    envelopes tell it in the body, as TorchServe's REST server does.
    """
    if not prediction.startswith(_ERROR_BODY):
        return None
    status = json.loads(prediction)["code"]
    return from_answer(status, prediction, limits)


def case_of(status: int, body: bytes) -> Case:
    """Tell which case an error answer of TorchServe's REST APIs is."""
    return _row_for_answer(status, body).case


def _row_for_answer(status: int, body: bytes) -> Row:
    said = message(body)
    fitting = (row for row in TABLE if status in row.rest and row.saying in said)
    return next(fitting, TABLE[-1])


def _error(row: Row, said: str, **facts: object) -> TorchServeError:
    quoted = without_internals(said) or "it doesn't say why"
    return TorchServeError(
        row.case, row.status, row.sentence.format(said=quoted, **facts), row.retry_after
    )


def without_internals(said: str) -> str:
    """Give a message of TorchServe without addresses, paths and classes of the pod."""
    lines = said.strip().splitlines()
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
