"""What checks say of an answer: each function returns, or raises `Departure` with a sentence."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Collection, Iterator
from typing import Any, TypeGuard

from kserve_conformance.text.redaction import without_secrets

_LONGEST = 600
# Of a body of many megabytes no more is looked at than may come to be its beginning.
_LOOKED_AT = 10


class Departure(AssertionError):
    """A server departs from a statement. Its text is a sentence that says how.

    Attributes:
        expected: what the statement asks for, as JSON; None where the sentence says it all.
        observed: what came instead, as JSON.
    """

    def __init__(self, sentence: str, expected: Any = None, observed: Any = None) -> None:
        super().__init__(sentence)
        self.expected = expected
        self.observed = observed


def that(holds: bool, otherwise: str) -> None:
    """Raise `Departure` with the sentence ``otherwise`` where something doesn't hold."""
    if not holds:
        raise Departure(otherwise)


def equal(observed: Any, expected: Any, what: str) -> None:
    """Compare as JSON: 1 is not 1.0, nor true. A `Departure` names ``what`` and both."""
    if as_json(observed) != as_json(expected):
        raise Departure(
            f"{what}: expected {shortened(as_json(expected))}, got {shortened(as_json(observed))}",
            expected,
            observed,
        )


def one_of(observed: Any, allowed: Collection[Any], what: str) -> None:
    """Raise `Departure` where a value is none of those that the texts allow."""
    # A list, as what was observed may have no hash.
    if observed not in list(allowed):
        shown = " or ".join(str(each) for each in allowed)
        raise Departure(f"{what}: expected {shown}, got {observed}", list(allowed), observed)


def are_texts(value: Any) -> TypeGuard[list[str]]:
    """Tell whether a value is a list of texts."""
    return isinstance(value, list) and all(isinstance(each, str) for each in value)


@contextlib.contextmanager
def reading(what: str) -> Iterator[None]:
    """Take an answer apart that may be of another form than the specification says.

    Raises:
        Departure: where it is; else that would be taken for a fault of the suite.
    """
    try:
        yield
    except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
        raise Departure(f"{what} is not of the specified form: {error!r}") from None


def as_json(value: Any) -> str:
    """Write a value so that equal documents are equal texts; bytes as text where they are."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False, default=_text)


def plain(value: Any) -> Any:
    """Give a value as JSON by RFC 8259 can hold it: what is no number there becomes text."""
    return json.loads(as_json(value), parse_constant=str)


def shortened(text: str, longest: int = _LONGEST) -> str:
    """Cut a long text off, and say how long it was.

    What is cut has no secrets: half of one isn't known as it by whoever writes results.
    """
    if len(text) <= longest:
        return text
    looked_at = text[: _LOOKED_AT * longest]
    shown = without_secrets(looked_at)
    if len(shown) <= longest and looked_at == text:
        return shown
    return f"{shown[:longest]}... ({len(text)} characters)"


def _text(value: Any) -> Any:
    return value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else str(value)
