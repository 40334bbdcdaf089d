"""What TorchServe's answers mean to the client of the wrapper."""

from __future__ import annotations

import json
from typing import Any

from wrapper.errors import ServingError

# TorchServe's statuses that say something else to the client of a gateway:
# 408 is a worker's response timeout, 507 a worker that ran out of memory.
_STATUSES = {408: 504, 507: 503}

UNREACHABLE = ServingError(503, "TorchServe doesn't accept connections: it is starting or has gone")
INTERRUPTED = ServingError(503, "TorchServe closed the connection before it answered")
TIMED_OUT = ServingError(504, "TorchServe didn't answer in time")


def from_answer(status: int, body: bytes) -> ServingError:
    """Turn an error answer of TorchServe into what the client is told.

    Args:
        status: TorchServe's HTTP status, 300-599.
        body: its body, usually ``{"code", "type", "message"}``, sometimes empty.
    """
    told = _STATUSES.get(status, status if status >= 400 else 502)
    message = _message(body)
    if status == 413:
        message = message or "the request is larger than TorchServe's max_request_size"
    return ServingError(told, f"TorchServe answered {status}: {message or 'without a message'}")


def _message(body: bytes) -> str:
    try:
        answer: Any = json.loads(body)
    except ValueError:
        return ""
    message = answer.get("message") if isinstance(answer, dict) else None
    return message if isinstance(message, str) else ""
