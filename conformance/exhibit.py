"""The evidence of one check: what was sent and answered, expected and observed."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

# Enough to show what went wrong; a run of 27 releases stays readable in one file.
_LONGEST = 4000


@dataclass
class Exhibit:
    """Collects while a check runs. What it holds goes into the check's record."""

    expected: Any = None
    observed: Any = None
    exchanges: list[dict[str, str]] = field(default_factory=list)

    def exchange(self, request: str, response: str) -> None:
        """Keep a request to the wrapper and its response, as text."""
        self.exchanges.append({"request": _shortened(request), "response": _shortened(response)})

    def equal(self, observed: Any, expected: Any, what: str) -> None:
        """Keep both values and judge whether they are equal, as JSON: 1 is not 1.0, nor true.

        Raises:
            AssertionError: when they aren't; names ``what`` and both.
        """
        self.expected, self.observed = expected, observed
        wanted, got = _json(expected), _json(observed)
        assert got == wanted, f"{what}: expected {_shortened(wanted)}, got {_shortened(got)}"


@contextlib.contextmanager
def reading(what: str) -> Iterator[None]:
    """Take an answer apart that may be of another form than the specification says.

    Raises:
        AssertionError: where it is; else that would be taken for a fault of the harness.
    """
    try:
        yield
    except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
        raise AssertionError(f"{what} is not of the specified form: {error!r}") from None


def _json(value: Any) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False)


def _shortened(text: str) -> str:
    if len(text) <= _LONGEST:
        return text
    return f"{text[:_LONGEST]}... ({len(text)} characters)"
