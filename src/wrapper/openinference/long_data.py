"""The data of tensors that are too long to be lists of Python's objects."""

from __future__ import annotations

import dataclasses
import itertools
import secrets
from collections.abc import Iterator, Sequence
from typing import Any

from wrapper import json_body
from wrapper.json_pieces import Fragment, Span
from wrapper.openinference import shapes
from wrapper.openinference.datatypes import Datatype
from wrapper.openinference.seen import Seen
from wrapper.spliced import Content, Spliced
from wrapper.steps import Steps

# A text that no document has, for nobody knows it.
_STAND_IN = secrets.token_hex(16)


@dataclasses.dataclass(frozen=True)
class LongJson:
    """A value that is passed on as it stands in JSON.

    Attributes:
        parts: its JSON, in parts.
    """

    parts: Sequence[bytes | memoryview]


@dataclasses.dataclass(frozen=True)
class LongData(LongJson):
    """A list of elements, flat or nested.

    Attributes:
        seen: what is known of the elements.
        span: where it stands in a document, None for what was written.
    """

    seen: Seen
    span: Span | None = None

    def check(self, tensor: str, shape: Sequence[int], datatype: Datatype) -> int:
        """Judge the elements as those that are there, and give their number.

        Raises:
            ServingError: 400.
        """
        shapes.check_seen(tensor, shape, self.seen)
        datatype.check_gathered(tensor, self.seen.firsts, self.seen.extremes)
        return self.seen.count

    def slices(self) -> Iterator[list[Any]]:
        """Give the elements of a document's numbers that fit their shape, flat and in parts."""
        assert self.span is not None
        for fragment in self.span.fragments():
            elements = fragment.value
            for _ in self.seen.levels[1:]:
                elements = list(itertools.chain.from_iterable(elements))
            yield elements


def as_it_stands(span: Span) -> LongJson:
    """Give a value of a document that no rule looks at."""
    return LongJson([_view(span)])


def of_span(span: Span) -> Steps[LongData]:
    """Give a list of a document."""
    seen = Seen()
    for fragment in span.fragments():
        known = len(seen.firsts)
        seen.take(fragment.value, fragment.continued, fragment.open)
        if fragment.partial is not None and len(seen.firsts) > known:
            _complete(seen, fragment)
        yield
    return LongData([_view(span)], seen, span)


def write(document: Any) -> Content:
    """Give a document as `json_body.write` does, with the long values in it as they stand."""
    found: list[LongJson] = []

    def stand_in(value: Any) -> str:
        assert isinstance(value, LongJson)
        found.append(value)
        return _STAND_IN

    written = json_body.write(document, stand_in)
    if not found:
        return written
    texts = written.split(f'"{_STAND_IN}"'.encode())
    parts: list[bytes | memoryview] = []
    # What half a surrogate pair made it write once more was found twice.
    for text, value in itertools.zip_longest(texts, found[len(found) + 1 - len(texts) :]):
        parts.append(text)
        parts.extend(() if value is None else value.parts)
    return Spliced(parts)


def _view(span: Span) -> memoryview:
    return memoryview(span.document.body)[span.start : span.end]


def _complete(seen: Seen, fragment: Fragment) -> None:
    """Give the first of its type as it is, where only part of it was in the fragment."""
    innermost = fragment.value
    for _ in range(fragment.open - 1):
        innermost = innermost[-1]
    kind = type(innermost[-1])
    if fragment.partial is not None and seen.firsts[kind] is innermost[-1]:
        seen.firsts[kind] = fragment.partial()
