"""The evidence of one check: what was sent and answered, expected and observed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from kserve_conformance import expect
from kserve_conformance.results.record import Exchange

# Enough to show what went wrong; a run of 27 releases stays readable in one file.
_LONGEST = 4000

Words = str | Callable[[], str]
"""A text, or what writes it: nobody is shown most of what is asked, and to write it costs."""


@dataclass
class Exhibit:
    """Collects while a check runs. What it holds goes into the check's record.

    Attributes:
        told: each request to the subject, and its response.
    """

    expected: Any = None
    observed: Any = None
    told: list[tuple[Words, Words]] = field(default_factory=list)

    @property
    def exchanges(self) -> list[Exchange]:
        """Write each request and its response as text."""
        return [
            {"request": _written(request), "response": _written(response)}
            for request, response in self.told
        ]

    def exchange(self, request: Words, response: Words) -> None:
        """Keep a request to the subject and its response."""
        self.told.append((request, response))

    def equal(self, observed: Any, expected: Any, what: str) -> None:
        """Keep both values, and raise `Departure` where they differ; see `expect.equal`."""
        self.expected, self.observed = expected, observed
        expect.equal(observed, expected, what)


def _written(words: Words) -> str:
    return expect.shortened(words if isinstance(words, str) else words(), _LONGEST)
