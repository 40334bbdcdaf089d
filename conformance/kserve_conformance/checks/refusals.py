"""What checks share of requests that must be refused."""

from __future__ import annotations

from kserve_conformance import expect
from kserve_conformance.asking.http_client import Answer

UNKNOWN_MODEL = "conformance-no-such-model"
# Versions are numbers to some servers; this one is large for a number of releases of a model.
UNKNOWN_VERSION = "7919"
# What the texts and the servers say of a request that breaks the schema.
SCHEMA_FAULT = (400, 422)


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
