"""A long JSON body, judged and looked into without ever being in memory as objects.

`judge` finds out whether it is JSON, and keeps where it cut it. By these places a `Span`, one of
the document's values, finds its end, its members or its elements, and gives a list in fragments.
"""

from __future__ import annotations

import bisect
import re
from collections.abc import Iterator
from typing import Any, Callable, NamedTuple

from wrapper import json_cuts, json_depth
from wrapper.json_cuts import PIECE, Piece, Place
from wrapper.steps import Steps

Parse = Callable[[bytes], Any]

_TEXT = rb'"[^"\\]*(?:\\.[^"\\]*)*"'
# A text may be cut by where a search ends.
_TOKENS = re.compile(_TEXT + rb"?|[\[\]{}]", re.DOTALL)
_END_OF_TEXT = re.compile(rb'[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_BLANK = re.compile(rb"[ \t\r\n]*")
_NAME = re.compile(rb"[ \t\r\n]*(" + _TEXT + rb")[ \t\r\n]*:[ \t\r\n]*", re.DOTALL)
_PLAIN = re.compile(rb"[^ \t\r\n,\]}]+")
_NEXT = re.compile(rb"[ \t\r\n]*,?[ \t\r\n]*")

# What a member or an element costs to find, in bytes of a piece that a parser reads meanwhile.
_COST = 64
# Bytes of a value of which a sentence shows the beginning; a letter has 12 at most.
_SHOWN = 4096


class NoJson(ValueError):
    """A body is no JSON."""


class TooDeep(NoJson):
    """A body is nested deeper than any that is read."""


class Fragment(NamedTuple):
    """What a piece of a body has of a list.

    Attributes:
        value: the list's elements in it. Those that are lists may be cut in turn: each begun before
            and the last of each that goes on have only what is in the piece.
        continued: levels of lists that were begun before, the list itself being one.
        open: levels of lists that go on.
        partial: the last element of all, where it is no list and goes on.
    """

    value: list[Any]
    continued: int
    open: int
    partial: Callable[[], Any] | None


class Document:
    """A body that is JSON."""

    def __init__(self, body: bytes, parse: Parse, pieces: list[Piece]) -> None:
        self.body = body
        self.parse = parse
        self._pieces = pieces
        self._starts = [each.before.position for each in pieces]
        self._start = _behind(_BLANK, body, 0)
        self._end = self.end(self._start, 0)

    @property
    def root(self) -> Span:
        """The whole of it; keeping it would keep the body until cycles are collected."""
        return Span(self, self._start, self._end, 0)

    def end(self, start: int, depth: int) -> int:
        """Give where a value ends that begins somewhere, with so many brackets open before it."""
        first = self.body[start]
        if first in b"[{":
            return self._end_of_brackets(start, depth)
        return self._end_of_text(start) if first in b'"' else _behind(_PLAIN, self.body, start)

    def places(self, start: int, end: int) -> Iterator[Place]:
        """Give the places at which a part of the body is cut."""
        index = bisect.bisect_right(self._starts, start)
        while index < len(self._starts) and self._starts[index] < end:
            yield self._pieces[index].before
            index += 1

    def _end_of_brackets(self, start: int, depth: int) -> int:
        index = self._index(start)
        end = self._closed(start, self._pieces[index].after.position, depth, depth)
        while not end:
            index += 1
            before, after, fewest, _ = self._pieces[index]
            if fewest > depth:
                continue
            begin = before.position
            if before.in_text:
                begin = _behind(_END_OF_TEXT, self.body, begin)
            end = self._closed(begin, after.position, len(before.stack), depth)
        return end

    def _closed(self, start: int, end: int, opened: int, depth: int) -> int:
        """Give where no more than ``depth`` brackets are open, 0 where that is later."""
        for token in _TOKENS.finditer(self.body, start, end):
            first = self.body[token.start()]
            if first in b"[{":
                opened += 1
            elif first in b"]}":
                opened -= 1
                if opened == depth:
                    return token.end()
        return 0

    def _end_of_text(self, start: int) -> int:
        index = self._index(start)
        begin = start + 1
        while True:
            piece = self._pieces[index]
            if not piece.is_text or not piece.after.in_text:
                found = _END_OF_TEXT.match(self.body, begin, piece.after.position)
                if found:
                    return found.end()
            index += 1
            begin = piece.after.position

    def _index(self, position: int) -> int:
        return bisect.bisect_right(self._starts, position) - 1


class Member(NamedTuple):
    """A member of an object.

    Attributes:
        start: where it begins in the body.
    """

    name: str
    start: int
    value: Span


class Span(NamedTuple):
    """One value of a document.

    Attributes:
        depth: the brackets that are open before it.
    """

    document: Document
    start: int
    end: int
    depth: int

    @property
    def size(self) -> int:
        """Its bytes."""
        return self.end - self.start

    @property
    def is_list(self) -> bool:
        """Whether it is a list."""
        return self.document.body[self.start] in b"["

    @property
    def is_object(self) -> bool:
        """Whether it is an object."""
        return self.document.body[self.start] in b"{"

    def text(self) -> bytes:
        """Give its JSON as it came."""
        return self.document.body[self.start : self.end]

    def read(self) -> Any:
        """Give the value, all at once."""
        return self.document.parse(self.text())

    def beginning(self) -> Any:
        """Give the value, or one of its kind that begins as it does.

        It has something in it where the value has, and all that any sentence shows.
        """
        length = _SHOWN
        while length < self.size:
            text = self.document.body[self.start : self.start + length]
            piece, _ = next(json_cuts.pieces(text, length // 2))
            end = piece.after.position
            if end < length:
                return self.document.parse(text[:end] + piece.after.closing(piece.after.stack))
            length *= 4
        return self.read()

    def members(self) -> Iterator[Member | None]:
        """Give an object's members in their order, a name as often as it is there.

        None stands between steps.
        """
        body = self.document.body
        position = self.start + 1
        passed = 0
        while True:
            name = _NAME.match(body, position)
            if not name:
                return
            value = self._inner(name.end())
            yield Member(self.document.parse(name[1]), name.start(1), value)
            position = _behind(_NEXT, body, value.end)
            passed += _COST + value.size
            if passed > PIECE:
                passed = 0
                yield None

    def elements(self) -> Iterator[Span | None]:
        """Give a list's elements in their order; None stands between steps."""
        body = self.document.body
        position = _behind(_BLANK, body, self.start + 1)
        passed = 0
        while position < self.end - 1:
            value = self._inner(position)
            yield value
            position = _behind(_NEXT, body, value.end)
            passed += _COST + value.size
            if passed > PIECE:
                passed = 0
                yield None

    def fragments(self) -> Iterator[Fragment]:
        """Give a list as the pieces of the body have it."""
        document = self.document
        before = None
        for after in (*document.places(self.start + 1, self.end), None):
            yield self._fragment(before, after)
            before = after

    def _inner(self, start: int) -> Span:
        depth = self.depth + 1
        return Span(self.document, start, self.document.end(start, depth), depth)

    def _fragment(self, before: Place | None, after: Place | None) -> Fragment:
        start = self.start if before is None else before.position
        end = self.end if after is None else after.position
        text = self.document.body[start:end]
        value = self.document.parse(_as_document(text, before, after, self.depth))
        continued = 0 if before is None else self._lists(before)
        goes_on = 0 if after is None else self._lists(after)
        if before is not None:
            del _nested(value, 0, continued)[0]
        partial = None
        if after is not None:
            if after.in_text or len(after.stack) > self.depth + goes_on:
                partial = lambda: self._last_open(before, start, after, goes_on)  # noqa: E731
            else:
                _nested(value, -1, goes_on).pop()
        return Fragment(value, continued, goes_on, partial)

    def _lists(self, place: Place) -> int:
        stack = place.stack[self.depth :]
        return len(stack) - len(stack.lstrip(b"["))

    def _last_open(self, before: Place | None, start: int, after: Place, lists: int) -> Any:
        """Give the beginning of the element that is cut at a place, within so many lists."""
        opened: list[int] = [] if before is None else [-1] * (len(before.stack) - self.depth)
        text = -1
        for token in _TOKENS.finditer(self.document.body, start, after.position):
            first = self.document.body[token.start()]
            if first in b"[{":
                opened.append(token.start())
            elif first in b"]}":
                opened.pop()
            else:
                text = token.start()
        at = opened[lists] if len(opened) > lists else text
        depth = self.depth + lists
        return Span(self.document, at, self.document.end(at, depth), depth).beginning()


def judge(
    body: bytes, parse: Parse, size: int = PIECE, check: Parse | None = None
) -> Steps[Document]:
    """Give a body as a document.

    Args:
        parse: gives the value of JSON; what it refuses with a ValueError is none.
        size: bytes of a piece.
        check: refuses what ``parse`` does, for where its value isn't wanted.

    Raises:
        TooDeep: when it is nested too deep, whether it is JSON or not.
        NoJson: when it isn't JSON otherwise.
    """
    check = check or parse
    depth = json_depth.Depth()
    pieces: list[Piece] = []
    place = Place()
    try:
        for piece, brackets in json_cuts.pieces(body, size):
            if depth.is_beyond(brackets):
                raise TooDeep
            place = piece.after
            text = body[piece.before.position : place.position]
            after = None if place.position == len(body) else place
            check(_as_document(text, piece.before, after, 0))
            pieces.append(piece)
            yield
        if pieces:
            return Document(body, parse, pieces)
    except TooDeep:
        raise
    except ValueError:
        pass
    # Whatever it is, that is told first.
    start, in_text = place.position, place.in_text
    while start < len(body):
        part = json_cuts.part(body, start, in_text, size)
        if depth.is_beyond(part.brackets):
            raise TooDeep
        start, in_text = part.end, part.in_text
        yield
    raise NoJson


def no_utf8_from(body: bytes | memoryview, size: int = PIECE) -> Steps[int | None]:
    """Give the byte from which on a body is no UTF-8, None where it is."""
    start = 0
    while start < len(body):
        # No fewer than a letter may have.
        block = body[start : start + max(size, 4)]
        try:
            str(block, "utf-8")
            start += len(block)
        except UnicodeDecodeError as error:
            is_cut = error.reason == "unexpected end of data" and error.start
            if not is_cut or start + len(block) == len(body):
                return start + error.start
            start += error.start
        yield
    return None


def _as_document(text: bytes, before: Place | None, after: Place | None, depth: int) -> bytes:
    """Give a part of a body as a document of what is within so many brackets."""
    opening = b"" if before is None else before.opening(before.stack[depth:])
    closing = b"" if after is None else after.closing(after.stack[depth:])
    return b"".join((opening, text, closing))


def _nested(value: list[Any], index: int, levels: int) -> list[Any]:
    for _ in range(levels - 1):
        value = value[index]
    return value


def _behind(pattern: re.Pattern[bytes], body: bytes, start: int) -> int:
    found = pattern.match(body, start)
    assert found is not None
    return found.end()
