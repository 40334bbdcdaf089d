"""Which gRPC status code tells a client what an HTTP status does, by its name.

Apart from grpcio, which takes a quarter of a second to import.
"""

from __future__ import annotations

from wrapper.errors import ServingError

OK = "OK"
CANCELLED = "CANCELLED"

_NAMES = {
    400: "INVALID_ARGUMENT",
    404: "NOT_FOUND",
    405: "FAILED_PRECONDITION",
    413: "RESOURCE_EXHAUSTED",
    415: "INVALID_ARGUMENT",
    429: "RESOURCE_EXHAUSTED",
    501: "UNIMPLEMENTED",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}


def name_of(error: ServingError) -> str:
    """Give the name of the code that an error ends a call with."""
    if error.retry_after is not None:
        return "RESOURCE_EXHAUSTED"
    return _NAMES.get(error.status, "INTERNAL")
