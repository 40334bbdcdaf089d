"""A request's body as it comes, whichever server reads it."""

from __future__ import annotations

import io
from collections.abc import Mapping

from wrapper.front import encodings
from wrapper.front.limits import BodyLimit
from wrapper.steps import Steps

# So much of what follows a refusal is read and forgotten, since a client that sends first and reads
# then would meet a connection that was reset, and not the answer: bytes, and seconds.
FORGOTTEN_BYTES = 64 * 1024 * 1024
FORGOTTEN_SECONDS = 10.0


class Body:
    """Collects a body, unpacked, and refuses it as soon as it is known to be too large."""

    def __init__(self, limit: BodyLimit, headers: Mapping[str, str]) -> None:
        """Look at what is announced.

        Args:
            headers: the request's, names in lower case.

        Raises:
            ServingError: 413.
        """
        limit.check(headers, 0)
        self._limit = limit
        self._headers = headers
        self._received = 0
        self._unpacking: encodings.Unpacking | None = None
        self._first = b""
        self._all: io.BytesIO | None = None
        self._size = 0

    def add(self, part: bytes) -> Steps[None]:
        """Take what has come of it, in steps where that is packed.

        Raises:
            ServingError: 413; 415 for an encoding that isn't read, 400 for what isn't so encoded.
        """
        if not part:
            return
        if not self._received:
            named = encodings.named(self._headers.get("content-encoding", ""))
            self._unpacking = None if named is None else encodings.Unpacking(named)
        self._received += len(part)
        self._limit.check(self._headers, self._received)
        if self._unpacking is not None:
            room = self._limit.most(self._headers) - self._size
            part = yield from self._unpacking.unpack(part, room + 1)
        self._size += len(part)
        self._limit.check(self._headers, self._size)
        if self._all is not None:
            self._all.write(part)
        elif not self._first:
            self._first = part
        else:
            # Grows in its place and is given as it is: to join parts would take the memory of two.
            self._all = io.BytesIO()
            self._all.write(self._first)
            self._all.write(part)
            self._first = b""

    def whole(self) -> bytes:
        """Give it, once all has come.

        Raises:
            ServingError: 400 when it was cut short.
        """
        if self._unpacking is not None:
            self._unpacking.end()
        return self._first if self._all is None else self._all.getvalue()


def waits_for_an_answer(headers: Mapping[str, str]) -> bool:
    """Tell whether the client sends its body only when it is told to (RFC 9110, 10.1.1)."""
    return headers.get("expect", "").lower() == "100-continue"
