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

# What part of a body is its beginning: one of so many.
_BEGINNING = 8
# Bytes from which on the system moves a buffer that grows without a copy of it (M_MMAP_THRESHOLD of
# glibc, at the most), so that no more of it has to be had, and cleared, at once.
_MAPPED = 32 * 1024 * 1024 + 1


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
        # The first of it, as it came.
        self._parts: list[bytes] = []
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
        if self._all is None:
            self._parts.append(part)
            self._put_together()
        else:
            self._all.write(part)

    def _put_together(self) -> None:
        """Have one buffer as long as all of it once there is more than its beginning.

        It is given as it is: to join parts at the end would take the memory of two. Whoever only
        announces a body doesn't get the memory for it.
        """
        announced = self._headers.get("content-length", "")
        is_known = self._unpacking is None and announced.isascii() and announced.isdigit()
        length = int(announced) if is_known else 0
        if len(self._parts) == 1 or self._size * _BEGINNING < length:
            return
        self._all = io.BytesIO()
        if min(length, _MAPPED) > self._size:
            self._all.seek(min(length, _MAPPED) - 1)
            self._all.write(b"\0")
            self._all.seek(0)
        self._all.writelines(self._parts)
        self._parts = []

    def whole(self) -> bytes:
        """Give it, once all has come.

        Raises:
            ServingError: 400 when it was cut short.
        """
        if self._unpacking is not None:
            self._unpacking.end()
        if self._all is None:
            return b"".join(self._parts)
        self._all.truncate()
        return self._all.getvalue()


def waits_for_an_answer(headers: Mapping[str, str]) -> bool:
    """Tell whether the client sends its body only when it is told to (RFC 9110, 10.1.1)."""
    return headers.get("expect", "").lower() == "100-continue"
