"""Requests as bytes on a socket, for clients that don't send or read them as clients should."""

from __future__ import annotations

import contextlib
import http.client
import socket
from collections.abc import Mapping

from drill import asking
from drill.asking import HOST, PATIENCE, Address
from drill.outcomes import RESET, TIMEOUT

_AT_ONCE = 65536


def connected(address: Address, seconds: float = PATIENCE) -> socket.socket:
    """Open a connection on which nothing takes longer than so many seconds."""
    return socket.create_connection((HOST, address.http), timeout=seconds)


def head(address: Address, *lines: str) -> bytes:
    """Write the head of a V1 request for the model, with these lines."""
    told = (
        f"POST {asking.path('V1', address.model)} HTTP/1.1",
        f"Host: {HOST}",
        "Content-Type: application/json",
        *lines,
    )
    return "\r\n".join([*told, "", ""]).encode()


def request(address: Address, order: Mapping[str, float]) -> bytes:
    """Write a V1 request with an order."""
    body = asking.request_body("V1", {"number": asking.next_number(), **order})
    return head(address, f"Content-Length: {len(body)}") + body


def status(connection: socket.socket) -> str:
    """Read the beginning of an answer; give its status, or what there was instead."""
    try:
        answer = connection.recv(_AT_ONCE)
    except OSError as error:
        return TIMEOUT if isinstance(error, TimeoutError) else RESET
    return answer.split()[1].decode() if answer.startswith(b"HTTP/") else RESET


def is_answered(connection: socket.socket) -> bool:
    """Ask over a connection whether the server lives; tell whether it says so."""
    with contextlib.suppress(OSError, http.client.HTTPException):
        connection.sendall(f"GET /v2/health/live HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode())
        answer = http.client.HTTPResponse(connection)
        answer.begin()
        # What is left of it would be taken for the next one.
        answer.read()
        return answer.status == 200
    return False


def post(address: Address, path: str, body: bytes, seconds: float = PATIENCE) -> str:
    """Post JSON over a connection of its own; give the status, or what there was instead."""
    connection = http.client.HTTPConnection(HOST, address.http, timeout=seconds)
    with contextlib.closing(connection):
        try:
            connection.request("POST", path, body, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            answer.read()
            return str(answer.status)
        except (OSError, http.client.HTTPException) as error:
            return TIMEOUT if isinstance(error, TimeoutError) else RESET
