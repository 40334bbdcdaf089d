"""How a body is packed (Content-Encoding, RFC 9110, section 8.4), and how it is unpacked."""

from __future__ import annotations

import io
import zlib

from wrapper.errors import ServingError
from wrapper.steps import Steps

# Bytes that are unpacked in one step.
_STEP = 256 * 1024

READ = ("gzip", "deflate")

_NAMES = {"gzip": "gzip", "x-gzip": "gzip", "deflate": "deflate"}
# What zlib is told of what it gets: a gzip member, a zlib stream, or deflate without a frame.
_GZIP, _ZLIB, _RAW = 31, 15, -15


class EncodingError(ServingError):
    """A Content-Encoding that isn't read: 415, with those that are in ``Accept-Encoding``."""

    def __init__(self, named: str) -> None:
        shown = named if len(named) <= 40 else named[:37] + "..."
        listed = " or ".join(READ)
        super().__init__(
            415, f"Content-Encoding {shown} is not read: send it plain, or with {listed}"
        )
        self.headers = {"accept-encoding": ", ".join(READ)}


def named(content_encoding: str) -> str | None:
    """Give the encoding that a header names, None where the body is plain.

    Raises:
        EncodingError: when it isn't read.
    """
    listed = [each.strip().lower() for each in content_encoding.split(",")]
    encodings = [each for each in listed if each not in ("", "identity")]
    if not encodings:
        return None
    if len(encodings) > 1 or encodings[0] not in _NAMES:
        raise EncodingError(content_encoding.strip().lower())
    return _NAMES[encodings[0]]


class Unpacking:
    """Unpacks a body as it comes, no more of it than it is asked for."""

    def __init__(self, encoding: str) -> None:
        """Take one of `READ`."""
        self._encoding = encoding
        self._begun = b""
        self._stream: zlib._Decompress | None = None

    def unpack(self, packed: bytes, most: int) -> Steps[bytes]:
        """Give what a further part of a body holds, at most so many bytes of it.

        What is beyond is lost: whoever gets so many bytes refuses the body.

        Raises:
            ServingError: 400 when it isn't packed so.
        """
        unpacked = io.BytesIO()
        for start in range(0, len(packed), _STEP):
            rest = packed[start : start + _STEP]
            # What is as long as it may be in one step may go on without more to read.
            goes_on = False
            while (rest or goes_on) and unpacked.tell() < most:
                stream, rest = self._stream_for(rest)
                if stream is None:
                    break
                length = min(most - unpacked.tell(), _STEP)
                try:
                    goes_on = unpacked.write(stream.decompress(rest, length)) == length
                except zlib.error:
                    raise self._error("is not what") from None
                rest = stream.unused_data or stream.unconsumed_tail
                goes_on = goes_on and not stream.eof
                if goes_on:
                    yield
        return unpacked.getvalue()

    def end(self) -> None:
        """Tell that the body has ended.

        Raises:
            ServingError: 400 when more of it has to come.
        """
        if self._begun or (self._stream is not None and not self._stream.eof):
            raise self._error("ends before what")

    def _stream_for(self, packed: bytes) -> tuple[zlib._Decompress | None, bytes]:
        """Give what unpacks the next bytes, and these; nothing where they are too few to tell."""
        if self._stream is None or self._stream.eof:
            if self._encoding == "gzip":
                # A body may be several members (RFC 1952, section 2.2).
                self._stream = zlib.decompressobj(_GZIP)
            elif self._stream is not None:
                raise self._error("goes on after what")
            else:
                packed, self._begun = self._begun + packed, b""
                if len(packed) == 1:
                    self._begun = packed
                    return None, b""
                self._stream = zlib.decompressobj(_ZLIB if _is_zlib(packed) else _RAW)
        return self._stream, packed

    def _error(self, how: str) -> ServingError:
        return ServingError(400, f"The body {how} its Content-Encoding says, {self._encoding}")


def _is_zlib(packed: bytes) -> bool:
    """Tell whether deflate has the frame that it should have; some clients leave it out."""
    return packed[0] & 0x0F == 8 and int.from_bytes(packed[:2], "big") % 31 == 0
