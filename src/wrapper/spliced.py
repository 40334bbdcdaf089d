"""A long body that is made of parts of another, so that it needs no memory of its own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Union

# Bytes from which on a body is long: judged in pieces, and sent as the receiver takes it.
LONG = 256 * 1024
# Bytes that are handed to a connection at once, of which it may keep a copy.
_SENT = 64 * 1024
# Bytes of a part up to which a copy costs less than a write of its own.
_SHORT = 16 * 1024


class Spliced:
    """The bytes of its parts one after another."""

    def __init__(self, parts: Sequence[bytes | memoryview]) -> None:
        self._parts = parts
        self._size = sum(map(len, parts))

    def __len__(self) -> int:
        return self._size

    def __bytes__(self) -> bytes:
        return b"".join(self._parts)

    def pieces(self) -> Iterator[memoryview]:
        """Give all bytes, a few at a time and none copied."""
        for part in self._parts:
            view = memoryview(part)
            for start in range(0, len(view), _SENT):
                yield view[start : start + _SENT]


def joined_where_short(parts: Iterable[bytes | memoryview]) -> Iterator[bytes | memoryview]:
    """Give parts, short ones that follow each other as one: each costs a write of its own."""
    short = bytearray()
    for part in parts:
        is_short = len(part) <= _SHORT
        if short and not (is_short and len(short) + len(part) <= _SENT):
            yield bytes(short)
            short.clear()
        if is_short:
            short += part
        else:
            yield part
    if short:
        yield bytes(short)


Content = Union[bytes, Spliced]


def pieces(content: Content) -> Iterator[memoryview]:
    """Give a body's bytes, a few at a time and none copied."""
    return (Spliced((content,)) if isinstance(content, bytes) else content).pieces()
