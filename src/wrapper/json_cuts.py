"""Where a long JSON body is cut into pieces, each of which a parser reads by itself.

A piece ends behind a comma or within a text. What is open there is closed for the parser, and
opened again before the next piece. In the place of what is on the other side of a comma stands a
0, so that a comma with nothing before or behind it is wrong there, too. So a body is valid JSON
if, and only if, all of its pieces are.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from wrapper.json_depth import DEEPEST, brackets, without_escapes

# Bytes of a piece, which take less than a millisecond.
PIECE = 64 * 1024

_BLANK = b" \t\r\n"
_LIST, _OBJECT, _BACKSLASH = b"[{\\"
_CLOSING = {_LIST: b"]", _OBJECT: b"}"}
_OPENED = {_LIST: b"[", _OBJECT: b'{"":'}
# By what is open innermost, what stands for all that is on the other side of a comma.
_BEHIND_COMMA = {_LIST: b"[0,", _OBJECT: b'{"":0,'}
_BEFORE_COMMA = {_LIST: b"0", _OBJECT: b'"":0'}
# Brackets in a row of JSON with no comma among them: all that are open are closed, or as many as
# may be are opened, and closed with those that were.
_MOST_WITHOUT_COMMA = 3 * DEEPEST
# The longest way to write one letter: two halves of a surrogate pair.
_LONGEST_LETTER = 12


class NotNested(ValueError):
    """The brackets of a body don't match."""


class Place(NamedTuple):
    """A place between two pieces.

    Attributes:
        position: bytes before it.
        stack: the brackets that are open.
        in_text: whether it is within a text; else it is behind a comma, or at the start.
        in_key: whether that text is the name of a member.
    """

    position: int = 0
    stack: bytes = b""
    in_text: bool = False
    in_key: bool = False

    def opening(self, stack: bytes) -> bytes:
        """Give what makes a document of what follows, with these of the brackets."""
        if self.position == 0:
            return b""
        outer = b"".join([_OPENED[each] for each in stack[:-1]])
        if not self.in_text:
            return outer + (_BEHIND_COMMA[stack[-1]] if stack else b"")
        if self.in_key:
            return outer + b'{"'
        return outer + (_OPENED[stack[-1]] if stack else b"") + b'"'

    def closing(self, stack: bytes) -> bytes:
        """Give what makes a document of what comes before, with these of the brackets."""
        closers = b"".join([_CLOSING[each] for each in reversed(stack)])
        if not self.in_text:
            return (_BEFORE_COMMA[stack[-1]] if stack else b"") + closers
        return (b'":0' if self.in_key else b'"') + closers


class Piece(NamedTuple):
    """A part of a body between two places.

    Attributes:
        fewest: brackets that are open wherever in it the fewest are.
        is_text: whether it is all of one text.
    """

    before: Place
    after: Place
    fewest: int
    is_text: bool


class Part(NamedTuple):
    """What a cut sees of the bytes before it.

    Attributes:
        end: bytes of the body before the cut.
        brackets: those outside of texts.
        in_text: whether the cut is within a text.
        before_text: the last letter before that text, nothing where the text began earlier.
        is_text: whether all is within one text.
    """

    end: int
    brackets: bytes
    in_text: bool
    before_text: bytes
    is_text: bool


def part(body: bytes, start: int, in_text: bool, size: int) -> Part:
    """Give the next part of a body, of which nothing is known to be JSON.

    Args:
        size: its bytes at most; more where there is no place to cut.
    """
    while True:
        block = without_escapes(body[start : start + size])
        is_last = start + len(block) >= len(body)
        parts = block.split(b'"')
        outside = parts[in_text::2]
        is_text = in_text and len(parts) == 1
        if is_last:
            return Part(len(body), brackets(b"".join(outside)), False, b"", is_text)
        end = len(block)
        for index in range(len(parts) - 1, -1, -1):
            begin = end - len(parts[index])
            comma = -1 if (index + in_text) % 2 else block.rfind(b",", begin, end)
            if comma >= 0:
                before = [*parts[in_text:index:2], block[begin:comma]]
                return Part(start + comma + 1, brackets(b"".join(before)), False, b"", False)
            end = begin - 1
        if (len(parts) + in_text) % 2 == 0:
            begin = len(block) - len(parts[-1])
            within = _within_text(block, begin)
            if within:
                last = b"" if is_text else block[: begin - 1].rstrip(_BLANK)[-1:] or b","
                return Part(start + within, brackets(b"".join(outside)), True, last, is_text)
        else:
            found = brackets(b"".join(outside))
            if len(found) > _MOST_WITHOUT_COMMA:
                # No JSON, so that it may be cut anywhere. A longer part would take too long.
                return Part(start + len(block), found, False, b"", False)
        size *= 2


def pieces(body: bytes, size: int = PIECE) -> Iterator[tuple[Piece, bytes]]:
    """Give the pieces of a body, each with its brackets outside of texts.

    Whoever goes on has found all pieces so far to be JSON.

    Raises:
        NotNested: when a bracket is closed that isn't open.
    """
    before = Place()
    while before.position < len(body):
        end, found, in_text, before_text, is_text = part(
            body, before.position, before.in_text, size
        )
        closers, openers = _unmatched(found)
        kept = len(before.stack) - len(closers)
        if kept < 0 or not _match(before.stack[kept:], closers):
            raise NotNested
        stack = before.stack[:kept] + openers
        in_key = before.in_key
        if before_text:
            in_key = stack[-1:] == b"{" and before_text != b":"
        after = Place(end, stack, in_text, in_text and in_key)
        yield Piece(before, after, kept, is_text), found
        before = after


def _within_text(block: bytes, begin: int) -> int:
    """Give where the end of a block within a text may be cut, 0 where it may not.

    Args:
        begin: where the text begins in the block.
    """
    latest = len(block) - _LONGEST_LETTER
    for at in range(latest, max(begin, latest - 2 * _LONGEST_LETTER), -1):
        # Neither within a letter's bytes, nor within what is escaped, nor between halves of a pair.
        if block[at] != 2 and not 0x80 <= block[at] < 0xC0:
            near = block.rfind(b"\\", max(begin, at - 5), at)
            inside = near >= 0 and (near == at - 1 or block[near + 1 : near + 2] == b"u")
            if not inside and not _is_low_half(block[at : at + 4]):
                return at
    return 0


def _is_low_half(escape: bytes) -> bool:
    return escape[:3].lower() == b"\\ud" and escape[3:4].lower() in b"cdef"


def _unmatched(found: bytes) -> tuple[bytes, bytes]:
    """Give the closing and the opening brackets that are left when pairs are taken away.

    Raises:
        NotNested: when some are of another kind, or lie deeper than may be.
    """
    for _ in range(DEEPEST + 1):
        length = len(found)
        found = found.replace(b"[]", b"").replace(b"{}", b"")
        if len(found) == length:
            break
    openers = found.lstrip(b"]}")
    closers = found[: len(found) - len(openers)]
    if openers.strip(b"[{"):
        raise NotNested
    return closers, openers


def _match(opened: bytes, closers: bytes) -> bool:
    return b"".join([_CLOSING[each] for each in reversed(opened)]) == closers
