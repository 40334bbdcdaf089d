"""Messages that clients pack (gRPC's compression), unpacked within a bound.

grpcio measures a message when it has unpacked it, up to 1.83 all of it, whatever that comes to.
So it is told to hand messages over as they came. It doesn't tell which are packed; that is seen by
how they begin, as no message of the services here does: gzip with a wire type that protobuf
hasn't, and zlib with a member that none of them has, number 15.
"""

from __future__ import annotations

from typing import Callable

from wrapper.front import encodings
from wrapper.front.limits import of_messages
from wrapper.settings import Settings
from wrapper.steps import Steps
from wrapper.torchserve import error_table
from wrapper.torchserve.error_table import Case

# The option by which grpcio hands them over as they came.
AS_THEY_CAME = ("grpc.per_message_decompression", 0)

Unpack = Callable[[bytes], Steps[bytes]]

_GZIP, _ZLIB = b"\x1f\x8b", 0x78


def unpacking(settings: Settings) -> Unpack:
    """Give what unpacks messages of clients, or leaves them as they are.

    The steps raise a ServingError, 413 for one that is larger than it may be and 400 for one that
    isn't what it begins as.
    """
    most, _ = of_messages(settings)

    def unpack(message: bytes) -> Steps[bytes]:
        encoding = _encoding(message)
        if encoding is None:
            return message
        unpacking = encodings.Unpacking(encoding)
        unpacked = yield from unpacking.unpack(message, most + 1)
        if len(unpacked) > most:
            size = settings.max_request_size
            raise error_table.error(Case.REQUEST_TOO_LARGE, max_request_size=size)
        unpacking.end()
        return unpacked

    return unpack


def _encoding(message: bytes) -> str | None:
    if message.startswith(_GZIP):
        return "gzip"
    is_zlib = message[:1] == bytes((_ZLIB,)) and int.from_bytes(message[:2], "big") % 31 == 0
    return "deflate" if is_zlib else None
