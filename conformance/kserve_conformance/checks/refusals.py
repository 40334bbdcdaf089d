"""What checks share of requests that must be refused, or may be."""

from __future__ import annotations

from kserve_conformance import expect
from kserve_conformance.asking.http_client import Answer

UNKNOWN_MODEL = "conformance-no-such-model"
# Versions are numbers to some servers; this one is large for a number of releases of a model.
UNKNOWN_VERSION = "7919"
# What the texts and the servers say of a request that breaks the schema.
SCHEMA_FAULT = (400, 422)


# Levels beyond what any reader that counts them takes.
DEEPEST = 100_000


def nested(depth: int, within: bytes = b"") -> bytes:
    """Give a JSON list in so many others, with this in the innermost."""
    return b"[" * depth + within + b"]" * depth


def answered_or_refused(answer: Answer) -> bool:
    """Tell whether a request is answered; raise `Departure` where it is neither, nor a 4xx."""
    is_answered = answer.status == 200
    if not is_answered:
        answer.failure()
    return is_answered


def refused(answer: Answer) -> None:
    """Raise `Departure` where a request isn't answered with an error status."""
    expect.that(
        answer.status >= 400,
        f"{answer.asked}: expected an error status, got {answer.status}: "
        f"{expect.shortened(answer.text(), 300)}",
    )


def refused_with_error(answer: Answer) -> None:
    """Raise `Departure` where a request isn't answered with an error status and an error."""
    refused(answer)
    answer.error(answer.status)
