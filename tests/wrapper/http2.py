"""The frames of HTTP/2 (RFC 9113, section 4), for what no client of gRPC shows."""

from __future__ import annotations

from typing import BinaryIO

SETTINGS, PING, GOAWAY = 4, 6, 7

_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


def frame(kind: int, flags: int, payload: bytes = b"") -> bytes:
    """Give a frame of no stream's."""
    return len(payload).to_bytes(3, "big") + bytes((kind, flags)) + bytes(4) + payload


def greeting() -> bytes:
    """Give what a client begins a connection with."""
    return _PREFACE + frame(SETTINGS, 0)


def read_frame(stream: BinaryIO) -> tuple[int, bytes]:
    """Give the kind and the payload of the next frame."""
    head = stream.read(9)
    assert head, "the server has closed the connection"
    return head[3], stream.read(int.from_bytes(head[:3], "big"))
