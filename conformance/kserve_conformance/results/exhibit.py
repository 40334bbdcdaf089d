"""The evidence of one check: what was sent and answered, expected and observed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from kserve_conformance import expect
from kserve_conformance.results.record import Exchange

# Enough to show what went wrong; a run of 27 releases stays readable in one file.
_LONGEST = 4000


@dataclass
class Exhibit:
    """Collects while a check runs. What it holds goes into the check's record."""

    expected: Any = None
    observed: Any = None
    exchanges: list[Exchange] = field(default_factory=list)

    def exchange(self, request: str, response: str) -> None:
        """Keep a request to the subject and its response, as text."""
        self.exchanges.append(
            {
                "request": expect.shortened(request, _LONGEST),
                "response": expect.shortened(response, _LONGEST),
            }
        )

    def equal(self, observed: Any, expected: Any, what: str) -> None:
        """Keep both values, and raise `Departure` where they differ; see `expect.equal`."""
        self.expected, self.observed = expected, observed
        expect.equal(observed, expected, what)
