"""HTTP/1.1 by hand, for what an HTTP client puts right before it can be seen."""

from __future__ import annotations

import http.client
import io
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import quote, urlsplit

from kserve_conformance import expect
from kserve_conformance.asking.server import PRODUCT, Server
from kserve_conformance.expect import Departure

CHUNKED = {"Transfer-Encoding": "chunked"}


@dataclass(frozen=True)
class Answer:
    """An answer as it came.

    Attributes:
        closes: whether it says that the connection ends with it, be it by its version of HTTP.
    """

    status: int
    headers: http.client.HTTPMessage
    body: bytes
    closes: bool


class Hand:
    """Writes the requests of one check, with its id in them as in all others."""

    def __init__(self, server: Server) -> None:
        self._server = server

    def write(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
        last: bool = True,
    ) -> bytes:
        """Write a request with a path that is percent-encoded.

        Args:
            headers: more of them; one that says how long the body is takes Content-Length's place.
            last: whether the connection is to end with it.
        """
        target = self._server.target
        parts = urlsplit(target.url)
        told = {
            "Host": parts.netloc,
            "User-Agent": f"{PRODUCT} ({self._server.check})",
            "X-Request-Id": f"{self._server.check}-1",
            **(headers or {}),
        }
        if body:
            told.setdefault("Content-Type", "application/json")
            if "Transfer-Encoding" not in told:
                told = {"Content-Length": str(len(body)), **told}
        if last:
            told["Connection"] = "close"
        told = target.access.sent(told)
        lines = [f"{method} {parts.path.rstrip('/')}{path} HTTP/1.1"]
        lines += [f"{name}: {value}" for name, value in told.items()]
        return "\r\n".join((*lines, "", "")).encode() + body

    def ask(
        self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Send a request, and give its answer; `Departure` where that isn't all that comes."""
        received = self._server.send_bytes(self.write(method, path, body, headers))
        answer, rest = read(received, method)
        expect.that(not rest, f"after the end of the answer there are {len(rest)} bytes more")
        return answer

    def post_after_error(self, wrong: tuple[str, bytes], right: tuple[str, bytes]) -> Answer | None:
        """POST what must be refused, and then on the same connection what must not.

        Each is a path and a body. Gives the answer to the second, None where the first says
        that the connection closes; a `Departure` tells what else the first ends with.
        """
        sent = self.write("POST", *wrong, last=False) + self.write("POST", *right)
        error, rest = read(self._server.send_bytes(sent))
        expect.that(error.status >= 400, f"a failure is answered with status {error.status}")
        if error.closes:
            return None
        expect.that(bool(rest), f"the connection ends after the error {error.status} unannounced")
        return read(rest)[0]


def read(received: bytes, method: str | None = None) -> tuple[Answer, bytes]:
    """Read an answer, and the bytes after its end; `Departure` where it doesn't end as it says."""
    stream = _Stream(received)
    answer = http.client.HTTPResponse(cast("socket.socket", stream), method=method)
    try:
        answer.begin()
        lengths = answer.headers.get_all("content-length") or []
        coding = answer.headers.get("transfer-encoding")
        expect.that(
            not (lengths and coding),
            f"the answer has both Content-Length {lengths} and Transfer-Encoding {coding}",
        )
        expect.that(
            len(lengths) <= 1 and all(each.isdigit() for each in lengths),
            f"the Content-Length is {', '.join(lengths)}",
        )
        body = answer.read()
    except http.client.HTTPException as error:
        shown = expect.shortened(repr(received), 200)
        raise Departure(f"what came is no whole answer ({error!r}): {shown}") from None
    return Answer(answer.status, answer.headers, body, answer.will_close), stream.read()


def chunked(body: bytes, extension: bytes = b"", trailer: bytes = b"") -> bytes:
    """Write a body, of more than seven bytes, in two chunks.

    Args:
        extension: what follows the size of each chunk, the last one's too.
        trailer: fields after the last chunk, each with its end of line.
    """
    chunks = b"".join(
        b"%x%s\r\n%s\r\n" % (len(each), extension, each) for each in (body[:7], body[7:])
    )
    return chunks + b"0" + extension + b"\r\n" + trailer + b"\r\n"


def quoted(name: str) -> str:
    """Percent-encode a name for a path."""
    return quote(name, safe="")


def encoded(name: str) -> str:
    """Percent-encode a name for a path, and its first letter even where it needn't be."""
    return "".join(f"%{byte:02X}" for byte in name[0].encode()) + quoted(name[1:])


class _Stream(io.BytesIO):
    """Bytes that http.client reads as from a socket, and can't close."""

    def makefile(self, *_: Any) -> _Stream:
        return self

    def close(self) -> None:
        pass
